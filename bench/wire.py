"""Messages of TWS as the simulator writes them, one of each kind, in both formats."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from engine.sim.instruments import instrument
from engine.sim.records import SimExecution, SimOrder
from engine.sim.wire_encoder import Encoder
from engine.sim.wire_messages import (
    ORDER_STATUS,
    TICK_PRICE,
    TICK_SIZE,
    order_status_values,
)
from engine.sim.wire_protobuf import ProtobufEncoder
from engine.sim.wire_text import TextEncoder

TEXT: Final = 178  # what ib_async announces
PROTOBUF: Final = 226
ENCODERS: Final[dict[str, Encoder]] = {
    "text": TextEncoder(TEXT),
    "protobuf": ProtobufEncoder(PROTOBUF),
}
D = Decimal
IBM: Final = instrument("IBM")
MINUTE_S: Final = 1_704_292_200  # 2024-01-03 09:30 in New York
ORDER: Final = SimOrder(
    order_id=1_048_580,
    client_id=17,
    perm_id=1_839_405_728,
    instrument=IBM,
    account="DU0000001",
    action="SELL",
    quantity=D(300),
    order_type="STP",
    aux_price=D("157.12"),
    tif="GTC",
    oca_group="sx1-7",
    oca_type=3,
    order_ref="sx1-7-stop",
    status="PreSubmitted",
)
EXECUTION: Final = SimExecution(
    execution_id="00025b46.000001f4.01.01",
    time_ns=MINUTE_S * 1_000_000_000,
    order_id=ORDER.order_id,
    client_id=17,
    perm_id=ORDER.perm_id,
    instrument=IBM,
    account="DU0000001",
    side="SELL",
    quantity=D(100),
    price=D("157.11"),
    cumulative_quantity=D(100),
    average_price=D("157.11"),
    order_ref=ORDER.order_ref,
)


def trade(encoder: Encoder, request_id: int, number: int) -> bytes:
    """A tick-by-tick trade; all numbers fall into one minute, so that no bar is ever late."""
    price = 160 + (number * 7 % 90) / 100
    size = 100 + number * 13 % 900
    second = MINUTE_S + number // 100 % 50
    return encoder.ticks(request_id).last(2, second, price, size, "ISLAND")


MESSAGES: Final[dict[str, Callable[[Encoder], bytes]]] = {
    "tickPrice": lambda e: e.simple(TICK_PRICE, 1, 1, 160.25, D(1200), 1),
    "tickSize": lambda e: e.simple(TICK_SIZE, 1, 8, D(3512400)),
    "tickByTick": lambda e: trade(e, 1, 1),
    "orderStatus": lambda e: e.simple(ORDER_STATUS, *order_status_values(ORDER)),
    "execDetails": lambda e: e.execution(-1, EXECUTION),
    "openOrder": lambda e: e.open_order(ORDER),
}


def version(style: str) -> int:
    return TEXT if style == "text" else PROTOBUF
