"""Whole engines with armed rules, at a TWS in memory and in virtual time."""

from __future__ import annotations

import hashlib
import itertools
import pathlib
from functools import partial
from typing import Any, Final

import pytest

from engine.armory import rehearsed
from engine.core import Core
from engine.events import NewOrderEvent
from engine.inputs import (
    ArmedIntent,
    ConditionFired,
    IntentsArmed,
    ResumeRequested,
)
from engine.journal import Journal
from engine.monitor.journal_lines import lines_of
from engine.recovery import rebuild
from engine.retrace import Retrace
from engine.rulebook import armed_watches
from engine.state import State
from statecharts.vocabulary import OrderReport
from tests.core.armed_run import (
    CROSSES_S,
    FOR_EVER,
    HALT,
    NOTHING,
    PLENTY,
    SECOND,
    SIDES,
    START_NS,
    Restless,
    Run,
    Wire,
    breakout,
    frames,
)
from tests.faulty_disk import FaultyDisk


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("size", [PLENTY, 70])
def test_it_leaves_armed_once_and_is_protected(side: str, size: int) -> None:
    run = Run(breakout("IBM", side), side=side, size=size).play()
    sign = 1 if side == "BUY" else -1

    assert run.fired() == [True]
    assert run.position() == 300 * sign
    assert run.protected() == 300
    assert [one.order_type for one in run.events if isinstance(one, NewOrderEvent)] == [
        "MKT",
        "STP",
        "LMT",
    ]
    (intent,) = run.armed()[-1].intents
    assert intent.order_ids == tuple(place.order_id for place in run.placed())
    (burst,) = [one for one in run.wire.sent if hashlib.sha256(one).hexdigest() == intent.digest]
    whole = b"".join(run.wire.sent)
    assert [whole.count(frame) for frame in frames(burst)] == [1, 1, 1]
    assert run.exchange.oracle.report()["uncovered_max_ms"] == 0


@pytest.mark.parametrize("side", SIDES)
def test_its_trade_is_that_of_the_ordinary_way(side: str) -> None:
    # The market steps onto the level itself, so both decide on the same prices.
    armed = Run(breakout("IBM", side), side=side).play()
    ordinary = Run(breakout("IBM", side, armed=False), side=side).play()
    assert (armed.fired(), ordinary.fired()) == ([True], [False])
    assert armed.placed() == ordinary.placed()
    assert armed.position() == ordinary.position()


def test_what_is_armed_is_renewed_and_never_older_than_a_second() -> None:
    run = Run(breakout("IBM", "BUY")).play()
    made = [intent.now_ns for one in run.armed() for intent in one.intents]
    apart = [b - a for a, b in itertools.pairwise(made)]
    assert len(made) > 2 * (CROSSES_S - 3)
    assert max(apart) <= SECOND // 2
    fired = next(
        record
        for record in run.journal.records()
        if any(isinstance(one, ConditionFired) for one in record.inputs)
    )
    assert fired.now_ns == made[-1] > START_NS + (CROSSES_S - 1) * SECOND


def test_nothing_is_armed_while_the_price_is_far_away() -> None:
    run = Run(breakout("IBM", "BUY"), path=((0, 99), (CROSSES_S, 101))).play()
    assert run.armed() == []
    assert run.fired() == [False]


def test_a_price_that_jumps_too_far_is_decided_when_it_has_come() -> None:
    run = Run(breakout("IBM", "BUY"), path=((0, 100.5), (CROSSES_S, 101.2))).play()
    assert run.armed() != []
    assert run.fired() == [False]
    wide = Run(
        breakout("IBM", "BUY", armed_gap_percent=0.5), path=((0, 100.5), (CROSSES_S, 101.2))
    ).play()
    assert wide.fired() == [True]


def test_after_a_step_it_is_armed_anew_before_it_leaves() -> None:
    """Whatever the core has heard may have changed what it would do."""
    arrives = CROSSES_S + 0.005
    for before, armed in (((0.010, 0.005), False), ((0.060, 0.040), True)):
        run = Run(breakout("IBM", "BUY"))
        for left in before:
            run.at(arrives - left, lambda run=run: run.engine._inbox.put(NOTHING))  # type: ignore[misc]
        run.play()
        assert run.fired() == [armed]
        assert run.position() == 300


def test_a_halt_that_is_under_way_comes_first() -> None:
    run = Run(breakout("IBM", "BUY"))
    run.at(CROSSES_S + 0.005, lambda: run.engine._inbox.put(HALT))
    run.play()
    assert run.placed() == []
    assert run.position() == 0


