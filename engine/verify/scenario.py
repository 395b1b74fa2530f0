"""A path of the exploration as text: one line a step, to be kept and played again.

# 6: 2 held by context 1, 0 covered
situation close-long faults=1
prompt                # signal
take
fill 1 2

A situation by chance is written out, and begins with ``situation {"name": ...}``.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

import attrs

from engine.commands import Amend, Cancel, Command, Place
from engine.errors import UserError
from engine.verify.choices import Step
from engine.verify.drawn import drawn_as
from engine.verify.explore import Violation, attempt, hear_again
from engine.verify.laws import settled
from engine.verify.situation import Situation, described, from_description
from engine.verify.situations import SITUATIONS, find
from engine.verify.tickets import SYMBOL
from engine.verify.world import World
from statecharts.vocabulary import ContextState


@attrs.frozen
class Scenario:
    situation: Situation
    steps: tuple[Step, ...]


@attrs.frozen
class Played:
    """One step that was made: what the core sent, what it holds, which law broke (or None)."""

    step: Step
    sent: tuple[str, ...]
    held: str
    state: str
    problem: str | None


def render(violation: Violation) -> str:
    """The text that ``parse`` reads."""
    situation = violation.situation
    named = f"{situation.full_name} faults={situation.faults} patience={situation.patience}"
    lines = [
        f"# {violation.text}",
        f"situation {described(situation) if drawn_as(situation.name) else named}",
        *(" ".join(map(str, step)) for step in violation.steps),
    ]
    return "\n".join(lines) + "\n"


def parse(text: str, place: str) -> Scenario:
    """Read a scenario.

    Raises:
        UserError: naming ``place`` and the line that cannot be read.
    """
    situation: Situation | None = None
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if situation is None and words[1:2] and words[1].startswith("{"):
            situation = _written_out(line.removeprefix("situation"), f"{place}:{number}")
        elif situation is None:
            situation = _situation(words, f"{place}:{number}")
        else:
            steps.append(tuple(int(word) if word.isdigit() else word for word in words))
    if situation is None:
        raise UserError(f"{place}: names no situation; its first line is: situation NAME")
    return Scenario(situation, tuple(steps))


def _written_out(text: str, place: str) -> Situation:
    try:
        return from_description(json.loads(text))
    except (ValueError, TypeError, KeyError) as problem:
        raise UserError(f"{place}: is no situation: {problem}") from None


def _situation(words: list[str], place: str) -> Situation:
    if words[0] != "situation" or len(words) < 2:
        raise UserError(f"{place}: the first line is: situation NAME")
    found = find(words[1])
    if len(found) != 1:
        known = [one.full_name for one in SITUATIONS]
        near = difflib.get_close_matches(words[1], known, 1) or known[:1]
        raise UserError(f"{place}: there is no situation {words[1]}; is it {near[0]}?")
    bounds = {"faults": found[0].faults, "patience": found[0].patience}
    for word in words[2:]:
        name, _, value = word.partition("=")
        if name not in bounds or not value.isdigit():
            raise UserError(f"{place}: {word}: only faults=N and patience=N may follow")
        bounds[name] = int(value)
    return attrs.evolve(found[0], faults=bounds["faults"], patience=bounds["patience"])


def replay(scenario: Scenario, place: str) -> Iterator[Played]:
    """Make every step and then, if no law broke, all that fairness makes of it.

    Raises:
        UserError: a step cannot happen where it stands.
    """
    world = World(scenario.situation)
    for number, step in enumerate(scenario.steps, 1):
        if step not in world.actions():
            line = " ".join(map(str, step))
            possible = "; ".join(" ".join(map(str, one)) for one in world.actions())
            raise UserError(f"{place}: step {number}, {line}, cannot happen; possible: {possible}")
        played = _play(world, step)
        yield played
        if played.problem is not None:
            return
    seen: set[int] = set()
    while not settled(world):
        step_or_none = world.fair()
        key = world.fingerprint()
        if step_or_none is None or key in seen:
            problem = "27: nothing is left to happen" if step_or_none is None else "27: a circle"
            yield Played(("settle",), (), str(world.core.state.held(SYMBOL)), "", problem)
            return
        seen.add(key)
        played = _play(world, step_or_none)
        yield played
        if played.problem is not None:
            return


def _play(world: World, step: Step) -> Played:
    before = world.copy()
    problem = attempt(step, world)
    if problem is None and step == ("deliver",):
        problem = hear_again(before, world)
    state = world.core.state
    names = [ContextState(c.state).name.lower() for c in state.current.values()]
    return Played(
        step,
        tuple(map(_command, world.sent)),
        str(state.held(SYMBOL)),
        names[0] if names else "flat",
        problem,
    )


def _command(command: Command) -> str:
    if isinstance(command, Place | Amend):
        spec = command.spec
        price = spec.aux_price if spec.order_type == "STP" else spec.limit_price
        words = (type(command).__name__.lower(), command.order_id, spec.action, spec.quantity,
                 spec.order_type, price)  # fmt: skip
        return " ".join(str(word) for word in words if word is not None)
    if isinstance(command, Cancel):
        return f"cancel {command.order_id}"
    return f"ask {getattr(command, 'kind', '')}"
