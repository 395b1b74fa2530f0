"""Every hot message in both formats, against encoders of our own and against ibapi's decoder."""

import math
from typing import Any

import pytest
from ibapi.protobuf.CommissionAndFeesReport_pb2 import CommissionAndFeesReport
from ibapi.protobuf.ErrorMessage_pb2 import ErrorMessage
from ibapi.protobuf.OpenOrder_pb2 import OpenOrder
from ibapi.protobuf.OrderStatus_pb2 import OrderStatus

from _fast.decode import decode
from tests.fast.order_samples import (
    ERROR,
    FORMATS,
    ORDER,
    SAMPLES,
    Sample,
    Variant,
    heard_order,
    order_fields,
    payload_of,
)
from tests.fast.payloads import TEXT_VERSIONS, UNSET, ibapi_calls, protobuf, text


def expected_of(sample: Sample, form: str, version: int) -> tuple[Any, ...]:
    if sample.msg_id == 4 and form == "text" and version < 194:
        return (*ERROR[:5], 0)  # errors had no time before 194
    return sample.expected


@pytest.mark.parametrize(("form", "version"), FORMATS)
@pytest.mark.parametrize("name", SAMPLES)
def test_one_layout_for_every_format_and_version(name: str, form: str, version: int) -> None:
    sample = SAMPLES[name]
    payload = payload_of(sample, form, version)
    assert decode(payload, version) == expected_of(sample, form, version)


@pytest.mark.parametrize(("form", "version"), FORMATS)
@pytest.mark.parametrize("name", SAMPLES)
def test_ibapi_reads_the_same(name: str, form: str, version: int) -> None:
    sample = SAMPLES[name]
    ((_, args),) = ibapi_calls(version, payload_of(sample, form, version))
    heard = sample.heard(*args)
    if name == "error" and form == "text":
        # ibapi undoes every backslash, also those by which JSON escapes its own quotes.
        heard = (*heard[:4], heard[4].replace('"b"', '\\"b\\"'), heard[5])
    assert heard == expected_of(sample, form, version)


VARIANTS = [
    Variant(),
    Variant(delta_neutral="None"),
    Variant(legs=2, leg_prices=2, smart=1),
    Variant(scale=0.05),
    Variant(scale=-1.0, hedge="D"),
    Variant(delta_neutral_contract=True, algo="Vwap", algo_params=3),
    Variant(algo="ArrivalPx", limit="", aux="1.7976931348623157E308"),
    Variant(trail_stop="", trail_percent="1.7976931348623157E308"),
    Variant("None", 4, 4, 2, 0.01, "P", True, "Twap", 2, "0", "12.5", "0.0", ""),
]


@pytest.mark.parametrize("version", TEXT_VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_open_order_text_of_every_shape(variant: Variant, version: int) -> None:
    payload = text(version, 5, *order_fields(version, variant))
    ((_, args),) = ibapi_calls(version, payload)
    assert decode(payload, version) == heard_order(*args)
    assert decode(payload, version)[18] == "PreSubmitted"


def test_an_open_order_whose_tail_we_do_not_know_keeps_all_but_its_status_and_trail() -> None:
    fields = order_fields(178, Variant())
    parent = len(order_fields(178, Variant())[: fields.index("PreSubmitted")])
    for tail in range(parent - 20, parent):
        assert decode(text(178, 5, *fields[:tail]), 178) == (*ORDER[:18], "", None, None)


@pytest.mark.parametrize("unset", ["", "1.7976931348623157E308", repr(UNSET), "Infinity", "NaN"])
def test_unset_money_is_none_in_text(unset: str) -> None:
    assert decode(text(178, 59, 1, "e", unset, "USD", unset, "", ""), 178) == (
        *(59, "e", None, "USD", None),
    )
    fields = order_fields(200, Variant(limit=unset, aux=unset))
    assert decode(text(200, 5, *fields), 200)[8:10] == (None, None)
    fields = [7, "Submitted", "0", "100", unset, 1, 0, unset, 3, "", unset]
    assert decode(text(200, 3, *fields), 200) == (
        *(3, 7, "Submitted", "0", "100", 0.0, 1, 0, 0.0, 3, "", 0.0),
    )


def test_unset_money_is_none_in_protobuf() -> None:
    assert decode(protobuf(59, CommissionAndFeesReport(execId="e")), 226) == (
        *(59, "e", None, "", None),
    )
    message = CommissionAndFeesReport(execId="e", commissionAndFees=UNSET, realizedPNL=math.inf)
    assert decode(protobuf(59, message), 226) == (59, "e", None, "", None)


def test_an_empty_protobuf_message_is_all_absent() -> None:
    assert decode(protobuf(3, OrderStatus()), 226) == (3, 0, "", "", "", 0.0, 0, 0, 0.0, 0, "", 0.0)
    assert decode(protobuf(4, ErrorMessage(errorCode=1100)), 226) == (4, -1, 1100, "", "", 0)
    assert decode(protobuf(5, OpenOrder(contract={}, order={})), 226) == (
        *(5, 0, 0, "", "", "", "", "", None, None, "", "", "", "", 0, 0, 0, 0, ""),
        *(None, None),
    )


@pytest.mark.parametrize(
    "quantity", ["", "0", "1e-7", "100.50", "2147483647", "9223372036854775807", "1.79E308"]
)
def test_quantities_stay_as_they_were_sent(quantity: str) -> None:
    fields = [7, "Filled", quantity, quantity, "1", 1, 0, "1", 3, "", "0"]
    assert decode(text(178, 3, *fields), 178)[3:5] == (quantity, quantity)
    message = OrderStatus(orderId=7, filled=quantity, remaining=quantity)
    assert decode(protobuf(3, message), 226)[3:5] == (quantity, quantity)


def test_unset_integers_are_zero() -> None:
    unset = [2147483647, "Filled", "1", "0", "1", 9223372036854775807, 2147483647, "1"]
    assert decode(text(178, 3, *unset, 2147483647, "", "0"), 178) == (
        *(3, 0, "Filled", "1", "0", 1.0, 0, 0, 1.0, 0, "", 0.0),
    )


def test_escapes_in_errors_are_undone_and_nothing_else() -> None:
    def said(message: str) -> str:
        result: str = decode(text(178, 4, 2, 7, 201, message, ""), 178)[3]
        return result

    assert said("\\ud83d\\ude00!") == "\U0001f600!"
    assert said("C:\\temp \\n \\u12") == "C:\\temp \\n \\u12"
    assert said("alone \\ud83d.") == "alone \ufffd."
    assert said("schon größer") == "schon größer"
