"""What a prediction may look like; everything else is refused with a reason.

Signals come from outside and are not trusted. A refusal is an ordinary answer (``SignalError``),
counted and journaled by the caller; nothing a sender writes raises anything else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, cast

from engine.errors import SignalError
from engine.inputs import Signal, SignalKind, SignalRefused

SIGNAL_BYTES_MAX: Final = 65_536
TEXT_CHARS_MAX: Final = 128  # of an id or a time
PROBABILITIES_MAX: Final = 64
FEATURES_MAX: Final = 4_096
DETAIL_CHARS_MAX: Final = 160
SIGNALS: Final = ("BUY", "SELL", "SHORT", "NEUTRAL")

_MS: Final = 1_000_000
_APART: Final = ":"  # in an identity
# Model times outside this range are mistakes of unit: seconds or microseconds for milliseconds.
TIME_MIN_NS: Final = 946_684_800_000 * _MS  # 2000-01-01
TIME_MAX_NS: Final = 4_102_444_800_000 * _MS  # 2100-01-01
# Clocks differ and some models stamp a bar with its end; beyond that, a time to come is a mistake
# that would defeat the maximum age.
AHEAD_MAX_NS: Final = 300_000 * _MS
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class RefusalReason(StrEnum):
    """Why a signal was refused; stored in the journal by these words."""

    TOO_LARGE = "too_large"  # body, text or list beyond its bound
    MALFORMED = "malformed"  # not JSON, not an object, a field missing or of a wrong type
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_TICKER = "unknown_ticker"
    UNKNOWN_SIGNAL = "unknown_signal"
    BAD_CONFIDENCE = "bad_confidence"  # null, not a finite number, or outside 0..1
    BAD_TIME = "bad_time"  # no model time, or one that cannot be
    TOO_OLD = "too_old"
    OUT_OF_ORDER = "out_of_order"  # the source has already given a newer one for the ticker
    WRONG_TICKER = "wrong_ticker"  # not the one that was asked for
    UNAUTHORISED = "unauthorised"  # not signed by a key of the sender


class SignalRefusedError(SignalError):
    """``reason`` for machines, ``detail`` for people, ``ticker`` as far as it could be read."""

    def __init__(self, reason: RefusalReason, detail: str, ticker: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.ticker = ticker

    def words(self) -> dict[str, str]:
        """What its sender is told."""
        return {"error": self.reason.value, "detail": self.detail}

    def as_input(self, source: str) -> SignalRefused:
        """What goes on record."""
        return SignalRefused(source, self.ticker, self.reason.value, self.detail)


def identity_parts(identity: str) -> tuple[str, str, int, str] | None:
    """Source, ticker, model time and signal of a prediction's identity; None: it is none of ours,
    as that of a host's own."""
    parts = identity.rsplit(_APART, 3)  # a source may hold what stands between them
    if len(parts) != 4 or not parts[2].isascii() or not parts[2].isdecimal():
        return None
    return parts[0], parts[1], int(parts[2]), parts[3]


def parse_signal(
    data: object,
    source: str,
    received_ns: int,
    symbols: Collection[str],
    *,
    max_age_ns: int | None = None,
    model_time_ns: int | None = None,
) -> Signal:
    """Check one prediction (the inner object, without the API's envelope), and its age.

    Args:
        data: the object as a mapping, or its JSON as bytes.
        source: who sent it; part of the identity.
        received_ns: now, on the exchange's clock, UTC nanoseconds.
        symbols: the tickers that are traded.
        max_age_ns: how old a model time may be; None: any age.
        model_time_ns: the model time of a prediction that states none with a zone.

    Raises:
        SignalError: a SignalRefusedError with the reason. Nothing else, whatever ``data`` holds.
    """
    if isinstance(data, bytes):
        data = load_json(data)
    signal = check_signal(data, source, symbols, model_time_ns)
    check_age(signal, received_ns, max_age_ns)
    return signal


