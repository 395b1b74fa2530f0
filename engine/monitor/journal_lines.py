"""Records of the journal in words: a line for each input and each command."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import attrs

from engine.commands import Command, Place
from engine.inputs import Input, IntentsArmed
from engine.journal_chain import Record

TEXT_MAX: Final = 80  # of one value; settings of a run are pages
_SAID: Final = frozenset({"symbol", "market"})  # on its own place, and not worth its length


@attrs.frozen
class Line:
    symbol: str  # empty: of none
    kind: str  # the class of the input or command
    text: str


def lines_of(record: Record, placed: dict[int, str]) -> Iterator[Line]:
    """``placed`` keeps the symbols of orders from record to record. Of what is armed together,
    each has a line of its own."""
    seconds, rest = divmod(record.now_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    when = f"{moment:%Y-%m-%d %H:%M:%S}.{rest // 1_000_000:03}"
    for command in record.commands:
        if isinstance(command, Place):
            placed[command.order_id] = command.symbol
    items: list[tuple[str, Input | Command]] = [("in ", one) for one in record.inputs]
    items += [("out", one) for one in record.commands]
    for way, item in items:
        kind = type(item).__name__
        for one in item.intents if isinstance(item, IntentsArmed) else (item,):
            symbol = _symbol(one, placed)
            words = [str(record.seq), when, way, kind, symbol or "-", *_words(one)]
            yield Line(symbol, kind, " ".join(words))


def _symbol(item: Any, placed: dict[int, str]) -> str:
    for holder in (item, *(getattr(item, name, None) for name in ("signal", "instrument"))):
        for name in ("symbol", "ticker"):
            if found := getattr(holder, name, ""):
                return str(found)
    market = getattr(item, "market", None)
    if market is not None:
        return str(market.symbol)
    number = getattr(item, "order_id", getattr(item, "request_id", None))
    return placed.get(number, "") if isinstance(number, int) else ""


def _words(item: Any) -> Iterator[str]:
    """The fields that say something."""
    for field in attrs.fields(type(item)):
        value = getattr(item, field.name)
        if field.name in _SAID or value in (None, "", ()):
            continue
        if attrs.has(type(value)):
            yield f"{field.name}({' '.join(_words(value))})"
        else:
            yield f"{field.name}={_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{len(value)}]" if len(str(value)) > TEXT_MAX else ",".join(map(_value, value))
    text = f"{value:f}" if isinstance(value, Decimal) else " ".join(str(value).split())
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"
