"""Conditions of orders on the wire, in both directions and both formats.

As text a condition is its kind, ``a`` or ``o``, then for an execution security type, exchange
and symbol; for the others whether more is meant, the value, and, where a market is meant, con id
and exchange, and for a price the method of triggering.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from engine.errors import DecodeError
from engine.money import ZERO, exact
from engine.sim.conditions import (
    EXECUTION,
    MARGIN,
    OF_A_MARKET,
    PERCENT,
    PRICE,
    TIME,
    VOLUME,
    Condition,
)
from engine.sim.wire_text_reader import TextReader

CONDITIONS_MAX: Final = 50
_KINDS: Final = OF_A_MARKET | {TIME, MARGIN, EXECUTION}
# Where protobuf keeps the value of each kind.
_VALUES: Final = {
    PRICE: "price",
    TIME: "time",
    MARGIN: "percent",
    VOLUME: "volume",
    PERCENT: "changePercent",
}


def from_text(reader: TextReader, count: int) -> tuple[Condition, ...]:
    """The next ``count`` conditions. Raises DecodeError for a kind whose fields nobody knows."""
    return tuple(_from_text(reader) for _ in range(count))


def _from_text(reader: TextReader) -> Condition:
    kind, joined = reader.integer(), reader.text()
    conjunction = joined != "o"
    if kind not in _KINDS:
        raise DecodeError(f"conditions of type {kind} are not known")
    if kind == EXECUTION:
        sec_type, exchange, symbol = reader.text(), reader.text(), reader.text()
        return Condition(
            kind=kind, conjunction=conjunction, sec_type=sec_type, exchange=exchange, symbol=symbol
        )
    is_more, text = reader.flag(), reader.text()
    con_id, exchange = (reader.integer(), reader.text()) if kind in OF_A_MARKET else (0, "")
    return Condition(
        kind=kind,
        conjunction=conjunction,
        is_more=is_more,
        value=_number(kind, text),
        text=text,
        con_id=con_id,
        exchange=exchange,
        trigger_method=reader.integer() if kind == PRICE else 0,
    )


def _number(kind: int, text: str) -> Decimal:
    if kind == TIME:
        return ZERO
    try:
        return exact(text)
    except ValueError:
        raise DecodeError(f"{text[:40]!r} in a condition is not a number") from None


def from_protobuf(protos: Iterable[Any]) -> tuple[Condition, ...]:
    """Raises DecodeError for a kind that nobody knows."""
    return tuple(map(_from_protobuf, protos))


def _from_protobuf(proto: Any) -> Condition:
    kind = proto.type
    if kind not in _KINDS:
        raise DecodeError(f"conditions of type {kind} are not known")
    text = "" if kind == EXECUTION else str(getattr(proto, _VALUES[kind]))
    return Condition(
        kind=kind,
        conjunction=proto.isConjunctionConnection,
        is_more=proto.isMore,
        value=ZERO if kind == EXECUTION else _number(kind, text),
        text=text,
        con_id=proto.conId,
        exchange=proto.exchange,
        symbol=proto.symbol,
        sec_type=proto.secType,
        trigger_method=proto.triggerMethod,
    )


def text_fields(
    conditions: tuple[Condition, ...], ignore_rth: bool, cancels: bool
) -> tuple[str, ...]:
    """What openOrder says: how many, each, and, if there are any, the two flags behind them."""
    fields = [str(len(conditions))]
    for one in conditions:
        fields += [str(one.kind), "a" if one.conjunction else "o"]
        if one.kind == EXECUTION:
            fields += [one.sec_type, one.exchange, one.symbol]
            continue
        fields += [str(int(one.is_more)), one.text]
        if one.kind in OF_A_MARKET:
            fields += [str(one.con_id), one.exchange]
        if one.kind == PRICE:
            fields.append(str(one.trigger_method))
    if conditions:
        fields += [str(int(ignore_rth)), str(int(cancels))]
    return tuple(field.replace("\0", " ") for field in fields)


def protobuf_values(one: Condition) -> dict[str, int | float | bytes]:
    """The fields of one OrderCondition message. Its texts are there even where they are empty,
    which is what bytes say."""
    values: dict[str, int | float | bytes] = {
        "type": one.kind,
        "isConjunctionConnection": one.conjunction,
    }
    if one.kind == EXECUTION:
        texts = {"secType": one.sec_type, "exchange": one.exchange, "symbol": one.symbol}
        return {**values, **{name: text.encode() for name, text in texts.items()}}
    values["isMore"] = one.is_more
    if one.kind == TIME:
        values["time"] = one.text.encode()
    elif one.kind in (VOLUME, MARGIN):
        values[_VALUES[one.kind]] = int(one.value)
    else:
        values[_VALUES[one.kind]] = float(one.value)
    if one.kind in OF_A_MARKET:
        values["conId"], values["exchange"] = one.con_id, one.exchange.encode()
    if one.kind == PRICE:
        values["triggerMethod"] = one.trigger_method
    return values