def check_signal(
    data: object, source: str, symbols: Collection[str], model_time_ns: int | None = None
) -> Signal:
    """The prediction in ``data``, whatever its age. As ``parse_signal``, without a clock."""
    if not isinstance(data, Mapping):
        raise refuse(RefusalReason.MALFORMED, f"{show(data)}, not an object")
    try:
        word, signal, confidence = _check_fields(data, symbols)
        time_ns = _model_time(data, model_time_ns)
    except SignalRefusedError as refusal:
        ticker = data.get("ticker")
        if isinstance(ticker, str):
            refusal.ticker = printable(ticker.strip()[:TEXT_CHARS_MAX])
        raise
    price = data.get("stock_price")
    return Signal(
        identity=_APART.join((source, word, str(time_ns), signal)),
        source=source,
        ticker=word,
        signal=signal,
        confidence=confidence,
        model_time_ns=time_ns,
        price=None if price is None else float(price),
    )


def _check_fields(
    data: Mapping[str, Any], symbols: Collection[str]
) -> tuple[str, SignalKind, float]:
    """(ticker, signal, confidence), after checking everything but the times' meaning."""
    for name in data:
        if name not in _FIELDS:
            raise refuse(RefusalReason.UNKNOWN_FIELD, f"{show(name)} is not in the schema")
    ticker = _word(data, "ticker")
    if ticker not in symbols:
        raise refuse(RefusalReason.UNKNOWN_TICKER, f"{show(ticker)} is not traded here")
    signal = _word(data, "signal")
    if signal not in SIGNALS:
        raise refuse(
            RefusalReason.UNKNOWN_SIGNAL, f"{show(signal)} is none of {', '.join(SIGNALS)}"
        )
    confidence = _confidence(data.get("confidence"))
    for name, check in _OPTIONAL.items():
        value = data.get(name)
        if value is not None:
            check(name, value)
    return ticker, cast("SignalKind", signal), confidence


# -- the body ----------------------------------------------------------------------------------


def load_json(body: bytes, bytes_max: int = SIGNAL_BYTES_MAX) -> Any:
    """Raises SignalRefusedError if it is too large or no JSON, and nothing else."""
    if len(body) > bytes_max:
        raise refuse(RefusalReason.TOO_LARGE, f"{len(body)} bytes, at most {bytes_max} are read")
    try:
        return json.loads(body, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as problem:
        raise refuse(RefusalReason.MALFORMED, f"not JSON: {problem}") from None


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers of ``{"signal":"BUY","signal":"SELL"}`` may disagree, so nobody reads it."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


# -- the fields --------------------------------------------------------------------------------


def _word(data: Mapping[str, Any], name: str) -> str:
    if name not in data:
        raise refuse(RefusalReason.MALFORMED, f"{name} is missing")
    value = data[name]
    if not isinstance(value, str):
        raise refuse(RefusalReason.MALFORMED, f"{name} is {show(value)}, not text")
    return value.strip()


def _confidence(value: object) -> float:
    # A Boolean is an int to Python; True must not become full confidence.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise refuse(
            RefusalReason.BAD_CONFIDENCE, f"confidence is {show(value)}, not a number from 0 to 1"
        )
    return float(value)


def _number(name: str, value: object) -> None:
    finite = isinstance(value, int | float) and not isinstance(value, bool)
    if not finite or not -1e300 < cast("float", value) < 1e300:
        raise refuse(RefusalReason.MALFORMED, f"{name} is {show(value)}, not a finite number")


def _price(name: str, value: object) -> None:
    _number(name, value)
    if cast("float", value) <= 0:
        raise refuse(RefusalReason.MALFORMED, f"{name} is {show(value)}, not above 0")


def _probabilities(name: str, value: object) -> None:
    items = _items(name, value, PROBABILITIES_MAX)
    for item in items:
        _number(name, item)
        if not 0 <= item <= 1:
            raise refuse(RefusalReason.MALFORMED, f"{name} has {show(item)}, not from 0 to 1")


def _features(name: str, value: object) -> None:
    for item in _items(name, value, FEATURES_MAX):
        if item is None or isinstance(item, bool):
            continue
        if isinstance(item, str):
            _text(name, item)
        elif isinstance(item, float) and not math.isfinite(item):
            continue  # a missing measurement; features are never computed with
        else:
            _number(name, item)


def _items(name: str, value: object, items_max: int) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        raise refuse(RefusalReason.MALFORMED, f"{name} is {show(value)}, not an object or array")
    if len(value) > items_max:
        raise refuse(RefusalReason.TOO_LARGE, f"{name} has {len(value)} items, at most {items_max}")
    return value


