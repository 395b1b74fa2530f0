"""Whatever a sender writes, the answer is a signal or a refusal with a reason."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SignalError
from engine.inputs import Signal, SignalRefused
from engine.signals.schema import (
    AHEAD_MAX_NS,
    DETAIL_CHARS_MAX,
    SIGNAL_BYTES_MAX,
    RefusalReason,
    SignalRefusedError,
    parse_signal,
)

SYMBOLS = frozenset({"SPY", "BRK B"})
NOW_MS = 1_700_000_000_000
NOW_NS = NOW_MS * 1_000_000
GOOD: dict[str, Any] = {
    "ticker": "SPY",
    "signal": "BUY",
    "numeric": 1,
    "confidence": 0.75,
    "probabilities": {"BUY": 0.75, "SELL": 0.2, "NEUTRAL": 0.05},
    "timestamp": NOW_MS - 1_000,
    "datetime_of_data": "2023-11-14 17:13:19",
    "stock_price": 450.25,
    "feature_values": {"flow": 1.5, "day": "Tue", "halted": False, "gap": None},
    "prediction_time": "2023-11-14T22:13:20.5Z",
    "id": "p-1",
}
NOT_NUMBERS = [None, True, False, "0.5", [0.5], {"value": 0.5}, math.nan, math.inf, -math.inf]


def parse(data: object, **more: Any) -> Signal:
    return parse_signal(data, "api", NOW_NS, SYMBOLS, **more)


def refusal(data: object, **more: Any) -> SignalRefusedError:
    with pytest.raises(SignalRefusedError) as caught:
        parse(data, **more)
    return caught.value


def test_a_prediction_as_the_api_gives_it() -> None:
    time_ns = (NOW_MS - 1_000) * 1_000_000
    expected = Signal(f"api:SPY:{time_ns}:BUY", "api", "SPY", "BUY", 0.75, time_ns, 450.25)

    assert parse(GOOD) == expected
    assert parse(json.dumps(GOOD).encode()) == expected


def test_only_ticker_signal_confidence_and_a_time_are_needed() -> None:
    assert parse(
        {"ticker": " SPY ", "signal": "SHORT\n", "confidence": 1}, model_time_ns=5
    ) == Signal("api:SPY:5:SHORT", "api", "SPY", "SHORT", 1.0, 5, None)


@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"ticker", "signal", "confidence"}))
def test_an_optional_field_may_be_null_or_missing(name: str) -> None:
    without = {key: value for key, value in GOOD.items() if key != name}

    assert parse({**GOOD, name: None}) == parse(without)


@pytest.mark.parametrize("kind", ["BUY", "SELL", "SHORT", "NEUTRAL"])
def test_all_four_signals_are_known(kind: str) -> None:
    assert parse({**GOOD, "signal": kind}).signal == kind


@pytest.mark.parametrize("confidence", [0, 1, 0.0, 1.0, 0.5, -0.0])
def test_confidence_bounds_are_inclusive(confidence: float) -> None:
    assert parse({**GOOD, "confidence": confidence}).confidence == confidence


# -- identity and time -------------------------------------------------------------------------


def test_the_identity_is_source_ticker_model_time_and_signal_only() -> None:
    same = parse({**GOOD, "confidence": 0.9, "id": "other", "prediction_time": None}).identity

    assert same == parse(GOOD).identity
    others = [
        parse({**GOOD, "ticker": "BRK B"}),
        parse({**GOOD, "signal": "SELL"}),
        parse({**GOOD, "timestamp": NOW_MS}),
        parse_signal(GOOD, "other", NOW_NS, SYMBOLS),
    ]
    assert len({same, *(signal.identity for signal in others)}) == 5


@pytest.mark.parametrize(
    ("times", "expected_ns"),
    [
        ({"timestamp": NOW_MS}, NOW_NS),
        ({"timestamp": NOW_MS, "datetime_of_data": "2023-11-14T22:00:00Z"}, NOW_NS),
        ({"datetime_of_data": "2023-11-14T17:13:20-05:00"}, NOW_NS),
        (
            {
                "datetime_of_data": "2023-11-14T17:13:19-05:00",
                "prediction_time": "2023-11-14T22:13:20Z",
            },
            NOW_NS - 1_000_000_000,
        ),
        ({"prediction_time": "2023-11-14T22:13:20.000001+00:00"}, NOW_NS + 1_000),
        # Without a zone nobody knows which hour is meant.
        (
            {
                "datetime_of_data": "2023-11-14T17:00:00",
                "prediction_time": "2023-11-14T22:13:20Z",
            },
            NOW_NS,
        ),
        ({"datetime_of_data": "2023-11-14T17:00:00"}, 77),
        ({"datetime_of_data": "2023-11-14"}, 77),
        ({}, 77),
    ],
)
def test_the_model_time(times: dict[str, Any], expected_ns: int) -> None:
    data = {"ticker": "SPY", "signal": "BUY", "confidence": 0.5, **times}

    assert parse(data, model_time_ns=77).model_time_ns == expected_ns


@pytest.mark.parametrize(
    "times",
    [
        {},
        {"datetime_of_data": "2023-11-14T17:00:00"},
        {"timestamp": NOW_MS // 1_000},
        {"timestamp": NOW_MS * 1_000},
        {"timestamp": -1},
        {"timestamp": 10**30},
        {"timestamp": float(NOW_MS)},
        {"timestamp": str(NOW_MS)},
        {"timestamp": True},
        {"timestamp": NOW_MS + 301_000},
        {"datetime_of_data": "yesterday"},
        {"datetime_of_data": ""},
        {"datetime_of_data": "9999-12-31T23:59:59-23:59"},
        {"datetime_of_data": "0001-01-01T00:00:00+23:59"},
        {"prediction_time": "1999-12-31T23:59:59Z"},
        # Checked even where another time is used.
        {"timestamp": NOW_MS, "prediction_time": "25:00"},
    ],
)
def test_a_time_that_cannot_be_is_refused(times: dict[str, Any]) -> None:
    data = {"ticker": "SPY", "signal": "BUY", "confidence": 0.5, **times}

    assert refusal(data).reason is RefusalReason.BAD_TIME


def test_age_and_earliness_are_bounded_inclusively() -> None:
    data = {"ticker": "SPY", "signal": "BUY", "confidence": 0.5}

    assert parse(data, model_time_ns=NOW_NS - 60, max_age_ns=60)
    assert refusal(data, model_time_ns=NOW_NS - 61, max_age_ns=60).reason is RefusalReason.TOO_OLD
    assert parse(data, model_time_ns=NOW_NS - 10**18)
    assert parse(data, model_time_ns=NOW_NS + AHEAD_MAX_NS)
    assert refusal(data, model_time_ns=NOW_NS + AHEAD_MAX_NS + 1).reason is RefusalReason.BAD_TIME


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [*NOT_NUMBERS, -0.01, 1.01, 2, 10**400, -(10**400)])
def test_bad_confidence(value: object) -> None:
    assert refusal({**GOOD, "confidence": value}).reason is RefusalReason.BAD_CONFIDENCE


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "null", "true"])
def test_bad_confidence_as_it_arrives(text: str) -> None:
    body = b'{"ticker":"SPY","signal":"BUY","timestamp":1700000000000,"confidence":%s}'

    assert refusal(body % text.encode()).reason is RefusalReason.BAD_CONFIDENCE


def test_missing_confidence_is_bad_confidence() -> None:
    assert refusal({"ticker": "SPY", "signal": "BUY"}).reason is RefusalReason.BAD_CONFIDENCE


@pytest.mark.parametrize("value", ["", "buy", "HOLD", "BUY SELL", "ＢＵＹ", "BUY\0"])  # noqa: RUF001
def test_unknown_signal(value: str) -> None:
    assert refusal({**GOOD, "signal": value}).reason is RefusalReason.UNKNOWN_SIGNAL


@pytest.mark.parametrize("value", ["", "spy", "QQQ", "SPY;", "S" * 1_000])
def test_unknown_ticker(value: str) -> None:
    found = refusal({**GOOD, "ticker": value})

    assert found.reason is RefusalReason.UNKNOWN_TICKER
    assert found.ticker == value[:128]


@pytest.mark.parametrize("name", ["ticker", "signal"])
@pytest.mark.parametrize("value", [None, 5, True, ["SPY"], {"SPY": "BUY"}])
def test_ticker_and_signal_are_text(name: str, value: object) -> None:
    assert refusal({**GOOD, name: value}).reason is RefusalReason.MALFORMED


@pytest.mark.parametrize("name", ["ticker", "signal"])
def test_ticker_and_signal_are_needed(name: str) -> None:
    found = refusal({key: value for key, value in GOOD.items() if key != name})

    assert (found.reason, found.detail) == (RefusalReason.MALFORMED, f"{name} is missing")


@pytest.mark.parametrize("name", ["numeric", "stock_price"])
@pytest.mark.parametrize("value", [*NOT_NUMBERS[1:], 10**400])
def test_numbers_are_finite_numbers(name: str, value: object) -> None:
    assert refusal({**GOOD, name: value}).reason is RefusalReason.MALFORMED


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("stock_price", 0, RefusalReason.MALFORMED),
        ("stock_price", -1.5, RefusalReason.MALFORMED),
        ("probabilities", 0.5, RefusalReason.MALFORMED),
        ("probabilities", [0.5, 1.5], RefusalReason.MALFORMED),
        ("probabilities", {"BUY": None}, RefusalReason.MALFORMED),
        ("probabilities", [0.01] * 65, RefusalReason.TOO_LARGE),
        ("feature_values", "flow", RefusalReason.MALFORMED),
        ("feature_values", {"flow": [1]}, RefusalReason.MALFORMED),
        ("feature_values", {"flow": 10**400}, RefusalReason.MALFORMED),
        ("feature_values", {"flow": "x" * 129}, RefusalReason.TOO_LARGE),
        ("feature_values", [0] * 4_097, RefusalReason.TOO_LARGE),
        ("id", 1.5, RefusalReason.MALFORMED),
        ("id", True, RefusalReason.MALFORMED),
        ("id", "x" * 129, RefusalReason.TOO_LARGE),
        ("prediction_time", 5, RefusalReason.MALFORMED),
        ("prediction_time", "2" * 129, RefusalReason.TOO_LARGE),
        ("quantity", 100, RefusalReason.UNKNOWN_FIELD),
        ("", 100, RefusalReason.UNKNOWN_FIELD),
    ],
)
def test_optional_fields_are_checked(name: str, value: object, reason: RefusalReason) -> None:
    found = refusal({**GOOD, name: value})

    assert (found.reason, found.ticker) == (reason, "SPY")


def test_a_feature_that_could_not_be_measured_is_no_reason() -> None:
    assert parse({**GOOD, "feature_values": [math.nan, 1, "x", None, True]})
    assert parse({**GOOD, "probabilities": [0, 1, 0.5], "id": 7})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"BUY SPY",
        b"[]",
        b'"SPY"',
        b"null",
        b"7",
        b"\xff\xfe\x00",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"9" * 10_000,
        b'{"ticker":"SPY","signal":"BUY","signal":"SELL","confidence":1}',
        json.dumps(GOOD).encode()[:-1],
        json.dumps(GOOD).encode() + b"{}",
    ],
)
def test_a_body_that_is_no_object_is_malformed(body: bytes) -> None:
    assert refusal(body).reason is RefusalReason.MALFORMED


def test_a_huge_body_is_not_even_read() -> None:
    body = json.dumps({**GOOD, "id": "x" * SIGNAL_BYTES_MAX}).encode()

    assert refusal(body).reason is RefusalReason.TOO_LARGE
    padded = json.dumps(GOOD).encode()
    assert parse(padded.ljust(SIGNAL_BYTES_MAX))
    assert refusal(padded.ljust(SIGNAL_BYTES_MAX + 1)).reason is RefusalReason.TOO_LARGE


def test_a_refusal_goes_on_record() -> None:
    found = refusal({**GOOD, "confidence": 7})

    assert isinstance(found, SignalError)
    assert found.as_input("api") == SignalRefused(
        "api", "SPY", "bad_confidence", "confidence is 7, not a number from 0 to 1"
    )
    # The journal stores exact types only.
    assert type(found.as_input("api").reason) is str


# -- anything at all ---------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=20)
    | st.sampled_from([*SYMBOLS, "BUY", "SELL", NOW_MS, 10**400, "2023-11-14T22:13:20Z"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


def check_outcome(data: object) -> None:
    try:
        signal = parse(data, max_age_ns=60 * 10**9, model_time_ns=NOW_NS)
    except SignalRefusedError as found:
        assert found.reason in RefusalReason
        assert found.detail
        assert len(found.detail) <= DETAIL_CHARS_MAX
        assert len(found.ticker) <= 128
    else:
        assert signal.ticker in SYMBOLS
        assert type(signal.confidence) is float
        assert 0 <= signal.confidence <= 1
        assert 0 <= NOW_NS - signal.model_time_ns + AHEAD_MAX_NS <= 360 * 10**9
        assert signal.price is None or signal.price > 0


@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*GOOD, "other"], ANYTHING)))
def test_any_fields_give_a_signal_or_a_refusal(data: Mapping[str, Any]) -> None:
    check_outcome(data)


@given(st.sampled_from(list(GOOD)), ANYTHING)
def test_any_one_wrong_field_gives_a_signal_or_a_refusal(name: str, value: object) -> None:
    check_outcome({**GOOD, name: value})


@given(ANYTHING | st.binary() | st.binary().map(lambda tail: b'{"ticker":' + tail))
def test_anything_gives_a_signal_or_a_refusal(data: object) -> None:
    check_outcome(data)


@given(st.data())
def test_any_changed_bytes_give_a_signal_or_a_refusal(data: st.DataObject) -> None:
    body = bytearray(json.dumps(GOOD).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    check_outcome(bytes(body))
