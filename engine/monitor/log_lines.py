"""One line of the log for each event and each remark: as JSON, or to be read as it is.

Every line of a trade carries what joins it to the others: ``identity``, the signal or request
that asked; ``trade``; ``order_ref``; ``execution_id``. Accounts and keys are masked.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import orjson

from engine.events import (
    AlertEvent,
    BaseEvent,
    FlowThresholdEvent,
    ReconciledEvent,
    RejectEvent,
    TradingHaltedEvent,
    TradingResumedEvent,
    values_of,
)
from engine.monitor.lines import EXCHANGE_ZONE, words
from engine.monitor.log_settings import Form
from engine.monitor.remarks import Remark
from engine.redaction import Redaction

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
IDS: Final = (
    *("identity", "trade", "rule", "asked_by", "decided_by"),
    *("order_ref", "perm_id", "execution_id"),
)
TEXT_CHARS_MAX: Final = 10_000  # of one value: a stranger may have written it
_NS: Final = 1_000_000_000
_ABOVE_INFO: Final[dict[type[BaseEvent], str]] = {
    RejectEvent: "warning",
    TradingHaltedEvent: "critical",
    TradingResumedEvent: "warning",
}
Fields = dict[str, Any]


def level_of(item: BaseEvent | Remark) -> str:
    if isinstance(item, AlertEvent | Remark):
        return item.level
    if isinstance(item, ReconciledEvent):
        return "warning" if item.missing or item.frozen else "info"
    if isinstance(item, FlowThresholdEvent):
        return "debug"  # the signal it is about has a line
    return _ABOVE_INFO.get(type(item), "info")


def fields_of(item: BaseEvent | Remark, redaction: Redaction) -> Fields:
    """What a line says: time, level, type and text, then the fields that are not empty."""
    if isinstance(item, Remark):
        said: Fields = {"type": "Remark", "text": item.text, "logger": item.logger}
        if item.failure:
            said["failure"] = "".join(traceback.format_exception(*item.failure))
        time_ns = item.at_ns
    else:
        said = {"type": type(item).__name__, "text": words(item)}
        own = values_of(item)
        if isinstance(item, AlertEvent):  # its level has a place of its own
            said["text"] = own.pop("text")
            del own["level"]
        elif "level" in own:
            own["halt_level"] = own.pop("level")
        said |= {name: value for name, value in own.items() if not _empty(value)}
        time_ns = said.pop("time_ns")
    return {"time": _iso(time_ns), "level": level_of(item), **_writable(said, redaction)}


def _writable(said: Fields, redaction: Redaction) -> Fields:
    """Masked, not too long, and such that it can be written at all. Nearly always it is so
    already, and all of it is looked at in one go."""
    plain = "\0".join(_texts(said.values()))
    if len(plain) <= TEXT_CHARS_MAX and not redaction.hides(plain) and _encodes(plain):
        return said
    return {name: _short(redaction.value(value)) for name, value in said.items()}


def _empty(value: object) -> bool:
    return value is None or (type(value) is str and not value)


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if type(value) is str:
            yield value
        elif isinstance(value, tuple):
            yield from _texts(value)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def json_line(fields: Fields) -> str:
    return orjson.dumps(fields, default=_plain).decode()


def console_line(fields: Fields) -> str:
    """Time of the exchange, level, symbol, words, ids; what a stranger wrote moves no cursor."""
    at = datetime.fromisoformat(fields["time"][:26]).replace(tzinfo=UTC).astimezone(EXCHANGE_ZONE)
    when = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"
    ids = "".join(f" {name}={fields[name]}" for name in IDS if fields.get(name))
    line = f"{when} {fields['level']:<8} {fields.get('symbol', ''):<6} {fields['text']}{ids}"
    failure = fields.get("failure", "").rstrip()
    return "\n    ".join(map(_harmless, (line, *failure.splitlines())))


RENDER: Final[dict[Form, Callable[[Fields], str]]] = {"json": json_line, "console": console_line}


def _iso(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, _NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _short(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    cut = value if len(value) <= TEXT_CHARS_MAX else f"{value[:TEXT_CHARS_MAX]}…"
    return cut.encode("utf-8", "backslashreplace").decode()


def _harmless(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)


def _plain(value: object) -> str:
    """Exact, as in ``BaseEvent.to_json``; and whatever else comes must not cost the line."""
    return str(value) if isinstance(value, Decimal) else repr(value)