def _text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise refuse(RefusalReason.MALFORMED, f"{name} is {show(value)}, not text")
    if len(value) > TEXT_CHARS_MAX:
        raise refuse(
            RefusalReason.TOO_LARGE, f"{name} has {len(value)} characters, at most {TEXT_CHARS_MAX}"
        )


def _identifier(name: str, value: object) -> None:
    if isinstance(value, int) and not isinstance(value, bool):
        _number(name, value)
    else:
        _text(name, value)


def _milliseconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(
            RefusalReason.BAD_TIME, f"{name} is {show(value)}, not an integer of milliseconds"
        )


def _iso_time(name: str, value: object) -> None:
    _text(name, value)
    _parse_iso(name, cast("str", value))


_REQUIRED: Final = ("ticker", "signal", "confidence")
_OPTIONAL: Final[dict[str, Callable[[str, object], None]]] = {
    "id": _identifier,
    "numeric": _number,
    "probabilities": _probabilities,
    "timestamp": _milliseconds,
    "datetime_of_data": _iso_time,
    "stock_price": _price,
    "feature_values": _features,
    "prediction_time": _iso_time,
}
_FIELDS: Final = frozenset((*_REQUIRED, *_OPTIONAL))


# -- times -------------------------------------------------------------------------------------


def _model_time(data: Mapping[str, Any], default_ns: int | None) -> int:
    """When the model's data were taken. ``prediction_time`` comes last: an API that computes the
    same prediction anew for each request changes it, and with it would change the identity.

    A time without a zone is never used. Whether it is the exchange's, the server's or UTC is a
    guess, and a wrong one shifts the age by hours.
    """
    milliseconds = data.get("timestamp")
    if milliseconds is not None:
        return _plausible("timestamp", milliseconds * _MS)
    for name in ("datetime_of_data", "prediction_time"):
        text = data.get(name)
        if text is not None:
            moment = _parse_iso(name, text)
            if moment.tzinfo is not None:
                return _plausible(name, _nanoseconds(name, moment))
    if default_ns is None:
        raise refuse(RefusalReason.BAD_TIME, "no timestamp, and no other time with a zone")
    return default_ns


def _parse_iso(name: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise refuse(
            RefusalReason.BAD_TIME, f"{name} is {show(text)}, not an ISO 8601 time"
        ) from None


def _nanoseconds(name: str, moment: datetime) -> int:
    try:
        return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000
    except OverflowError:  # the first and last days of the calendar, shifted out of it by the zone
        raise refuse(RefusalReason.BAD_TIME, f"{name} is out of range") from None


def _plausible(name: str, time_ns: int) -> int:
    if not TIME_MIN_NS <= time_ns < TIME_MAX_NS:
        raise refuse(
            RefusalReason.BAD_TIME, f"{name} is not between 2000 and 2100; is it in milliseconds?"
        )
    return time_ns


def check_age(signal: Signal, received_ns: int, max_age_ns: int | None) -> None:
    """Raises SignalError if its model time is too far back, or to come."""
    age_ns = received_ns - signal.model_time_ns
    if age_ns < -AHEAD_MAX_NS:
        detail = f"the model time is {-age_ns / 1e9:.0f} s to come"
        raise SignalRefusedError(RefusalReason.BAD_TIME, detail, signal.ticker)
    if max_age_ns is not None and age_ns > max_age_ns:
        detail = f"{age_ns / 1e9:.1f} s old, at most {max_age_ns / 1e9:g} s"
        raise SignalRefusedError(RefusalReason.TOO_OLD, detail, signal.ticker)


# -- saying so ---------------------------------------------------------------------------------


def refuse(reason: RefusalReason, detail: str) -> SignalRefusedError:
    return SignalRefusedError(reason, detail[:DETAIL_CHARS_MAX])


def printable(text: str) -> str:
    """Text of a sender's that may end on a terminal: what could act there is spelt out."""
    return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]


def show(value: object) -> str:
    """A value of the sender's, short and safe to print."""
    if isinstance(value, str):
        return ascii(value[:40])
    if value is None:
        return "null"
    if isinstance(value, float) and math.isfinite(value):
        return float.__repr__(value)  # as JSON has it
    if isinstance(value, bool | float):
        return json.dumps(value)
    if isinstance(value, int) and value.bit_length() <= 64:
        return str(value)
    return f"a {type(value).__name__}"
