"""An ibapi client at a TWS in memory: its own encoder and decoder, no socket and no thread."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.wrapper import EWrapper

from engine.sim import instruments
from engine.sim.exchange import Exchange
from engine.sim.fault_script import parse
from engine.sim.launch import ACCOUNT, DAY
from engine.sim.memory import MemoryConnection, MemoryTws
from engine.sim.policies import Policies
from engine.sim.records import MarketTick, TickKind
from tests.ibapi_decoder import Decoder

# Callbacks that have no plain form beside the one with the protobuf message.
PROTOBUF_ONLY = frozenset({"configResponseProtoBuf", "updateConfigResponseProtoBuf"})
OPEN_NS = instruments.session(DAY)[0]


class _Wire:
    """What EClient takes for its socket."""

    def __init__(self, connection: MemoryConnection) -> None:
        self.connection = connection

    def isConnected(self) -> bool:
        return not self.connection.closed

    def sendMsg(self, message: bytes) -> int:
        self.connection.send(message)
        return len(message)

    def disconnect(self) -> None:
        self.connection.close()


class Caller(EWrapper):
    """``heard`` are the callbacks, in order, as (name, arguments)."""

    def __init__(self, tws: MemoryTws, client_id: int = 1, version: int = 178) -> None:
        self.heard: list[tuple[str, tuple[Any, ...]]] = []
        self.broken: list[str] = []  # frames that ibapi could not read
        super().__init__()
        self.tws = tws
        self.connection = tws.connect()
        self.connection.on_bytes = self._bytes
        self._buffer = b""
        self._decoder: Any = None
        self.client = EClient(self)
        self.client.clientId = client_id
        self._order_id = 1
        hello = f"v100..{version}".encode()
        if not self.connection.closed:
            self.connection.send(b"API\0" + struct.pack(">I", len(hello)) + hello)

    def __getattribute__(self, name: str) -> Any:
        known = EWrapper.__dict__.get(name)
        twice = name.endswith("ProtoBuf") and name not in PROTOBUF_ONLY
        if known is None or name.startswith("_") or twice:
            return super().__getattribute__(name)
        return lambda *arguments: self.heard.append((name, arguments))

    def _bytes(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 4:
            size = struct.unpack(">I", self._buffer[:4])[0]
            if size > 1 << 24:
                self.broken.append(f"a frame of {size} bytes")
                self.connection.close()
                return
            if len(self._buffer) < 4 + size:
                return
            payload, self._buffer = self._buffer[4 : 4 + size], self._buffer[4 + size :]
            self._frame(payload)

    def _frame(self, payload: bytes) -> None:
        if self._decoder is None:
            version = int(payload.split(b"\0")[0])
            self._decoder = Decoder(self, version)
            self.client.serverVersion_, self.client.conn = version, _Wire(self.connection)
            self.client.setConnState(EClient.CONNECTED)
            self.client.startApi()
            return
        try:
            if self.client.serverVersion_ > 200:
                number = struct.unpack(">I", payload[:4])[0]
                if number > 200:
                    self._decoder.processProtoBuf(payload[4:], number - 200)
                    return
                fields = tuple(payload[4:].split(b"\0")[:-1])
            else:
                head, _, body = payload.partition(b"\0")
                number, fields = int(head), tuple(body.split(b"\0")[:-1])
            self._decoder.interpret(fields, number)
        except Exception as problem:  # ibapi's decoder raises what its conversions raise
            self.broken.append(f"{type(problem).__name__}: {problem}")

    # -- in words short enough for a test ------------------------------------------------------

    def place(self, side: str, quantity: int, kind: str, order_id: int = 0, **more: Any) -> int:
        """Place an order, or change the one of ``order_id``; returns its id."""
        made, symbol = Order(), more.pop("symbol", "IBM")
        made.action, made.totalQuantity, made.orderType = side, Decimal(quantity), kind
        made.tif, made.account = more.pop("tif", "GTC"), ACCOUNT
        for name, value in more.items():
            setattr(made, name, value)
        number = order_id or self._order_id
        self._order_id = max(self._order_id, number + 1)
        self.client.placeOrder(number, contract(symbol), made)
        return number

    def cancel(self, order_id: int) -> None:
        self.client.cancelOrder(order_id, OrderCancel())

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for heard, arguments in self.heard if heard == name]

    def statuses(self, order_id: int) -> list[str]:
        return [row[1] for row in self.of("orderStatus") if row[0] == order_id]

    def errors(self) -> list[tuple[int, int]]:
        """(id, code) of every error that is none of the usual greetings."""
        codes = [(row[0], row[2]) for row in self.of("error")]
        return [one for one in codes if one[1] not in (2104, 2106, 2158)]

    def filled(self) -> list[tuple[str, str, Decimal]]:
        """(execution id without its instance, side, shares), live ones only."""
        return [
            (row[2].execId.split(".", 1)[1], row[2].side, row[2].shares)
            for row in self.of("execDetails")
            if row[0] == -1
        ]


def contract(symbol: str = "IBM") -> Contract:
    made = Contract()
    made.symbol, made.secType, made.exchange, made.currency = symbol, "STK", "SMART", "USD"
    return made


class Room:
    """A TWS in memory, at 09:30 with a quote of 99.98 to 100, its faults, and its callers."""

    def __init__(
        self,
        *lines: str,
        policies: Policies | None = None,
        symbols: Sequence[str] = ("IBM", "BAC"),
        **options: Any,
    ) -> None:
        known = instruments.instruments(symbols, (instruments.session(DAY),))
        self.exchange = Exchange(known, ACCOUNT, policies or Policies(), 1, OPEN_NS, 1)
        self.tws = MemoryTws(self.exchange, faults=parse(lines), **options)
        if "IBM" in symbols:
            self.quote(99.98, 100.0)

    def call(self, client_id: int = 1, version: int = 178) -> Caller:
        return Caller(self.tws, client_id, version)

    def tick(self, kind: TickKind, price: float, size: int = 1000, symbol: str = "IBM") -> None:
        self.tws.play(MarketTick(self.tws.now_ns, symbol, kind, price, size))

    def quote(self, bid: float, ask: float, size: int = 1000) -> None:
        self.tick("B", bid, size)
        self.tick("A", ask, size)

    def trade(self, price: float, size: int = 100, symbol: str = "IBM") -> None:
        self.tick("T", price, size, symbol)

    def wait(self, seconds: float) -> None:
        self.tws.run_for(seconds)

    @property
    def position(self) -> Decimal:
        return self.exchange.position("IBM")

    @property
    def happened(self) -> list[int]:
        """How often each fault happened, in the order of the script."""
        return [row["happened"] for row in self.tws.report()["faults"]]
