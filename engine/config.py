"""All settings, their defaults and their bounds.

Names end in their unit. A wrong value is refused with the file, the key and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Literal

import attrs
import cattrs
import orjson
from attrs import field, validators

from engine.errors import ConfigError
from engine.monitor.log_settings import LogSettings
from engine.plans import Between, Target, positive
from engine.rules import Pattern, Rule, check_rules, register
from engine.rules.checks import SYMBOL_CHARS_MAX, check_name, near, shown
from engine.rules.forms import as_list, be_strict, build, partly, refuse
from engine.rules.mistakes import Mistake, MistakesError, mistakes, told
from engine.sources import SignalSources
from engine.web.settings import Web

SECOND_NS = 1_000_000_000
ShortNeeds = Literal["available", "locate", "nothing"]
ForeignOrders = Literal["ignore", "freeze", "adopt"]


@attrs.frozen(kw_only=True)
class Strategy(Pattern):
    """What should happen, for a set of symbols: how its trades are made, and when."""

    symbols: tuple[str, ...]
    foreign_orders: ForeignOrders = "ignore"  # with an alert, whichever
    atr_period: int = field(default=14, validator=Between(1, 10_000))
    atr_mean: Literal["wilder", "simple"] = "wilder"
    bar_s: int = field(default=60, validator=Between(1, 86_400))
    pattern: bool = True  # this table makes rules itself: for signals, adds, the end of the day
    rules: tuple[Rule, ...] = ()  # and these
    symbol: dict[str, Pattern] = field(factory=dict, hash=False)  # what is different for one

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if found := self.crossed(attrs.asdict(self, recurse=False)):
            raise MistakesError(found)
        check_rules(self.all_rules)

    @classmethod
    def crossed(cls, values: Mapping[str, Any]) -> list[Mistake]:
        """What of these settings does not fit together; some of them may be missing."""
        symbols: tuple[str, ...] | None = values.get("symbols")
        if symbols is None:
            return []
        found = []
        if not symbols:
            found.append(Mistake((), "symbols must name at least one", "symbols"))
        for number, symbol in enumerate(symbols):
            try:
                check_name("a symbol", symbol, SYMBOL_CHARS_MAX)
            except ValueError as problem:
                found.append(Mistake(("symbols", number), str(problem)))
            if symbol in symbols[:number]:
                found.append(Mistake(("symbols", number), f"{symbol} is there twice"))
        rules: tuple[Rule, ...] = values.get("rules", ())
        for number, rule in enumerate(rules):
            if any(rule.id == one.id for one in rules[:number]):
                said = f"rule {rule.id} is there twice: every rule has its own id"
                found.append(Mistake(("rules", number), said, "id"))
            found += [
                Mistake(
                    ("rules", number),
                    f"rule {rule.id} is for {symbol}, which is not among symbols, "
                    f"{near(symbol, symbols)}",
                    "symbols",
                )
                for symbol in rule.symbols
                if symbol not in symbols
            ]
        found += [
            Mistake(("symbol",), f"{symbol} is not among symbols, {near(symbol, symbols)}", symbol)
            for symbol in values.get("symbol", ())
            if symbol not in symbols
        ]
        return found

    def of(self, symbol: str) -> Pattern:
        """How the trades of a symbol are made: as is said for it, else as for all."""
        return self.symbol.get(symbol, self)

    def only(self, symbols: tuple[str, ...]) -> Strategy:
        """The same for these symbols; what it says for others alone is left out. Raises
        ValueError."""
        rules = tuple(one for one in self.rules if set(one.symbols) <= set(symbols))
        apart = {name: one for name, one in self.symbol.items() if name in symbols}
        return attrs.evolve(self, symbols=symbols, rules=rules, symbol=apart)

    @cached_property
    def all_rules(self) -> tuple[Rule, ...]:
        """What happens, as rules: those that the table itself stands for, and its own."""
        if not self.pattern:
            return self.rules
        if not self.symbol:
            return (*self.made("pattern", ()), *self.rules)
        others = tuple(one for one in self.symbols if one not in self.symbol)
        made = self.made("pattern", others) if others else ()
        for symbol, pattern in self.symbol.items():
            made += pattern.made(f"pattern.{symbol}", (symbol,))
        return (*made, *self.rules)


@attrs.frozen(kw_only=True)
class LimitGroup:
    """Symbols that are exposed to the same thing: a sector, a strategy."""

    name: str
    symbols: tuple[str, ...]
    notional_max: Decimal = field(validator=positive)


@attrs.frozen(kw_only=True)
class Limits:
    """The risk gate. Entries and adds are refused beyond these; what reduces risk never is."""

    # one order
    order_shares_max: Decimal = field(default=Decimal(10_000), validator=positive)
    order_notional_max: Decimal = field(default=Decimal(1_000_000), validator=positive)
    collar_percent: float = field(default=10.0, validator=positive)  # limit price against quote
    quote_age_max_s: float = field(default=60.0, validator=positive)
    # one symbol: its trade, if everything fills
    position_notional_max: Decimal = field(default=Decimal(2_000_000), validator=positive)
    position_risk_max: Decimal = field(default=Decimal(100_000), validator=positive)  # at the stops
    restricted: tuple[str, ...] = ()
    short_needs: ShortNeeds = "locate"  # of the broker's word on shares to borrow, if it says any
    # the account
    gross_notional_max: Decimal = field(default=Decimal(5_000_000), validator=positive)
    net_notional_max: Decimal = field(default=Decimal(5_000_000), validator=positive)
    groups: tuple[LimitGroup, ...] = ()
    risk_at_stops_max: Decimal = field(default=Decimal(500_000), validator=positive)
    positions_max: int = field(default=100, validator=positive)  # symbols, also by direct orders
    leverage_max: float = field(default=4.0, validator=positive)  # gross to equity, if told
    account_age_max_s: float | None = field(default=None, validator=positive)  # None: any
    # pace
    orders_per_minute_max: int = field(default=120, validator=positive)
    orders_per_second_max: int = field(default=40, validator=positive)
    window_s: float = field(default=600.0, validator=positive)  # of the two below, a symbol each
    entries_in_window_max: int = field(default=20, validator=positive)
    stop_outs_in_window_max: int = field(default=5, validator=positive)


@attrs.frozen(kw_only=True)
class Guards:
    """What pulls the kill switch by itself; ``loss_level`` is the level of the first two."""

    day_loss_max: Decimal = field(default=Decimal(50_000), validator=positive)
    day_drawdown_max: Decimal = field(default=Decimal(75_000), validator=positive)
    loss_level: int = field(default=2, validator=validators.in_((1, 2, 3)))
    rejects_per_minute_max: int = field(default=20, validator=positive)
    throttled_per_minute_max: int = field(default=60, validator=positive)
    halt_file: str = ""  # empty: beside the journal, with .halt at its end
    frozen_s_max: float = field(default=300.0, validator=positive)


@attrs.frozen(kw_only=True)
class Broker:
    """Where TWS or the gateway listens and how patient we are with it."""

    host: str = "127.0.0.1"
    port: int = field(
        default=7497, validator=validators.and_(validators.ge(1), validators.le(65535))
    )
    client_id: int = field(default=17, validator=Between(0, 2**31 - 1))
    account: str = ""  # empty: the only one that the session lists
    live: bool = False  # a live account needs this and its name in ``account``
    remote_ok: bool = False  # TWS has no authentication: other hosts than loopback need this
    max_server_version: int = field(default=226, validator=validators.ge(176))
    connect_timeout_s: float = field(default=5.0, validator=positive)
    handshake_timeout_s: float = field(default=10.0, validator=positive)
    sync_timeout_s: float = field(default=15.0, validator=positive)
    heartbeat_s: float = field(default=5.0, validator=positive)
    heartbeat_timeout_s: float = field(default=5.0, validator=positive)
    retry_first_s: float = field(default=0.5, validator=positive)
    retry_max_s: float = field(default=30.0, validator=positive)
    messages_per_s_max: int = field(default=45, validator=positive)
    tick_by_tick_max: int = field(default=0, validator=validators.ge(0))
    # Exchange seconds per second.
    clock_rate: float = field(default=1.0, validator=Between(0, 1_000_000, above=True))


@attrs.frozen(kw_only=True)
class Timing:
    """Deadlines of the core, in real seconds; the core multiplies by the broker's clock rate."""

    answer_s: float = field(default=3.0, validator=positive)  # placed or cancelled, no word
    child_activation_s: float = field(default=0.25, validator=positive)  # attached stop still held
    cancel_s: float = field(default=0.5, validator=positive)  # a close waits for it so long
    late_fill_grace_s: float = field(default=2.0, validator=positive)
    protect_attempts_max: int = field(default=3, validator=positive)
    routine_s: float = field(default=60.0, validator=positive)  # between questions for the truth


