"""Settings as the text of a file: what differs from the defaults, and nothing else.

A program that has made its strategy with a builder, or by records, gets the file that says the
same; reading it gives equal settings.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from engine.config import CONVERTER, Config, Strategy
from engine.rules import Condition, Pattern, StrategyBuilder, from_expression, to_expression
from engine.rules.forms import KIND
from engine.rules.rule import ACTION_KINDS
from engine.rules.tokens import ExpressionError

_CONDITIONS: Final = typing.get_args(Condition)
_KINDS: Final = {record: kind for kind, record in ACTION_KINDS.items()}
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_Table = dict[str, Any]


def settings_of(builder: StrategyBuilder) -> Config:
    """The settings of an engine that does what the builder has been told, and nothing else. The
    names of its own rules are those of a file: ``pattern.buy``.

    Raises:
        ValueError: it has been told no symbols, or what a file has no word for.
    """
    symbols, pattern, rules = builder.told()
    said = {one.name: getattr(pattern, one.name) for one in attrs.fields(Pattern)}
    return Config(strategy=Strategy(symbols=symbols, rules=rules, **said))


def builder_of(strategy: Strategy, name: str = "pattern") -> StrategyBuilder:
    """A builder that has been told what a strategy says for all its symbols.

    Raises:
        ValueError: it says something else for single symbols, or makes no rules itself.
    """
    if strategy.symbol:
        raise ValueError(f"{', '.join(strategy.symbol)} differ: make a builder for each")
    if not strategy.pattern:
        raise ValueError("the strategy has pattern = false: its rules are all there is")
    return StrategyBuilder.of(name, strategy.symbols, strategy, strategy.rules)


def to_toml(settings: Config | StrategyBuilder) -> str:
    """The text of a file that says these settings: reading it gives equal ones.

    Raises:
        ValueError: as of ``settings_of``.
    """
    config = settings_of(settings) if isinstance(settings, StrategyBuilder) else settings
    said = _record(config)
    strategy = said.pop("strategy")
    strategy.pop("symbol", None)
    rules = strategy.pop("rules", [])
    lines = ["[strategy]", *_pairs({"symbols": strategy.pop("symbols"), **strategy})]
    for symbol, pattern in config.strategy.symbol.items():
        lines += ["", f"[strategy.symbol.{_key(symbol)}]", *_pairs(_own(pattern, config.strategy))]
    for rule in rules:
        lines += ["", "[[strategy.rules]]", *_pairs(rule)]
    for name, table in said.items():
        lines += ["", f"[{_key(name)}]", *_pairs(table)]
    return "\n".join(lines) + "\n"


# -- plain data ----------------------------------------------------------------------------------


def _record(record: Any) -> _Table:
    """What of a record is not as it is by itself; TOML has no word for none but ``false``."""
    kind = _KINDS.get(type(record))
    found: _Table = {} if kind is None else {KIND: kind}
    for one in attrs.fields(type(record)):
        value = getattr(record, one.name)
        default = one.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            default = default.factory()
        if default is attrs.NOTHING or value != default:
            found[one.name] = _plain(value)
    return found


def _own(pattern: Pattern, shared: Strategy) -> _Table:
    """What is different for one symbol."""
    names = [one.name for one in attrs.fields(Pattern)]
    pairs = [(name, getattr(pattern, name), getattr(shared, name)) for name in names]
    return {name: _plain(value) for name, value, common in pairs if value != common}


def _plain(value: Any) -> Any:
    if value is None:
        return False
    if isinstance(value, _CONDITIONS):
        return _condition(value)
    if attrs.has(type(value)):
        return _record(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _condition(condition: Condition) -> Any:
    """As an expression, if that says the same."""
    said = to_expression(condition)
    try:
        if from_expression(said) == condition:
            return said
    except ExpressionError:
        pass  # longer than an expression may be
    return _without_none(CONVERTER.unstructure(condition, Condition))


def _without_none(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _without_none(one) for key, one in data.items() if one is not None}
    return [_without_none(one) for one in data] if isinstance(data, list) else data


# -- text ----------------------------------------------------------------------------------------


def _pairs(table: _Table) -> Iterator[str]:
    for key, value in table.items():
        yield f"{_key(key)} = {_value(value)}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, int | float):  # a program may say 2 for 2.0: both are written the same
        short = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
        return repr(int(value) if short else value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return "{" + ", ".join(_pairs(value)) + "}"


def _decimal(value: Decimal) -> str:
    """As a number, if reading that gives the same; else as text, which is exact."""
    if value == value.to_integral_value() and abs(value) < 10**15:
        return str(int(value))
    said = repr(float(value))
    return said if Decimal(said) == value else _text(str(value))


def _text(said: str) -> str:
    if '"' in said and "'" not in said and said.isprintable():
        return f"'{said}'"
    return json.dumps(said, ensure_ascii=False).replace("\x7f", "\\u007f")
