"""Signals from a file: one JSON object a line, each with the time at which it comes.

``{"at": "10:05:00", "ticker": "SPY", "signal": "BUY", "confidence": 0.8}``

``at`` is the exchange's local time on the session's date, with a fraction if wanted, or the
seconds from the start of the session as a number. All other fields are those of the schema. The
order of lines does not matter, except that lines of the same time come in file order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs

from engine.errors import DataFileError
from engine.inputs import Signal, SignalRefused
from engine.money import exact
from engine.signals.schema import (
    SIGNAL_BYTES_MAX,
    SignalRefusedError,
    parse_signal,
    unique_keys,
)

EXCHANGE_ZONE: Final = ZoneInfo("America/New_York")
FILE_BYTES_MAX: Final = 256 * 1024 * 1024
OFFSET_S_MAX: Final = 7 * 86_400
SECOND_NS: Final = 1_000_000_000
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REQUIRED: Final = ("at", "ticker", "signal", "confidence")


@attrs.frozen
class _Line:
    """``offset_ns`` counts from local midnight (``of_day``) or from the start of the session."""

    offset_ns: int
    of_day: bool
    prediction: dict[str, Any]


class SignalFile:
    """The signals of one file, each given out once when its time has come.

    ``source`` is ``file:<name without suffix>``. A line without a model time has its scheduled
    time for one, so its identity is the same in each run of the same file over the same session,
    and a run that is started again repeats nothing that the journal has seen.
    """

    def __init__(
        self, path: str | Path, symbols: Collection[str], max_age_ns: int | None = None
    ) -> None:
        self.path: Final = Path(path)
        self.source: Final = f"file:{self.path.stem}"
        self._symbols = frozenset(symbols)
        self._max_age_ns = max_age_ns
        self._lines: list[_Line] = []  # in file order, those not given out yet
        self._due: list[tuple[int, _Line]] = []  # the same by time, the earliest last
        self._session: tuple[int, date] | None = None

    def load(self) -> None:
        """Read and check every line.

        What is wrong with the file stops here; what is wrong with one signal (an unknown ticker,
        a confidence of 7) is refused on record when its time comes, like that of any sender.

        Raises:
            DataFileError: one line with the file, the line and the mend.
        """
        try:
            if self.path.exists() and not self.path.is_file():
                raise DataFileError(f"{self.path}: not a regular file; name a file of signals")
            size = self.path.stat().st_size
            if size > FILE_BYTES_MAX:
                raise DataFileError(f"{self.path}: {size} bytes; at most {FILE_BYTES_MAX} are read")
            body = self.path.read_bytes()
        except OSError as problem:
            raise DataFileError(f"{self.path}: cannot be read: {problem.strerror}") from None
        lines = body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        self._lines = [
            self._line(number, line) for number, line in enumerate(lines, 1) if line.strip()
        ]
        self._session = None

    def __len__(self) -> int:
        """Signals still to come."""
        return len(self._lines) if self._session is None else len(self._due)

    def next_due_ns(self, start_ns: int, day: date) -> int | None:
        """When the next signal comes, UTC nanoseconds of the exchange; None: no more."""
        self._schedule(start_ns, day)
        return self._due[-1][0] if self._due else None

    def due(self, exchange_ns: int, start_ns: int, day: date) -> list[Signal | SignalRefused]:
        """The signals whose time has come by ``exchange_ns``, in order; each only once.

        Args:
            exchange_ns: now, on the exchange's clock.
            start_ns: when the session started, for lines that count from it.
            day: the session's date, for lines that give a local time.
        """
        self._schedule(start_ns, day)
        found: list[Signal | SignalRefused] = []
        while self._due and self._due[-1][0] <= exchange_ns:
            time_ns, line = self._due.pop()
            found.append(self._judge(line, time_ns, exchange_ns))
        return found

    def _schedule(self, start_ns: int, day: date) -> None:
        if self._session == (start_ns, day):
            return
        if self._session is not None:  # another session: what has not come yet moves with it
            pending = {id(line) for _, line in self._due}
            self._lines = [line for line in self._lines if id(line) in pending]
        self._session = (start_ns, day)
        timed = [(_time_ns(line, start_ns, day), line) for line in self._lines]
        timed.sort(key=lambda item: item[0])  # stable: lines of one time keep the file's order
        timed.reverse()
        self._due = timed

    def _judge(self, line: _Line, time_ns: int, exchange_ns: int) -> Signal | SignalRefused:
        try:
            return parse_signal(
                line.prediction,
                self.source,
                exchange_ns,
                self._symbols,
                max_age_ns=self._max_age_ns,
                model_time_ns=time_ns,
            )
        except SignalRefusedError as refusal:
            return refusal.as_input(self.source)

    # -- one line ------------------------------------------------------------------------------

    def _line(self, number: int, text: bytes) -> _Line:
        if len(text) > SIGNAL_BYTES_MAX:
            raise self._wrong(number, f"{len(text)} bytes; a line has at most {SIGNAL_BYTES_MAX}")
        try:
            data = json.loads(text.decode("utf-8"), object_pairs_hook=unique_keys)
        except (ValueError, RecursionError) as problem:
            raise self._wrong(number, f"not JSON ({problem}); write one object a line") from None
        if not isinstance(data, dict):
            raise self._wrong(number, "not an object; write one object a line")
        for name in _REQUIRED:
            if name not in data:
                raise self._wrong(number, f'"{name}" is missing; give {", ".join(_REQUIRED)}')
        offset = _offset(data.pop("at"))
        if offset is None:
            raise self._wrong(number, '"at" is neither "HH:MM:SS" nor seconds from the start')
        return _Line(*offset, data)

    def _wrong(self, number: int, what: str) -> DataFileError:
        return DataFileError(f"{self.path}:{number}: {what}")


def _offset(at: object) -> tuple[int, bool] | None:
    """(nanoseconds, from midnight?) of a line's ``at``; None: it makes no sense."""
    if isinstance(at, str):
        match = _CLOCK.fullmatch(at.strip())
        if match is None:
            return None
        hours, minutes, seconds = (int(group) for group in match.groups()[:3])
        fraction = int((match[4] or "").ljust(9, "0"))
        return ((hours * 60 + minutes) * 60 + seconds) * SECOND_NS + fraction, True
    if isinstance(at, bool) or not isinstance(at, int | float):
        return None
    if not 0 <= at <= OFFSET_S_MAX:  # NaN is not, either
        return None
    return int(exact(at) * SECOND_NS), False


def _time_ns(line: _Line, start_ns: int, day: date) -> int:
    if not line.of_day:
        return start_ns + line.offset_ns
    # The wall clock, not midnight plus a duration: the day on which clocks change has 23 or 25
    # hours. An hour that comes twice means its first.
    seconds, fraction_ns = divmod(line.offset_ns, SECOND_NS)
    minutes, second = divmod(seconds, 60)
    local = datetime.combine(
        day, time(minutes // 60, minutes % 60, second), tzinfo=EXCHANGE_ZONE
    ).astimezone(UTC)
    return (local - _EPOCH) // timedelta(seconds=1) * SECOND_NS + fraction_ns
