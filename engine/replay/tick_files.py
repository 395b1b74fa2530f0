"""Tick files of what a market did, one of each symbol and day, written as ticks come."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Final

from engine.errors import DataFileError
from engine.sim import instruments
from engine.sim.market import DAY_MS, HEADER, MS_NS
from engine.sim.records import MarketTick

DAY_NS: Final = DAY_MS * MS_NS


class TickFiles:
    """``SYMBOL-YYYYMMDD.csv`` in ``directory``, which must exist. Call it with each tick, in order
    of time, and close it.

    Raises:
        DataFileError: a file is there already, or cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory: Final = directory
        self.paths: Final[list[Path]] = []
        self._day = ""
        self._midnight_ns = 0
        self._files: dict[str, IO[str]] = {}  # of the day, by symbol

    def __call__(self, tick: MarketTick) -> None:
        if not 0 <= tick.time_ns - self._midnight_ns < DAY_NS:
            self._begin_day(tick.time_ns)
        file = self._files.get(tick.symbol) or self._begin(tick.symbol)
        time_ms = (tick.time_ns - self._midnight_ns) // MS_NS
        file.write(f"{time_ms},{tick.kind},{tick.price:.10g},{tick.size}\n")

    def _begin_day(self, time_ns: int) -> None:
        self.close()
        day = instruments.local_time(time_ns).date()
        self._day, self._midnight_ns = f"{day:%Y%m%d}", instruments.midnight_ns(day)

    def _begin(self, symbol: str) -> IO[str]:
        path = self.directory / f"{symbol}-{self._day}.csv"
        try:
            file = self._files[symbol] = path.open("x", encoding="utf-8")
        except FileExistsError:
            raise DataFileError(f"{path}: exists; ticks begin a new file") from None
        except OSError as problem:
            raise DataFileError(f"{path}: cannot be written: {problem.strerror}") from None
        file.write(",".join(HEADER) + "\n")
        self.paths.append(path)
        return file

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()
