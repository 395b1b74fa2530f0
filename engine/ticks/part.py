"""What a file has of one symbol on one day, and what every reader of files gives."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final, Literal, Protocol, cast

import attrs

from engine.errors import DataFileError, UserError
from engine.sim import instruments
from engine.sim.market import Block

Content = Literal["all", "quotes", "trades"]
SYMBOL: Final = re.compile(r"[A-Z][A-Z0-9. ]{0,15}")
_STEM: Final = re.compile(r"(?:(?P<symbol>.+?)-)?(?P<day>\d{8})")


@attrs.frozen
class Part:
    """``content`` is what of the market it is: quotes of one file go with trades of another."""

    path: Path
    symbol: str
    day: date
    content: Content = "all"

    def record(self) -> list[str]:
        """As texts, from which ``of`` makes it again."""
        return [str(self.path), self.symbol, self.day.isoformat(), self.content]

    @classmethod
    def of(cls, record: Sequence[str]) -> Part:
        path, symbol, day, content = record
        return cls(Path(path), symbol, date.fromisoformat(day), cast(Content, content))

    def __str__(self) -> str:
        """The file, and what of it where its name does not say that."""
        name, day = self.path.name, f"{self.day:%Y%m%d}"
        return name if name.startswith(f"{self.symbol}-{day}") else f"{name} ({self.symbol} {day})"


class Reader(Protocol):
    """A file of one kind."""

    def parts(self) -> Sequence[Part]:
        """What is in it. Raises DataFileError: it cannot be told."""

    def blocks(self, symbol: str, days: Collection[date]) -> Iterator[Block]:
        """The ticks of a symbol on these days, in order of time. Raises DataFileError: from the
        iterator, when it reaches what cannot be read."""


def check_distinct(parts: Iterable[Part]) -> None:
    """Raises UserError: two files are of the same symbol and day."""
    there: dict[tuple[str, date], list[Part]] = {}
    for one in parts:
        there.setdefault((one.symbol, one.day), []).append(one)
    for (symbol, day), found in there.items():
        if len(found) > 1 and sorted(one.content for one in found) != ["quotes", "trades"]:
            paths = ", ".join(str(one.path) for one in found)
            said = f"{len(found)} tick files of {symbol} on {day:%Y%m%d}; name one of them"
            raise UserError(f"--ticks: {said}: {paths}")


def symbol_named(path: Path) -> str | None:
    """Before the date in the name of a file, or all of the name without its ending."""
    match = _STEM.fullmatch(path.stem)
    found = path.stem if match is None else match["symbol"]
    return found if found and SYMBOL.fullmatch(found) else None


def day_named(path: Path) -> date | None:
    """Raises DataFileError: what stands there is no date."""
    match = _STEM.fullmatch(path.stem)
    if match is None:
        return None
    try:
        return instruments.day_of(match["day"])
    except ValueError:
        raise DataFileError(f"{path}: {match['day']} in its name is no date") from None
