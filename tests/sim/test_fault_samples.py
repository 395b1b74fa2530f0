"""Every sample line of every fault happens in a busy quarter of an hour, and breaks only what it
is meant to break."""

from __future__ import annotations

import pytest

from engine.sim.fault_draw import draw
from engine.sim.fault_script import parse
from engine.sim.faults import KINDS
from tests.sim.caller import Caller, Room, contract

SAMPLES = [(kind.name, sample.format(symbol="IBM")) for kind in KINDS.values()
           for sample in kind.samples]  # fmt: skip
LINES = [
    f"{'start' if KINDS[name].nature == 'rule' else 'order:3'} {sample}" for name, sample in SAMPLES
]
# What a client cannot read, by intent.
UNREADABLE = frozenset({"garble", "bad-length", "unknown-message", "cut", "exec-time", "quote"})


class Day:
    """A client that does a bit of everything, and connects again whenever it is thrown out."""

    def __init__(self, room: Room, version: int) -> None:
        self.room, self.version = room, version
        self.callers: list[Caller] = []
        self.next_id = 1
        self.join()

    @property
    def caller(self) -> Caller:
        return self.callers[-1]

    def join(self) -> None:
        made = self.room.call(1, self.version)
        self.callers.append(made)
        self.room.wait(4)
        if made.client.isConnected():
            made.client.reqMktData(901, contract(), "", False, False, [])
            made.client.reqPositions()

    def do(self, what: str, *arguments: object, **more: object) -> int:
        for _ in range(20):
            if self.caller.client.isConnected() and not self.caller.connection.closed:
                break
            self.room.wait(5)
            self.join()
        number = 0
        if what == "place":
            number = int(more.pop("order_id", 0)) or self.next_id  # type: ignore[call-overload]
            self.next_id = max(self.next_id, number + 1)
            self.caller.place(*arguments, order_id=number, **more)  # type: ignore[arg-type]
        elif what == "cancel":
            self.caller.cancel(*arguments)  # type: ignore[arg-type]
        else:
            getattr(self.caller.client, what)(*arguments)
        self.room.wait(0.5)
        return number

    def move(self, price: float) -> None:
        self.room.quote(price - 0.02, price)
        self.room.trade(price)
        self.room.wait(1)

    def ask(self) -> None:
        from ibapi.execution import ExecutionFilter

        self.do("reqOpenOrders")
        self.do("reqExecutions", 77, ExecutionFilter())
        self.do("reqCompletedOrders", False)
        self.do("reqPositions")
        self.do("reqCurrentTime")
        self.do("reqContractDetails", 78, contract())

    def hurry(self) -> None:
        """More than a second can hold."""
        for _ in range(25):
            if not self.caller.connection.closed:
                self.caller.client.reqCurrentTime()

    def live(self) -> None:
        self.do("place", "BUY", 100, "MKT")
        stop = self.do("place", "SELL", 100, "STP", auxPrice=99.0, ocaGroup="a", ocaType=1)
        target = self.do("place", "SELL", 100, "LMT", lmtPrice=120.0, ocaGroup="a", ocaType=1)
        self.ask()
        self.do("place", "SELL", 100, "STP", order_id=stop, auxPrice=99.1, ocaGroup="a", ocaType=1)
        resting = self.do("place", "BUY", 50, "LMT", lmtPrice=90.0)
        self.do("place", "BUY", 60, "LMT", order_id=resting, lmtPrice=91.0)
        for price in (100.5, 101.0, 100.8):
            self.move(price)
        self.do("cancel", resting)
        self.do("cancel", resting)
        self.ask()
        self.hurry()
        self.do("place", "SELL", 400, "MKT")  # beyond what is held
        self.move(99.05)
        self.move(99.0)
        self.do("place", "BUY", 200, "LMT", lmtPrice=99.5)
        second = self.do("place", "BUY", 100, "LMT", lmtPrice=80.0)
        self.do("cancel", second)
        self.do("place", "SELL", 50, "TRAIL", auxPrice=0.5)
        for price in (99.5, 100.5, 100.0, 99.0):
            self.move(price)
        self.ask()
        self.room.wait(60)
        self.ask()
        self.do("cancel", target)
        self.room.wait(300)
        self.ask()


@pytest.mark.parametrize("version", [178, 226])
@pytest.mark.parametrize("line", LINES)
def test_it_happens_and_is_counted(line: str, version: int) -> None:
    room = Room(line)
    day = Day(room, version)
    day.live()

    assert room.happened[0] >= 1
    name = line.split()[1]
    if name not in UNREADABLE:
        assert [one for caller in day.callers for one in caller.broken] == []
    # Whatever is told, the exchange itself stays sound.
    for order in room.exchange.open_orders():
        assert order.remaining > 0
    assert room.exchange.executions()


def test_without_faults_nothing_is_broken() -> None:
    room = Room()
    day = Day(room, 226)
    day.live()
    assert len(day.callers) == 1
    assert day.caller.broken == []
    assert {code for _, code in day.caller.errors()} == {202, 10148}


@pytest.mark.parametrize("seed", range(12))
def test_drawn_faults_are_the_same_for_the_same_seed(seed: int) -> None:
    def run() -> tuple[object, ...]:
        room = Room(seed=seed)
        for fault in draw(seed, ["IBM"], 120 * 10**9):
            room.tws.fault(fault.line)
        day = Day(room, 178)
        day.live()
        heard = [name for caller in day.callers for name, _ in caller.heard]
        return heard, room.tws.report()

    assert run() == run()


def test_seeds_draw_different_faults_that_all_parse() -> None:
    drawn = {tuple(fault.line for fault in draw(seed, ["IBM", "BAC"], 10**12))
             for seed in range(50)}  # fmt: skip
    assert len(drawn) == 50
    names = {line.split()[1] for lines in drawn for line in lines}
    assert names == set(KINDS)


def test_every_sample_is_a_line_of_a_script() -> None:
    assert len(parse([f"+1s {sample}" for _, sample in SAMPLES])) == len(SAMPLES)
