"""Files of ticks: of which kind each is, what is in them, and all of them as one market."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from engine.capture import MAGIC
from engine.errors import DataFileError
from engine.sim.market import Block
from engine.sim.tape import Tape, thinned, woven
from engine.ticks.captures import CaptureTicks
from engine.ticks.columns import Table
from engine.ticks.day_rows import DayRows
from engine.ticks.lean import LeanZip
from engine.ticks.numpy_arrays import StructuredArray, ZippedArrays
from engine.ticks.parquet import ParquetColumns
from engine.ticks.part import Part, Reader, check_distinct

KINDS: Final = ".csv, .csv.gz, .parquet, .npy, .npz, LEAN's .zip, or a capture"
_ENDINGS: Final[dict[str, Callable[[Path], Reader]]] = {
    ".csv": DayRows,
    ".csv.gz": DayRows,
    ".parquet": lambda path: Table(path, ParquetColumns(path)),
    ".npy": lambda path: Table(path, StructuredArray(path)),
    ".npz": lambda path: Table(path, ZippedArrays(path)),
    ".zip": LeanZip,
}
_BEGINNINGS: Final[dict[bytes, Callable[[Path], Reader]]] = {
    MAGIC: CaptureTicks,
    b"PAR1": _ENDINGS[".parquet"],
    b"\x93NUMPY": _ENDINGS[".npy"],
}


def reader(path: Path) -> Reader:
    """By the end of its name, or else by its first bytes.

    Raises:
        DataFileError: it is of no kind that is read, or cannot be.
    """
    for ending, opened in _ENDINGS.items():
        if path.name.endswith(ending):
            return opened(path)
    try:
        with path.open("rb") as file:
            begins = file.read(len(MAGIC))
    except OSError as problem:
        raise DataFileError(f"{path}: cannot be read: {problem.strerror or problem}") from None
    for beginning, opened in _BEGINNINGS.items():
        if begins.startswith(beginning):
            return opened(path)
    raise DataFileError(f"{path}: is no tick file: expected {KINDS}, found {begins[:8]!r}")


def parts(given: Iterable[Path | Part]) -> list[Part]:
    """What is in these files; of a Path all, of a Part this.

    Raises:
        DataFileError: one cannot be read.
    """
    found: list[Part] = []
    for one in given:
        found += [one] if isinstance(one, Part) else reader(one).parts()
    return found


def tape(given: Iterable[Part], size_share: float = 1.0) -> Tape:
    """All as one market, read as it is played; ``size_share`` is how much of every size there is.

    Raises:
        UserError: two files are of the same symbol and day.
        DataFileError: from the iterator: a file cannot be read any further.
    """
    there = list(given)
    check_distinct(there)
    by_symbol: dict[str, list[Part]] = {}
    for one in there:
        by_symbol.setdefault(one.symbol, []).append(one)
    symbols = sorted(by_symbol)  # the order of the files says nothing
    sources = [_blocks(by_symbol[one]) for one in symbols]
    if size_share < 1:
        sources = [thinned(one, size_share) for one in sources]
    return Tape(symbols, sources)


def _blocks(mine: Sequence[Part]) -> Iterator[Block]:
    """Of one symbol. Files follow each other where their days do, and are woven where they do not;
    within an instant quotes come before trades."""
    days: dict[tuple[bool, Path], list[date]] = {}
    symbol = mine[0].symbol
    for one in mine:
        days.setdefault((one.content == "trades", one.path), []).append(one.day)
    chains: list[list[tuple[Path, list[date]]]] = []
    for (_, path), of in sorted(days.items(), key=lambda item: (min(item[1]), item[0])):
        for chain in chains:
            if max(chain[-1][1]) < min(of):
                chain.append((path, of))
                break
        else:
            chains.append([(path, of)])
    sources = [
        itertools.chain.from_iterable(_of_file(path, symbol, of) for path, of in chain)
        for chain in chains
    ]
    return woven(sources) if len(sources) > 1 else iter(sources[0])


def _of_file(path: Path, symbol: str, days: Collection[date]) -> Iterator[Block]:
    yield from reader(path).blocks(symbol, days)
