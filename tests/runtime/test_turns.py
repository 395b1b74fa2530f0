"""What the writer takes together in one step, and what waits for the next one."""

from __future__ import annotations

from engine.inbox import SIGNALS_MAX
from engine.inputs import ErrorReported, ExecutionReported, Signal, SignalArrived
from tests.sim.test_virtual import Day

MILLISECOND = 1_000_000


class Busy(Day):
    """While an order is on its way the engine gets no time, and then all at once: what the broker
    has said meanwhile, and a flood of signals."""

    def __init__(self, signals: int, breaks: int, chatty: bool = False) -> None:
        super().__init__(latency_ms=5)
        self.signal(60, "IBM", "BUY")
        self.numbers = range(signals)
        self.breaks = breaks
        self.chatty = chatty
        self.at(60.001, self.flood)

    def flood(self) -> None:
        # Without a confidence to speak of they are recorded and nothing comes of them.
        now_ns = self.engine.now_ns()
        self.engine._inbox.put_signals(
            [Signal(f"n{one}", "test", "SPY", "BUY", 0.1, now_ns) for one in self.numbers]
        )
        self.transport.before_wait = self.pause
        self.pause()

    def pause(self) -> None:
        if self.breaks:
            self.breaks -= 1
            if self.chatty:
                self.tws.fault("+0s say code=399 text=fine")
            self.transport.stand_still(20 * MILLISECOND)

    def steps(self) -> list[list[object]]:
        """The inputs of each step from the execution on, as far as they are of this story."""
        records = [list(record.inputs) for record in self.journal.records()]
        first = next(n for n, some in enumerate(records) if _has(some, ExecutionReported))
        return records[first:]


def _has(inputs: list[object], kind: type) -> bool:
    return any(isinstance(one, kind) for one in inputs)


def _names(inputs: list[object]) -> list[str]:
    arrived = [one.signal for one in inputs if isinstance(one, SignalArrived)]
    return [one.identity for one in arrived if one.ticker == "SPY"]


def test_signals_let_pass_what_the_broker_has_said_and_come_a_few_at_a_time() -> None:
    day = Busy(signals=20, breaks=1)
    view = day.run(120)
    steps = day.steps()

    assert _names(steps[0]) == []
    taken = [names for one in steps if (names := _names(one))]
    assert taken[0] == [f"n{number}" for number in range(SIGNALS_MAX)]
    assert [len(one) for one in taken] == [8, 8, 4]
    assert [one for names in taken for one in names] == [f"n{number}" for number in day.numbers]
    assert view.symbols[0].state == "protected"


def test_but_for_one_turn_only() -> None:
    """A broker that always has something to say does not keep signals away for ever."""
    day = Busy(signals=20, breaks=8, chatty=True)
    day.run(120)
    told = [(bool(_names(one)), _has(one, ErrorReported)) for one in day.steps()]

    assert told[:5] == [(False, True), (True, True), (False, True), (True, True), (False, True)]
