"""What the webhook's process and the engine say to each other: lines of JSON over a socket pair.

    engine  -> process   once: whom to listen to, with what keys (they are in no argument)
    process -> engine    predictions that are signed and fit the schema, strangers, counts
    engine  -> process   what became of each of the predictions of that line, or null: of none

The process says a line and waits for the engine's: what comes meanwhile goes together with the
next. So the engine is woken once for many, and a slow engine is asked for less. Neither believes
the other's bytes: a line that is not as it should be is refused and counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import orjson

from engine.inputs import Signal
from engine.signals.intake import Checked
from engine.signals.schema import (
    SIGNALS,
    RefusalReason,
    SignalRefusedError,
)
from engine.sources import Webhook

ITEMS_MAX: Final = 32  # predictions in a line
LINE_BYTES_MAX: Final = 262_144
COUNT_MAX: Final = 1 << 53
WAITING_MAX: Final = 1_000  # predictions; the next is told to come again
TELL_S: Final = 0.1  # strangers and counts go together
BEAT_S: Final = 1.0  # something is said at least so often
SILENCE_S: Final = 20.0  # after which the engine gives the process up
_REASONS: Final = {reason.value: reason for reason in RefusalReason}
_STATUSES: Final = frozenset({200, 422, 503})

Counts = dict[str, dict[str, int]]  # by sender: answers by HTTP status, and ``repeats``


class DamagedLineError(ValueError):
    """What came is not what the other side says."""


@attrs.frozen(kw_only=True)
class Patience:
    """Seconds: for a body, for headers, and until a prediction is durable."""

    body_s: float = 5.0
    header_s: float = 10.0
    durable_s: float = 5.0


USUAL: Final = Patience()


@attrs.frozen(kw_only=True)
class Opening:
    """What the process has to know; the first line."""

    keys: dict[str, list[str]]  # of each sender, in base64
    hosts: list[str]  # names of the server
    symbols: list[str]
    signals_per_s: float
    burst: int
    connections_max: int
    patience: Patience

    @classmethod
    def of(
        cls,
        settings: Webhook,
        keys: Mapping[str, Sequence[str]],
        symbols: Sequence[str],
        patience: Patience,
    ) -> Opening:
        return cls(
            keys={source: list(words) for source, words in keys.items()},
            hosts=[settings.host, *settings.hosts],
            symbols=list(symbols),
            signals_per_s=settings.signals_per_s,
            burst=settings.burst,
            connections_max=settings.connections_max,
            patience=patience,
        )

    def line(self) -> bytes:
        return orjson.dumps(attrs.asdict(self)) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Opening:
        told = orjson.loads(line)
        return cls(**{**told, "patience": Patience(**told["patience"])})


@attrs.frozen
class Note:
    """Requests that were refused before anybody had signed them, so many times."""

    source: str
    reason: RefusalReason
    detail: str
    times: int


@attrs.frozen
class Told:
    """A line of the process's."""

    items: list[Checked]
    notes: list[Note]
    counts: Counts


@attrs.frozen
class Verdict:
    """What became of a prediction: the status of its answer, and the answer."""

    status: int
    words: dict[str, Any]


# -- from the process to the engine ----------------------------------------------------------------


def told_line(items: Sequence[Checked], notes: Sequence[Note], counts: Counts) -> bytes:
    line = [
        [_flat(one) for one in items],
        [[one.source, one.reason, one.detail, one.times] for one in notes],
        counts,
    ]
    return orjson.dumps(line) + b"\n"


def _flat(one: Checked) -> list[Any]:
    if one.signal is not None:
        s = one.signal
        more = [s.identity, s.ticker, s.signal, s.confidence, s.model_time_ns, s.price]
    else:
        assert one.refusal is not None
        more = [one.refusal.ticker, one.refusal.reason, one.refusal.detail]
    return [one.source, one.mark, *more]


def read_told(line: bytes) -> Told:
    """Raises DamagedLineError."""
    try:
        items, notes, counts = orjson.loads(line)
        if len(items) > ITEMS_MAX:
            raise DamagedLineError("more predictions than a line has")
        return Told([_item(one) for one in items], [_note(one) for one in notes], _counts(counts))
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise DamagedLineError(f"{type(problem).__name__}: {problem}") from None


def _item(flat: list[Any]) -> Checked:
    if len(flat) == 5:
        source, mark, ticker, reason, detail = flat
        _texts(source, mark, ticker, detail)
        return Checked(source, mark, None, SignalRefusedError(_REASONS[reason], detail, ticker))
    source, mark, identity, ticker, word, confidence, time_ns, price = flat
    _texts(source, mark, identity, ticker)
    if word not in SIGNALS or type(time_ns) is not int or not 0 <= confidence <= 1:
        raise DamagedLineError("no such signal, time or confidence")
    if price is not None and not 0 < price < math.inf:
        raise DamagedLineError("no such price")
    signal = Signal(identity, source, ticker, word, float(confidence), time_ns, price)
    return Checked(source, mark, signal)


def _note(flat: list[Any]) -> Note:
    source, reason, detail, times = flat
    _texts(source, detail)
    if type(times) is not int or not 0 < times < COUNT_MAX:
        raise DamagedLineError("no such number")
    return Note(source, _REASONS[reason], detail, times)


def _counts(told: Any) -> Counts:
    for numbers in told.values():
        for name, number in numbers.items():
            _texts(name)
            if type(number) is not int or not 0 <= number < COUNT_MAX:
                raise DamagedLineError("no such number")
    return dict(told)


def _texts(*values: object) -> None:
    for value in values:
        if not isinstance(value, str):
            raise DamagedLineError("not a text where one should be")


# -- from the engine to the process ----------------------------------------------------------------


def verdicts_line(verdicts: Sequence[Verdict] | None) -> bytes:
    flat = None if verdicts is None else [[one.status, one.words] for one in verdicts]
    return orjson.dumps(flat) + b"\n"


def read_verdicts(line: bytes, count: int) -> list[Verdict]:
    """Raises DamagedLineError, also if the engine has refused the line."""
    try:
        flat = orjson.loads(line)
        if len(flat) != count:
            raise DamagedLineError(f"{len(flat)} verdicts on {count} predictions")
        for status, words in flat:
            if status not in _STATUSES or not isinstance(words, dict):
                raise DamagedLineError("no such verdict")
        return [Verdict(status, words) for status, words in flat]
    except (ValueError, TypeError) as problem:
        raise DamagedLineError(f"{type(problem).__name__}: {problem}") from None
