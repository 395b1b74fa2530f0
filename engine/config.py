"""All settings, their defaults and their bounds.

Names end in their unit. A wrong value is refused with the file, the key and what is allowed.
"""

from __future__ import annotations

import difflib
import tomllib
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import attrs
import cattrs
from attrs import field, validators
from cattrs.v import format_exception

from engine.errors import ConfigError
from engine.plans import Target, Trade, fraction, positive
from engine.rules import Rule, check_rules, pattern_rules, register
from engine.rules.forms import be_strict
from engine.sources import SignalSources

SECOND_NS = 1_000_000_000
SellMeans = Literal["close", "short"]
ShortNeeds = Literal["available", "locate", "nothing"]
ForeignOrders = Literal["ignore", "freeze", "adopt"]


@attrs.frozen(kw_only=True)
class Strategy(Trade):
    """What should happen, for a set of symbols: how its trades are made, and when."""

    symbols: tuple[str, ...]
    confidence_min: float = field(default=0.5, validator=fraction)
    sell_means: SellMeans = "close"
    cooldown_s: float = field(default=180.0, validator=validators.ge(0))
    entries_per_day_max: int = field(default=100, validator=positive)
    close_before_end_s: float = field(default=60.0, validator=validators.ge(0))
    foreign_orders: ForeignOrders = "ignore"  # with an alert, whichever
    atr_period: int = field(default=14, validator=positive)
    atr_mean: Literal["wilder", "simple"] = "wilder"
    bar_s: int = field(default=60, validator=positive)
    pattern: bool = True  # this table makes rules itself: for signals, adds, the end of the day
    rules: tuple[Rule, ...] = ()  # and these

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not self.symbols:
            raise ValueError("symbols must name at least one")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("symbols must not repeat")
        for rule in self.rules:
            for symbol in rule.symbols:
                if symbol not in self.symbols:
                    raise ValueError(f"rule {rule.id} is for {symbol}, which is not among symbols")
        check_rules(self.all_rules)

    @cached_property
    def all_rules(self) -> tuple[Rule, ...]:
        """What happens, as rules: those that the table itself stands for, and its own."""
        if not self.pattern:
            return self.rules
        made = pattern_rules(
            "pattern",
            (),
            self,
            self.confidence_min,
            self.sell_means,
            self.cooldown_s,
            self.entries_per_day_max,
            self.close_before_end_s,
        )
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
    positions_max: int = field(default=100, validator=positive)
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
    client_id: int = field(default=17, validator=validators.ge(0))
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
    clock_rate: float = field(default=1.0, validator=positive)  # exchange seconds per second


@attrs.frozen(kw_only=True)
class Timing:
    """Deadlines of the core, in real seconds; the core multiplies by the broker's clock rate."""

    answer_s: float = field(default=3.0, validator=positive)  # placed or cancelled, no word
    child_activation_s: float = field(default=0.25, validator=positive)  # attached stop still held
    entry_cancel_s: float = field(default=0.5, validator=positive)  # a close waits for it so long
    late_fill_grace_s: float = field(default=2.0, validator=positive)
    protect_attempts_max: int = field(default=3, validator=positive)


@attrs.frozen(kw_only=True)
class Config:
    strategy: Strategy
    limits: Limits = Limits()
    guards: Guards = Guards()
    broker: Broker = Broker()
    timing: Timing = Timing()
    signals: SignalSources = field(factory=SignalSources)


def _targets(value: Any, _: Any) -> tuple[Target, ...]:
    """One target may stand without the brackets of a list; none is an empty list."""
    if value is None:
        return ()
    return tuple(
        CONVERTER.structure(one, Target) for one in (value if isinstance(value, list) else [value])
    )


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
    converter.register_unstructure_hook(Decimal, str)
    be_strict(converter)
    register(converter)
    converter.register_structure_hook_func(lambda kind: kind == tuple[Target, ...], _targets)
    return converter


CONVERTER = _converter()


def from_mapping(data: dict[str, Any], place: str = "config") -> Config:
    """Build a Config from plain data.

    Raises:
        ConfigError: one line naming ``place``, the key and what is wrong with it.
    """
    try:
        return CONVERTER.structure(data, Config)
    except (cattrs.BaseValidationError, ValueError, TypeError) as problem:
        raise ConfigError(f"{place}: {_first_reason(problem)}") from None


def load(path: Path) -> Config:
    """Read a TOML file. Raises ConfigError with the file and the key, or the line, at fault."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path}: not valid TOML: {problem}") from None
    return from_mapping(data, str(path))


def _first_reason(problem: BaseException) -> str:
    """Walk cattrs' nested groups to the first leaf, collecting the key on the way."""
    messages = cattrs.transform_error(problem, path="", format_exception=_said)
    return "; ".join(message.lstrip(" @.") for message in messages[:3])


def _unknown(key: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(key, allowed, 1)
    mend = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(allowed)}"
    return f"unknown key {key}, {mend}"


def _said(problem: BaseException, kind: type | None) -> str:
    """Our own validators (no type is at fault) say what is allowed; cattrs would not."""
    if isinstance(problem, cattrs.ForbiddenExtraKeysError):
        allowed = [each.name for each in attrs.fields(problem.cl)]
        return "; ".join(_unknown(key, allowed) for key in sorted(problem.extra_fields))
    if isinstance(problem, ValueError) and kind is None and problem.args:
        return str(problem.args[0])
    return format_exception(problem, kind)
