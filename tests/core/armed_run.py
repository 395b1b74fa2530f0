"""A whole engine with armed rules over a short market, in memory and in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from _fast.reader import Reader
from engine.broker.sockets import SOCKETS
from engine.broker.transport import AskCalm, ShouldStop, Stream
from engine.commands import OrderCommand, Place
from engine.config import Broker, Config, from_mapping
from engine.engine import Engine
from engine.events import BaseEvent
from engine.inputs import (
    ConditionFired,
    HaltRequested,
    IntentsArmed,
    Noticed,
)
from engine.journal import Journal
from engine.sim.exchange import Exchange
from engine.sim.instruments import instruments, session
from engine.sim.kept_journal import KeptJournal
from engine.sim.launch import DAY
from engine.sim.memory import MemoryTws
from engine.sim.policies import Policies
from engine.sim.records import MarketTick
from engine.sim.virtual import VirtualStream, VirtualTransport
from engine.stillness import Still

SECOND: Final = 1_000_000_000
ACCOUNT: Final = "DU1234567"
START_NS: Final = session(DAY)[0] + 3600 * SECOND
PLENTY: Final = 100_000
HALT: Final = HaltRequested(1, "test", "now")
NOTHING: Final = Noticed("info", "nothing that changes anything")
FOR_EVER: Final = range(1, 10**9)
CROSSES_S: Final = 20.0
SIDES: Final = ("BUY", "SELL")
Path = Sequence[tuple[float, float]]  # from when, the price of a long


def breakout(symbol: str, side: str, armed: bool = True, **more: Any) -> dict[str, Any]:
    when = "last >= 101" if side == "BUY" else "last <= 99"
    enter = {"kind": "enter", "side": side}
    return {"id": symbol, "symbols": [symbol], "when": when, "then": enter, "armed": armed, **more}


def mirrored(price: float, side: str) -> float:
    return price if side == "BUY" else round(200 - price, 2)


class Wire(VirtualTransport):
    """Keeps what is sent."""

    def __init__(self, tws: MemoryTws, idle_ns: int = SOCKETS.idle_ns) -> None:
        super().__init__(tws, idle_ns)
        self.sent: list[bytes] = []
        self.waits = 0

    def connect(self, broker: Broker, should_stop: ShouldStop) -> Stream:
        stream = super().connect(broker, should_stop)
        assert isinstance(stream, VirtualStream)
        send = stream.connection.send

        def kept(data: bytes) -> None:
            self.sent.append(data)
            send(data)

        stream.connection.send = kept  # type: ignore[method-assign]
        return stream

    def wait(self, reader: Reader, timeout_ns: int, calm: AskCalm, still: Still | None) -> int:
        self.waits += 1
        return super().wait(reader, timeout_ns, calm, still)


class Restless(Wire):
    """Leaves out no look, however still it is."""

    def wait(self, reader: Reader, timeout_ns: int, calm: AskCalm, still: Still | None) -> int:
        return super().wait(reader, timeout_ns, calm, None)


class Run:
    """One engine over a short market. Every symbol goes the same way, one after the other."""

    def __init__(
        self,
        *rules: dict[str, Any],
        side: str = "BUY",
        path: Path = ((0, 100.5), (CROSSES_S, 101)),
        size: int = PLENTY,
        lasts_s: float = 40.0,
        faults: Sequence[str] = (),
        journal: Journal | None = None,
        wire: Callable[[MemoryTws], Wire] = Wire,
        **broker: Any,
    ) -> None:
        self.side, self.path, self.size, self.lasts_s = side, path, size, lasts_s
        self.symbols = [rule["symbols"][0] for rule in rules]
        hours = (session(DAY),)
        known = instruments(self.symbols, hours)
        self.exchange = Exchange(known, ACCOUNT, Policies(), 1, START_NS, 1)
        self.tws = MemoryTws(self.exchange, self._ticks(), seed=1, latency_ns=5_000_000)
        for line in faults:
            self.tws.fault(line)
        self.wire = wire(self.tws)
        self.journal = journal or KeptJournal.memory()
        self.config = self._configured(rules, broker)
        self.engine = Engine(self.config, self.journal, transport=self.wire, run="r1")
        self.events: list[BaseEvent] = []
        self.engine.subscribe(BaseEvent, self.events.append)

    def _configured(self, rules: Sequence[dict[str, Any]], broker: dict[str, Any]) -> Config:
        strategy = {
            "symbols": self.symbols,
            "sizing": {"shares": 300},
            "stop": {"amount": 2.0},
            "target": {"amount": 3.0},
            "cooldown_s": 0.0,
            "rules": list(rules),
        }
        return from_mapping({"strategy": strategy, "broker": {"account": ACCOUNT, **broker}})

    def _ticks(self) -> Any:
        left, at_s = list(self.path), 0.0
        while at_s < self.lasts_s + 60:
            while len(left) > 1 and left[1][0] <= at_s:
                left.pop(0)
            middle = mirrored(left[0][1], self.side)
            at_ns = START_NS + int(at_s * SECOND)
            for symbol in self.symbols:
                for kind, price in (("B", middle - 0.01), ("A", middle + 0.01), ("T", middle)):
                    yield MarketTick(at_ns, symbol, kind, round(price, 2), self.size)  # type: ignore[arg-type]
            at_s = min(left[1][0], at_s + 4) if len(left) > 1 else at_s + 4

    def at(self, second: float, action: Callable[[], object]) -> None:
        self.wire.at(START_NS + int(second * SECOND), action)

    def play(self) -> Run:
        self.at(self.lasts_s, self.engine.stop)
        self.engine.run()
        return self

    # -- what came of it ---------------------------------------------------------------------

    def fired(self) -> list[bool]:
        """Of each rule's fire, whether it had been armed."""
        return [
            one.armed
            for record in self.journal.records()
            for one in record.inputs
            if isinstance(one, ConditionFired)
            and any(isinstance(command, OrderCommand) for command in record.commands)
        ]

    def armed(self) -> list[IntentsArmed]:
        records = self.journal.records()
        return [one for r in records for one in r.inputs if isinstance(one, IntentsArmed)]

    def placed(self) -> list[Place]:
        return [c for r in self.journal.records() for c in r.commands if isinstance(c, Place)]

    def position(self, symbol: str = "IBM") -> int:
        return int(self.exchange.position(symbol))

    def protected(self, symbol: str = "IBM") -> int:
        return sum(
            int(one.remaining)
            for one in self.exchange.open_orders()
            if one.order_type == "STP" and one.instrument.symbol == symbol
        )


def frames(data: bytes) -> Iterator[bytes]:
    while data:
        size = 4 + int.from_bytes(data[:4], "big")
        yield data[:size]
        data = data[size:]
