import subprocess
import sys

import pytest

from engine.tws_errors import (
    FARM_BROKEN,
    FARM_OK,
    UPSTREAM_LOST,
    UPSTREAM_RESTORED,
    ErrorClass,
    classify,
)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (201, ErrorClass.ORDER_REJECTED),
        (202, ErrorClass.ORDER_CANCELLED),
        (10326, ErrorClass.AMEND_REFUSED),
        (103, ErrorClass.AMEND_REFUSED),
        (10147, ErrorClass.CANCEL_REFUSED),
        (10148, ErrorClass.CANCEL_REFUSED),
        (10349, ErrorClass.ORDER_INFO),
        (399, ErrorClass.ORDER_INFO),
        (110, ErrorClass.PRICE_REFUSED),
        (354, ErrorClass.DATA),
        (162, ErrorClass.HISTORY),
        (1100, ErrorClass.LINK),
        (2104, ErrorClass.FARM),
        (326, ErrorClass.FATAL_CLIENT),
    ],
)
def test_known_codes(code, expected):
    assert classify(code) is expected


@pytest.mark.parametrize("code", [-1, 0, 1, 999, 20_000, 10_350])
def test_every_other_code_is_unknown_and_never_an_end(code):
    assert classify(code) is ErrorClass.UNKNOWN


def test_link_and_farm_codes_are_classed_as_such():
    assert {classify(code) for code in UPSTREAM_LOST | UPSTREAM_RESTORED} == {ErrorClass.LINK}
    assert {classify(code) for code in FARM_OK | FARM_BROKEN} == {ErrorClass.FARM}


def test_the_table_and_the_session_import_no_ibapi():
    code = (
        "import sys, engine.tws_errors, engine.broker.session; "
        "print(sorted(m for m in sys.modules if m.startswith('ibapi')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
