"""What is wrong with plain data: each mistake with its path, out of what structuring it raised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs
import cattrs

from engine.rules.checks import near, shown

TOLD_MAX: Final = 3  # in one line
Path = tuple[str | int, ...]


@attrs.frozen
class Mistake:
    """``path`` leads to what is wrong, through keys and numbers of list items; ``key`` is the one
    in it that should not be there."""

    path: Path
    said: str
    key: str = ""

    def __str__(self) -> str:
        where = dotted(self.path)
        return f"{where}: {self.said}" if where else self.said

    @property
    def where(self) -> Path:
        return (*self.path, self.key) if self.key else self.path


class MistakesError(ValueError):
    """Several at once, of what does not fit together; the text is that of the first."""

    def __init__(self, found: Iterable[Mistake]) -> None:
        self.found = tuple(found)
        super().__init__(self.found[0].said)


def dotted(path: Path) -> str:
    """``strategy.rules[0].when``"""
    said = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return said.removeprefix(".")


def told(problem: BaseException) -> str:
    """The first three, each after its path."""
    return "; ".join(map(str, list(mistakes(problem))[:TOLD_MAX]))


def mistakes(problem: BaseException, path: Path = ()) -> Iterator[Mistake]:
    """All of them, in the order of the fields."""
    if isinstance(problem, MistakesError):
        for one in problem.found:
            yield attrs.evolve(one, path=(*path, *one.path))
    elif isinstance(problem, cattrs.ForbiddenExtraKeysError):
        allowed = [one.name for one in attrs.fields(problem.cl)]
        for key in sorted(map(str, problem.extra_fields)):
            yield Mistake(path, f"unknown key {shown(key)}, {near(key, allowed)}", key)
    elif isinstance(problem, BaseExceptionGroup):
        for inner in problem.exceptions:
            yield from mistakes(inner, (*path, *_step(inner)))
    else:
        yield Mistake(path, said(problem))


def said(problem: BaseException) -> str:
    """In words; the validators of attrs add what they were about."""
    return str(problem.args[0] if problem.args else problem)


def _step(problem: BaseException) -> Path:
    """From what holds it to what is wrong."""
    for note in getattr(problem, "__notes__", ()):
        if isinstance(note, cattrs.AttributeValidationNote):
            return (note.name,)
        if isinstance(note, cattrs.IterableValidationNote):
            return (note.index,)
    return ()


def at_field(problem: Exception, name: str, kind: Any) -> Exception:
    """The problem, as one of the field ``name``."""
    problem.add_note(cattrs.AttributeValidationNote(f"at {name}", name, kind))
    return problem
