"""From a scenario that fails to a smaller one that fails in the same way.

Whatever can be left out is left out: time first, which makes every further attempt cheap, then
faults and prompts in ever smaller parts, then policies and settings one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from engine.campaign.scenario import Scenario
from engine.campaign.trial import Outcome, Violation, play
from engine.errors import UserError

ATTEMPTS_MAX: Final = 150
AFTER_S: Final = 30.0  # kept of the time after the failure
Play = Callable[[Scenario], Outcome]
Show = Callable[[int, Scenario], None]


@attrs.define
class Shrunk:
    """The smallest so far."""

    scenario: Scenario
    violation: Violation
    attempts: int = 0


def shrink(
    scenario: Scenario,
    violation: Violation,
    show: Show = lambda attempts, smallest: None,
    attempts_max: int = ATTEMPTS_MAX,
    play: Play = play,
) -> Shrunk:
    """The smallest that was found; it breaks the same law. ``show`` hears of every attempt."""
    best = Shrunk(scenario, violation)
    progress = True
    while progress and best.attempts < attempts_max:
        progress = False
        for candidate in _smaller(best):
            best.attempts += 1
            show(best.attempts, best.scenario)
            found = _fails(candidate, violation.law, play)
            if found is not None:
                best.scenario, best.violation, progress = candidate, found, True
            if best.attempts >= attempts_max:
                break
    return best


def _fails(candidate: Scenario, law: int, play: Play) -> Violation | None:
    try:
        found = play(candidate).violation
    except UserError:  # what is left makes no sense
        return None
    return found if found is not None and found.law == law else None


def _smaller(best: Shrunk) -> Iterator[Scenario]:
    """Candidates, each made from the best as it then is."""
    yield from _shorter(best)
    for name in ("faults", "prompts", "policies"):
        yield from _fewer(best, name)
    for table in tuple(best.scenario.settings):
        for key in tuple(best.scenario.settings[table]):
            yield _without(best.scenario, table, key)


def _shorter(best: Shrunk) -> Iterator[Scenario]:
    if best.scenario.mode == "safety":
        hours = (best.violation.at_s + AFTER_S) / 3600
        if hours < best.scenario.hours * 0.95:
            yield attrs.evolve(best.scenario, hours=round(hours, 4))
        return
    for part in (0.25, 0.5, 0.75):
        yield attrs.evolve(best.scenario, hours=round(best.scenario.hours * part, 4))


def _fewer(best: Shrunk, name: str) -> Iterator[Scenario]:
    size = len(getattr(best.scenario, name))
    while size:
        at = 0
        while at < len(kept := getattr(best.scenario, name)):
            yield attrs.evolve(best.scenario, **{name: kept[:at] + kept[at + size :]})
            if getattr(best.scenario, name) == kept:  # it is needed
                at += size
        size //= 2


def _without(scenario: Scenario, table: str, key: str) -> Scenario:
    settings: dict[str, Any] = {name: dict(values) for name, values in scenario.settings.items()}
    settings[table].pop(key, None)
    return attrs.evolve(scenario, settings=settings)