def test_of_several_that_come_at_once_one_leaves_armed_and_the_others_in_the_ordinary_way() -> None:
    run = Run(*[breakout(symbol, "BUY") for symbol in ("IBM", "AAPL", "SPY")]).play()
    assert run.fired() == [True, False, False]
    assert [run.position(symbol) for symbol in run.symbols] == [300] * 3
    ids = [place.order_id for place in run.placed()]
    assert ids == sorted(set(ids))
    assert len(ids) == 9
    for one in run.armed():
        taken = [number for intent in one.intents for number in intent.order_ids]
        assert len(set(taken)) == len(taken)
        assert len({intent.context for intent in one.intents}) == len(one.intents)
    assert max(len(one.intents) for one in run.armed()) == 3


def test_a_burst_that_the_pacing_would_split_is_not_armed() -> None:
    run = Run(breakout("IBM", "BUY"), messages_per_s_max=20).play()
    assert run.armed() == []
    assert run.fired() == [False]
    assert run.position() == 300


def test_an_engine_that_is_halted_arms_nothing() -> None:
    run = Run(breakout("IBM", "BUY"))
    run.at(1.0, lambda: run.engine._inbox.put(HALT))
    run.play()
    assert all(
        intent.now_ns < START_NS + 2 * SECOND for one in run.armed() for intent in one.intents
    )


def test_a_disk_that_refuses_arms_nothing(tmp_path: pathlib.Path) -> None:
    disk = FaultyDisk()
    journal = Journal.open(tmp_path / "J", "full", disk)
    run = Run(breakout("IBM", "BUY"), journal=journal)
    seen: list[tuple[tuple[str, str], ...]] = []
    for second in (4.9, 5.9, CROSSES_S - 1):
        run.at(second, lambda: seen.append(run.engine._runtime.armory.armed))
    run.at(5.0, lambda: setattr(disk, "refuse", {"any": FOR_EVER}))
    run.at(30.0, disk.heal)
    run.play()
    assert seen == [(("IBM", "IBM"),), (), ()]
    assert run.position() == 0  # and a journal that cannot be written ends entries


@pytest.mark.parametrize("side", SIDES)
def test_a_disk_that_refuses_what_has_left_is_given_it_later(
    side: str, tmp_path: pathlib.Path
) -> None:
    """What left was on record when it was armed. The step comes to the disk when it is back."""
    disk = FaultyDisk()
    journal = Journal.open(tmp_path / "J", "full", disk)
    run = Run(breakout("IBM", side), side=side, journal=journal)
    run.at(CROSSES_S + 0.004, lambda: setattr(disk, "refuse", {"any": FOR_EVER}))
    run.at(28.0, disk.heal)
    run.play()
    assert abs(run.position()) == 300 == run.protected()
    with Journal.open(tmp_path / "J") as again:
        run.journal = again
        assert run.fired() == [True]
        assert len(run.placed()) == 3
        assert abs(rebuild(again, run.config).state.held("IBM")) == 300


def test_while_it_is_armed_that_is_seen() -> None:
    run = Run(breakout("IBM", "BUY"))
    seen: list[tuple[tuple[str, str], ...]] = []
    for second in (CROSSES_S - 1, CROSSES_S + 5):
        run.at(second, lambda: seen.append(run.engine._runtime.armory.armed))
    run.play()
    assert seen == [(("IBM", "IBM"),), ()]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("second", [CROSSES_S, CROSSES_S + 0.004, CROSSES_S + 0.006, 19.99])
@pytest.mark.parametrize("kind", ["reset", "close"])
def test_a_link_that_is_lost_just_then_leaves_no_doubt_for_long(
    side: str, second: float, kind: str
) -> None:
    run = Run(
        breakout("IBM", side, executions_per_day_max=1),
        side=side,
        faults=(f"+{second:g}s {kind}",),
        lasts_s=90.0,
    ).play()
    held = run.position()
    assert held in (0, 300 if side == "BUY" else -300)
    assert run.protected() == abs(held)
    core = rebuild(run.journal, run.config)
    assert int(core.state.held("IBM")) == held
    sent = [place.spec.order_ref for place in run.placed()]
    assert len(sent) == len(set(sent))
    assert run.exchange.oracle.crossings == 0


def test_the_journal_replays_and_can_be_retraced() -> None:
    run = Run(breakout("IBM", "BUY"), path=((0, 100.5), (CROSSES_S, 101), (30, 104.5)))
    run.play()
    assert run.fired() == [True]
    state = run.engine._runtime.core.state
    assert rebuild(run.journal, run.config).state.digest() == state.digest()
    retrace = Retrace()
    for record in run.journal.records():
        retrace.step(record)
    assert retrace.state.digest() == state.digest()
    assert run.position() == 0


