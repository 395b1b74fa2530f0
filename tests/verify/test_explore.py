"""The real core under every order of events, as far as the tests' time allows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import attrs
import pytest

from engine import core, exits, reports, wants
from engine.inputs import ExecutionReported
from engine.orders import Order
from engine.positions import Ledger
from engine.verify.explore import Tally, explore
from engine.verify.scenario import parse, render, replay
from engine.verify.situations import SITUATIONS, find
from engine.wants import Withdraw
from statecharts.vocabulary import OrderEvent

STATES = 400  # of each situation; all together more than 20,000
MUTANT_STATES = 6_000


@pytest.mark.rows
@pytest.mark.slow
def test_no_law_is_broken_in_twenty_thousand_states() -> None:
    tallies = [explore(situation, STATES) for situation in SITUATIONS]

    assert [one.text for tally in tallies for one in tally.violations] == []
    assert sum(tally.states for tally in tallies) >= 20_000
    assert all(tally.complete or tally.states >= STATES for tally in tallies)
    assert sum(tally.transitions for tally in tallies) > 40_000


def test_a_small_situation_is_explored_to_its_end() -> None:
    (situation,) = find("oco-long")
    tally = explore(attrs.evolve(situation, faults=0, patience=0), 50_000)

    assert tally.complete
    assert tally.violations == []


def test_the_same_states_are_found_again() -> None:
    (situation,) = find("close-short")
    first, second = (explore(situation, 400) for _ in range(2))

    assert (first.states, first.transitions) == (second.states, second.transitions)


def test_exploration_ends_when_it_is_told_to() -> None:
    (situation,) = find("close-long")
    told: list[int] = []

    def go_on(tally: Tally) -> bool:
        told.append(tally.states)
        return False

    tally = explore(situation, 50_000, go_on)

    assert len(told) <= 2  # once while it explores, and once while it follows what is fair
    assert tally.states < 1_000
    assert not tally.complete


# -- a broken core is found --------------------------------------------------------------------


def _count_twice(patch: pytest.MonkeyPatch) -> None:
    numbers, add = count(), Ledger.add

    def double(self: Ledger, fill: ExecutionReported, order_id: int) -> Any:
        add(self, attrs.evolve(fill, execution_id=f"{next(numbers)}.01"), order_id)
        return add(self, fill, order_id)

    patch.setattr(Ledger, "add", double)


def _keep_siblings(patch: pytest.MonkeyPatch) -> None:
    carry_out = core._carry_out

    def lazy(state: Any, out: Any, context: Any, want: Any) -> None:
        if not isinstance(want, Withdraw):
            carry_out(state, out, context, want)

    patch.setattr(core, "_carry_out", lazy)


def _swap_exits(patch: pytest.MonkeyPatch) -> None:
    swapped = property(lambda part: "BUY" if part.context.side > 0 else "SELL")
    patch.setattr(wants.Part, "exit_action", swapped)


def _cover_less(patch: pytest.MonkeyPatch) -> None:
    total = exits._total
    patch.setattr(exits, "_total", lambda part, order: total(part, order) - 1)


def _cover_more(patch: pytest.MonkeyPatch) -> None:
    total = exits._total
    patch.setattr(exits, "_total", lambda part, order: total(part, order) + 1)


def _silence_is_death(patch: pytest.MonkeyPatch) -> None:
    def dead(state: Any, out: Any, subject: str) -> None:
        reports.report(state, out, state.orders[int(subject)], OrderEvent.REJECTED, "201")

    patch.setitem(core._DEADLINES, "answer", dead)


def _heed_less(patch: pytest.MonkeyPatch) -> None:
    """An order that was unknown and is inactive looks as before to who protects."""
    standing_at = Order.standing_at

    def standing(order: Order, asked: int, reported: int) -> Any:
        return standing_at(order, asked, reported)[:3]

    patch.setattr(Order, "standing_at", standing)


@pytest.mark.parametrize(
    ("break_core", "name", "laws"),
    [
        (_count_twice, "bracket-long", {"1", "2", "16", "27"}),
        (_keep_siblings, "close-long", {"4", "16", "27"}),
        (_swap_exits, "held-long", {"4", "6"}),
        (_cover_less, "bracket-short", {"0", "6"}),  # the core's own assertion, or law 6
        (_cover_more, "bracket-long", {"4"}),
        (_silence_is_death, "close-short", {"12"}),
        (_heed_less, "slipped-long", {"27"}),
    ],
)
def test_a_broken_core_is_found_and_its_path_can_be_played(
    monkeypatch: pytest.MonkeyPatch,
    break_core: Callable[[pytest.MonkeyPatch], None],
    name: str,
    laws: set[str],
) -> None:
    (situation,) = find(name)
    break_core(monkeypatch)

    tally = explore(situation, MUTANT_STATES, lambda seen: not seen.violations)

    assert {one.law for one in tally.violations} & laws, tally
    for violation in tally.violations:
        played = list(replay(parse(render(violation), "here"), "here"))
        assert played[-1].problem is not None
        assert played[-1].problem.partition(":")[0] == violation.law
