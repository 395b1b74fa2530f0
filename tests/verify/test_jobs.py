"""Situations side by side: the same states whoever explores them, and nothing lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from multiprocessing import active_children

import attrs
import orjson
import pytest

from engine.errors import UserError
from engine.verify import jobs, rows
from engine.verify.explore import Tally, Violation
from engine.verify.jobs import Bounds, Outcome, explore_all
from engine.verify.situation import Situation
from engine.verify.situations import find

SMALL = (*find("oco"), *find("small"))


def run(
    situations: Sequence[Situation],
    max_states: int,
    jobs: int = 1,
    seconds: float | None = None,
    count_rows: bool = False,
) -> Outcome:
    bounds = Bounds(max_states, seconds, jobs)
    return explore_all(situations, bounds, lambda _: None, count_rows)


def figures(outcome: Outcome) -> list[tuple[object, ...]]:
    return [attrs.astuple(tally, recurse=False) for tally in outcome.tallies]


def test_the_number_of_processes_makes_no_difference() -> None:
    alone = run(SMALL, max_states=800, jobs=1, count_rows=True)
    together = run(SMALL, max_states=800, jobs=3, count_rows=True)

    assert [tally.situation for tally in alone.tallies] == list(SMALL)
    assert figures(alone) == figures(together)
    assert alone.counts == together.counts != {}
    assert not together.interrupted


def test_a_violation_is_heard_as_it_was_said() -> None:
    (situation,) = find("small-long")
    violation = Violation(situation, "6", "6: naked", (("prompt",), ("fill", 2, 1)))
    tally = Tally(situation, states=5, depth=2, violations=[violation])
    said = orjson.loads(orjson.dumps(jobs._tally_said(tally)))
    assert jobs._tally_heard(situation, said) == tally


def test_what_a_small_situation_does_not_need_goes_to_later_ones() -> None:
    (small,) = find("small-long")
    tiny = attrs.evolve(small, faults=0)
    shares = jobs._Shares([tiny] * (jobs.BEHIND + 2), Bounds(1800, jobs=1))

    given = [shares.next().max_states for _ in range(jobs.BEHIND)]
    assert given == [100] * jobs.BEHIND
    assert not shares.ready  # the next share depends on the first result

    shares.tallies[0] = Tally(tiny, states=40)
    assert shares.ready
    assert shares.next().max_states == (1800 - 40 - 15 * 100) // 2


def test_the_bound_is_shared_out_evenly() -> None:
    outcome = run(SMALL, max_states=400, jobs=2)
    states = [tally.states for tally in outcome.tallies]
    assert all(100 <= each <= 130 for each in states)


def test_time_ends_exploring_and_following() -> None:
    outcome = run(find("held-reversal-long"), max_states=10**6, seconds=1.0, jobs=1)
    (tally,) = outcome.tallies
    assert not tally.complete
    assert tally.states < 10**5
    assert tally.followed > 0


@pytest.mark.parametrize("count", [1, 2])
def test_an_interrupt_ends_with_what_was_found(count: int) -> None:
    seen: list[int] = []

    def show(tallies: dict[str, Tally]) -> None:
        seen.append(len(tallies))
        if len(seen) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    outcome = explore_all(SMALL, Bounds(10**6, jobs=count), show)

    assert outcome.interrupted
    assert 1 <= len(outcome.tallies) <= count
    assert all(tally.states for tally in outcome.tallies)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_worker_that_is_killed_is_told() -> None:
    def show(_: dict[str, Tally]) -> None:
        for child in active_children():
            child.kill()

    with pytest.raises(UserError, match="was ended"):
        explore_all(SMALL, Bounds(10**6, jobs=2), show)


def test_rows_are_counted_only_when_asked() -> None:
    assert run(SMALL[:1], max_states=50, jobs=1).counts == {}
    counts = run(SMALL[:1], max_states=50, jobs=1, count_rows=True).counts
    assert counts["session", "idle", "start"] >= 1
    assert set(counts) <= set(rows.every())