@attrs.frozen(kw_only=True)
class Config:
    strategy: Strategy
    limits: Limits = Limits()
    guards: Guards = Guards()
    broker: Broker = Broker()
    timing: Timing = Timing()
    signals: SignalSources = field(factory=SignalSources)
    web: Web | None = None
    log: LogSettings | None = None


# -- from plain data -----------------------------------------------------------------------------


def _targets(value: Any, kind: Any) -> tuple[Target, ...]:
    """One target may stand without the brackets of a list; none is an empty list."""
    return as_list(CONVERTER, value, kind)


def _strategy(data: Any, _: Any) -> Strategy:
    """A strategy, with what is different for single symbols on top of what is for all.

    ``symbol.IBM`` may name a ``template`` or be nothing but its name; ``template.calm`` is a
    table of settings under that name. What a symbol says replaces what its template says, and
    that what is said for all, each setting as a whole.
    """
    if isinstance(data, Strategy):
        return data
    if not isinstance(data, Mapping):
        refuse(f"must be a table, not {shown(data)}", Strategy)
    shared = {key: value for key, value in data.items() if key not in ("symbol", "template")}
    problems: list[Exception] = []
    base: Strategy | None = None
    try:
        base = build(CONVERTER, Strategy, shared)
    except cattrs.ClassValidationError as problem:
        problems += problem.exceptions
    templates = {
        name: _settings(("template", name), table, problems)
        for name, table in _tables(data, "template", problems)
    }
    apart: dict[str, dict[str, Any]] = {}
    for symbol, table in _tables(data, "symbol", problems):
        path = ("symbol", symbol)
        named = _named(table, templates, path, problems)
        apart[symbol] = {**named, **_settings(path, table, problems)}
    if base is not None and not problems:
        try:
            return attrs.evolve(base, symbol=_patterns(base, apart))
        except ValueError as problem:
            problems.append(problem)
    raise cattrs.ClassValidationError("not a strategy", problems, Strategy)


