"""Where two lists of commands differ, in words for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from engine.replay.decider import Tree

# What names a command among those of one step.
_KEYS: Final = ("order_id", "number", "kind", "symbol")
NOTHING: Final = "-"


@attrs.frozen
class Difference:
    """Of one record. ``pairs`` are what was recorded and what is decided now, each in words.
    ``follows`` is the record of an earlier difference that this one may come from."""

    seq: int
    now_ns: int
    symbols: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    other: bool = False  # it is the other version that decides so
    follows: int | None = None


def pairs_of(recorded: Tree, decided: Tree) -> tuple[tuple[str, str], ...]:
    """What differs, command by command. A field that only one of both versions knows is no
    difference: nobody decided on it."""
    left = [one for one in recorded if not _taken(one, decided)]
    right = [one for one in decided if not _taken(one, recorded)]
    found = []
    for one in left:
        partner = next((other for other in right if _name(other) == _name(one)), None)
        if partner is None:
            found.append((words(one), NOTHING))
        else:
            right.remove(partner)
            found.append(_changed(one, partner))
    found += [(NOTHING, words(one)) for one in right]
    if not found and [_name(one) for one in recorded] != [_name(one) for one in decided]:
        found.append((_order(recorded), _order(decided)))
    return tuple(found)


def _taken(one: dict[str, Any], others: Tree) -> bool:
    return any(_equal(one, other) for other in others)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys() and not (one.keys() & other.keys()):
            return False
        return all(_equal(one[name], other[name]) for name in one.keys() & other.keys())
    return bool(one == other)


def _name(command: Mapping[str, Any]) -> tuple[Any, ...]:
    ((kind, body),) = command.items()
    return kind, *(body.get(key) for key in _KEYS)


def _order(tree: Tree) -> str:
    return "in the order " + ", ".join(words(one) for one in tree)


def _changed(one: dict[str, Any], other: dict[str, Any]) -> tuple[str, str]:
    """Two of one name: the fields that differ."""
    ((kind, before),) = one.items()
    ((_, after),) = other.items()
    left, right = dict(_flat(before)), dict(_flat(after))
    differ = [name for name in left if name in right and left[name] != right[name]]
    named = " ".join([kind, *(str(before[key]) for key in _KEYS if before.get(key) is not None)])

    def told(side: Mapping[str, Any]) -> str:
        return " ".join([named, *(f"{name}={_value(side[name])}" for name in differ)])

    return told(left), told(right)


def words(command: Mapping[str, Any]) -> str:
    """A command with the fields that say something."""
    ((kind, body),) = command.items()
    said = [
        f"{name}={_value(value)}" for name, value in _flat(body) if value not in (None, "", [], 0)
    ]
    return " ".join([kind, *said])


def _flat(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields, those of a record within a record among them."""
    for name, value in body.items():
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield name, value


def _value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def symbols_of(tree: Tree, placed: Mapping[int, str]) -> Iterator[str]:
    for command in tree:
        (body,) = command.values()
        symbol = body.get("symbol") or placed.get(body.get("order_id", -1))
        if symbol:
            yield str(symbol)
