"""One transition: the lowered table against the library that the charts are written in."""

from _fast.table import Stepper
from bench.conftest import Stage
from statecharts.lower import table
from statecharts.session import SessionChart
from statecharts.vocabulary import SessionEvent


def test_table(stage: Stage) -> None:
    region = table(SessionChart).regions[0]
    events = len(SessionEvent)
    stepper = Stepper(region.next, len(region.states), events)
    event = int(SessionEvent.START)
    initial = region.initial

    chart = SessionChart()
    chart.send("start")
    chart.send("connect_failed")

    def other() -> None:  # a cycle of two transitions
        chart.send("retry")
        chart.send("connect_failed")

    stage(
        "core",
        "table step, from Python",
        lambda: stepper.step(initial, event),
        other,
        "python-statemachine",
        other_count=2,
    )
