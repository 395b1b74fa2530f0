"""Orders and cancels as bytes, against ibapi's own encoder; the bytes are compared first."""

import logging
from decimal import Decimal
from typing import Any

import pytest

from bench.conftest import Stage
from bench.wire import IBM, version
from engine.broker.requests import Requests
from engine.commands import OrderSpec

SPEC = OrderSpec(
    action="BUY",
    quantity=Decimal(300),
    order_type="LMT",
    limit_price=Decimal("160.25"),
    aux_price=None,
    tif="GTC",
    outside_rth=False,
    account="DU0000001",
    order_ref="sx1-7-entry",
    oca_group="sx1-7",
    oca_type=3,
)
ORDER_ID = 1_048_580


class Capture:
    """Looks like ibapi's connection; keeps the latest frame."""

    frame = b""

    def isConnected(self) -> bool:  # noqa: N802
        return True

    def sendMsg(self, frame: bytes) -> int:  # noqa: N802
        self.frame = frame
        return len(frame)


def ibapi_client(speaks: int) -> tuple[Any, Capture]:
    client = pytest.importorskip("ibapi.client")
    wrapper = pytest.importorskip("ibapi.wrapper")
    logging.getLogger("ibapi").setLevel(logging.WARNING)
    capture = Capture()
    made = client.EClient(wrapper.EWrapper())
    made.serverVersion_ = speaks
    made.conn = capture
    made.setConnState(made.CONNECTED)
    return made, capture


def ibapi_order() -> tuple[Any, Any]:
    contract = pytest.importorskip("ibapi.contract").Contract()
    contract.conId, contract.symbol, contract.secType = IBM.con_id, IBM.symbol, IBM.sec_type
    contract.exchange, contract.primaryExchange = IBM.exchange, IBM.primary_exchange
    contract.currency, contract.localSymbol = IBM.currency, IBM.local_symbol
    contract.tradingClass = IBM.trading_class
    order = pytest.importorskip("ibapi.order").Order()
    order.action, order.totalQuantity = SPEC.action, "300"
    order.orderType, order.lmtPrice = SPEC.order_type, 160.25
    order.tif, order.account, order.outsideRth = SPEC.tif, SPEC.account, False
    order.orderRef, order.ocaGroup, order.ocaType = SPEC.order_ref, SPEC.oca_group, 3
    order.transmit = True
    return contract, order


@pytest.mark.parametrize("style", ["text", "protobuf"])
def test_place(stage: Stage, style: str) -> None:
    requests = Requests(version(style))
    client, capture = ibapi_client(version(style))
    contract, order = ibapi_order()
    client.placeOrder(ORDER_ID, contract, order)
    assert requests.place(ORDER_ID, IBM, SPEC) == capture.frame
    stage(
        "encode",
        f"place an order, {style}",
        lambda: requests.place(ORDER_ID, IBM, SPEC),
        lambda: client.placeOrder(ORDER_ID, contract, order),
        "ibapi",
    )


@pytest.mark.parametrize("style", ["text", "protobuf"])
def test_cancel(stage: Stage, style: str) -> None:
    requests = Requests(version(style))
    client, capture = ibapi_client(version(style))
    nothing_more = pytest.importorskip("ibapi.order_cancel").OrderCancel()
    client.cancelOrder(ORDER_ID, nothing_more)
    assert requests.cancel(ORDER_ID) == capture.frame
    stage(
        "encode",
        f"cancel an order, {style}",
        lambda: requests.cancel(ORDER_ID),
        lambda: client.cancelOrder(ORDER_ID, nothing_more),
        "ibapi",
    )