@pytest.mark.parametrize("doubt", ["doubts", "unknown", "looking"])
def test_in_doubt_nothing_is_armed(doubt: str) -> None:
    """As long as it is not known what is at the broker, what is decided now may not hold."""
    run = Run(breakout("IBM", "BUY"))
    seen: list[int] = []

    def look() -> None:
        armory, state = run.engine._runtime.armory, run.engine._runtime.core.state
        now_ns = run.engine._runtime.now_ns()
        seen.append(len(armory.rehearse(run.wire.monotonic_ns(), now_ns)))
        if doubt == "doubts":
            state.doubts = True
        elif doubt == "looking":
            state.looking["IBM"] = ("rules:0",)
        else:
            order = next(iter(_a_fork_with_orders(run).orders.values()))
            order.reported = OrderReport.UNKNOWN
            state.orders[order.order_id] = order
        seen.append(len(armory.rehearse(run.wire.monotonic_ns(), now_ns)))
        state.doubts = False
        state.looking.clear()
        state.orders.clear()

    run.at(CROSSES_S - 5, look)
    run.play()
    assert seen == [1, 0]


def _a_fork_with_orders(run: Run) -> State:
    fork = run.engine._runtime.core.fork()
    (rule, watch) = next(armed_watches(fork.state))
    now_ns = run.engine._runtime.now_ns()
    view = run.engine._runtime.market_view("IBM", now_ns)
    intent = ArmedIntent(watch.number, rule.id, view, now_ns, 1, (1,), "")
    assert rehearsed(fork, intent)[0]
    return fork.state


def test_the_journal_says_what_was_armed_a_line_each() -> None:
    run = Run(breakout("IBM", "BUY"), breakout("SPY", "BUY"), lasts_s=10.0).play()
    records = [one for one in run.journal.records() if isinstance(one.inputs[0], IntentsArmed)]
    lines = list(lines_of(records[0], {}))
    assert [(one.symbol, one.kind) for one in lines] == [
        ("IBM", "IntentsArmed"),
        ("SPY", "IntentsArmed"),
    ]
    assert "rule=IBM" in lines[0].text
    assert "order_ids=1048576,1048577,1048578" in lines[0].text


def test_a_price_that_goes_away_again_takes_back_what_is_armed() -> None:
    run = Run(breakout("IBM", "BUY"), path=((0, 100.5), (10, 99), (30, 101)))
    seen: list[tuple[tuple[str, str], ...]] = []
    for second in (9.0, 12.0):
        run.at(second, lambda: seen.append(run.engine._runtime.armory.armed))
    run.play()
    assert seen == [(("IBM", "IBM"),), ()]
    assert run.fired() == [False]


STILL: Final[dict[str, dict[str, Any]]] = {
    "far away": {"path": ((0, 99), (150, 101))},
    "near and away again": {"path": ((0, 99), (20, 100.5), (60, 99.4), (130, 100.7), (150, 101))},
    "more than the pacing lets through": {"messages_per_s_max": 20},
    "a link that is lost": {"path": ((0, 99), (150, 101)), "faults": ("+31.3s reset",)},
}


def _of_still_times(wire: type[Wire], **more: Any) -> tuple[Run, int]:
    """With requests and a pause of the process in between; and how often the core was copied."""
    seldom = partial(wire, idle_ns=10 * SECOND)
    run = Run(breakout("IBM", "BUY"), lasts_s=160.0, wire=seldom, **more)
    copies = 0
    fork = Core.fork

    def counted(core: Core) -> Core:
        nonlocal copies
        copies += 1
        return fork(core)

    run.at(40.25, lambda: run.engine._inbox.put(NOTHING))
    run.at(77.7, lambda: run.wire.stand_still(3_300_000_000))
    run.at(100.0, lambda: run.engine._inbox.put(HALT))
    run.at(140.1, lambda: run.engine._inbox.put(ResumeRequested("test", "now")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Core, "fork", counted)
        run.play()
    return run, copies


@pytest.mark.parametrize("name", STILL)
def test_looks_that_find_nothing_may_be_left_out(name: str) -> None:
    """What is sent, when, and what is on record is the same to the nanosecond."""
    left_out, copies = _of_still_times(Wire, **STILL[name])
    taken, copies_too = _of_still_times(Restless, **STILL[name])
    assert left_out.wire.sent == taken.wire.sent
    assert [repr(one) for one in left_out.journal.records()] == [
        repr(one) for one in taken.journal.records()
    ]
    assert left_out.wire.waits < taken.wire.waits - 100
    assert copies == copies_too


def test_what_is_refused_is_not_rehearsed_before_something_has_changed() -> None:
    """Nobody can lift a halt but a step of the core."""
    run, copies = _of_still_times(Wire, path=((0, 100.5), (159, 101)), size=70)
    made = [intent.now_ns for one in run.armed() for intent in one.intents]
    halted = [at for at in made if START_NS + 100 * SECOND < at < START_NS + 140 * SECOND]
    assert halted == []
    assert len(made) <= copies < len(made) + 20