def _tables(
    data: Mapping[str, Any], key: str, problems: list[Exception]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The named tables below ``key``; a text instead of one names its template."""
    tables = data.get(key, {})
    if not isinstance(tables, Mapping):
        said = f"{key} holds tables, each under its name, not {shown(tables)}"
        problems.append(MistakesError([Mistake((), said, key)]))
        return
    for name, table in tables.items():
        if isinstance(table, str) and key == "symbol":
            yield name, {"template": table}
        elif isinstance(table, Mapping):
            yield name, table
        else:
            said = f"must be a table, not {shown(table)}"
            problems.append(MistakesError([Mistake((key, name), said)]))


def _settings(
    path: tuple[str, ...], table: Mapping[str, Any], problems: list[Exception]
) -> dict[str, Any]:
    """What a table of a symbol or template says, as far as it is right."""
    said = {key: value for key, value in table.items() if key != "template"}
    values, wrong = partly(CONVERTER, Pattern, said)
    if wrong:
        problems.append(MistakesError(mistakes(ExceptionGroup("", wrong), path)))
    return values


def _named(
    table: Mapping[str, Any],
    templates: Mapping[str, dict[str, Any]],
    path: tuple[str, ...],
    problems: list[Exception],
) -> dict[str, Any]:
    name = table.get("template")
    if name is None or (isinstance(name, str) and name in templates):
        return templates[name] if name is not None else {}
    mend = near(name, templates) if templates and isinstance(name, str) else "there is none"
    said = f"there is no template {shown(name)}, {mend}"
    problems.append(MistakesError([Mistake(path, said, "template")]))
    return {}


def _patterns(base: Strategy, apart: Mapping[str, dict[str, Any]]) -> dict[str, Pattern]:
    shared = {one.name: getattr(base, one.name) for one in attrs.fields(Pattern)}
    found, wrong = {}, []
    for symbol, own in apart.items():
        try:
            found[symbol] = Pattern(**{**shared, **own})
        except ValueError as problem:
            wrong.append(Mistake(("symbol", symbol), str(problem)))
    if wrong:
        raise MistakesError(wrong)
    return found


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    be_strict(converter)
    register(converter)
    converter.register_structure_hook_func(lambda kind: kind == tuple[Target, ...], _targets)
    converter.register_structure_hook(Strategy, _strategy)
    return converter


CONVERTER = _converter()


@lru_cache(maxsize=16)
def from_record(text: str) -> Config:
    """The settings that a record of the journal holds; a replay meets the same ones often."""
    config: Config = CONVERTER.structure(orjson.loads(text), Config)
    return config


def record_of(config: Config) -> str:
    """Its text in the journal, from which a replay reads it again.

    Raises:
        ConfigError: it cannot be read again: a program has set what no file could.
    """
    try:
        text = orjson.dumps(CONVERTER.unstructure(config), option=orjson.OPT_SORT_KEYS).decode()
        from_record(text)
    except (cattrs.BaseValidationError, ValueError, TypeError) as problem:
        raise ConfigError(f"config: {told(problem)}") from None
    return text


def from_mapping(data: Mapping[str, Any], place: str = "config") -> Config:
    """Build a Config from plain data.

    Raises:
        ConfigError: one line naming ``place``, the key and what is wrong with it.
    """
    try:
        return CONVERTER.structure(data, Config)
    except (cattrs.BaseValidationError, ValueError, TypeError) as problem:
        raise ConfigError(f"{place}: {told(problem)}") from None
