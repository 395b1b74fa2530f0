"""Numbers as TWS writes them, and those that are none."""

import locale
import math
import struct
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from _fast.decode import DecodeError, parse_double
from tests.fast.payloads import UNSET

DECIMALS = st.from_regex(
    r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,4})?", fullmatch=True
)


@given(DECIMALS | st.floats(allow_nan=False, allow_infinity=False).map(repr))
@example("9007199254740993")
@example("0.1e-22")
@example("123456789012345678901234567890")
@example("4.9e-324")
@example("2.2250738585072011e-308")
@example("1" + "0" * 400)
@example("0." + "0" * 400 + "1")
@example("-0")
def test_doubles_are_those_of_python(number: str) -> None:
    expected = float(number)
    found = parse_double(number.encode())
    if abs(expected) >= UNSET:
        assert math.isnan(found)
    else:
        assert struct.pack("d", found) == struct.pack("d", expected)


@pytest.mark.parametrize(
    "garbage",
    ["-", "+", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "1_000", " 1", "1 ", "inf", "1,5", "12a"],
)
def test_garbage_is_no_number(garbage: str) -> None:
    with pytest.raises(DecodeError, match="not a number"):
        parse_double(garbage.encode())


def test_a_number_of_absurd_length_is_refused() -> None:
    assert parse_double(b"0." + b"1" * 1022) == float("0." + "1" * 1022)
    with pytest.raises(DecodeError):
        parse_double(b"0." + b"1" * 1023)


def test_the_decimal_point_is_no_matter_of_locale() -> None:
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "pt_BR.UTF-8", "ru_RU.UTF-8"):
            with suppress(locale.Error):
                locale.setlocale(locale.LC_NUMERIC, name)
                break
        else:
            pytest.skip("no locale with a decimal comma is installed")
        assert locale.localeconv()["decimal_point"] == ","
        assert parse_double(b"0.12345678901234567890123") == 0.12345678901234567890123
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
