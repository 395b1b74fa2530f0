"""All settings, their defaults and their bounds.

Names end in their unit. A wrong value is refused with the file, the key and what is allowed.
"""

from __future__ import annotations

import difflib
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import attrs
import cattrs
from attrs import field, validators
from cattrs.v import format_exception

from engine.errors import ConfigError

SECOND_NS = 1_000_000_000
OnOpposite = Literal["reverse", "close", "ignore"]
SellMeans = Literal["close", "short"]


def _positive(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and value <= 0:
        raise ValueError(f"{attribute.name} must be above 0, not {value}")


def _fraction(instance: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{attribute.name} must be between 0 and 1, not {value}")


@attrs.frozen(kw_only=True)
class Sizing:
    """How many shares an entry takes: exactly one of the two is given, each in its own unit."""

    shares: Decimal | None = field(default=None, validator=_positive)
    dollars: Decimal | None = field(default=None, validator=_positive)
    shares_max: Decimal = field(default=Decimal(10_000), validator=_positive)

    def __attrs_post_init__(self) -> None:
        if (self.shares is None) == (self.dollars is None):
            raise ValueError("sizing takes exactly one of shares, dollars")


@attrs.frozen(kw_only=True)
class Distance:
    """A distance from the entry price: a multiple of ATR, else a fraction of the price.

    ATR wins when both are given and it is warm; the fraction is the fallback.
    """

    atr: float | None = field(default=None, validator=_positive)
    percent: float | None = field(default=None, validator=_positive)  # 3 means 3 %

    def __attrs_post_init__(self) -> None:
        if self.atr is None and self.percent is None:
            raise ValueError("a distance takes atr, percent or both")


@attrs.frozen(kw_only=True)
class PriceTrigger:
    """An entry on a market condition: ``field`` crosses ``level``; fires once per crossing."""

    symbol: str
    field: Literal["last", "bid", "ask"] = "last"
    crosses: Literal["above", "below"] = "above"
    level: float = attrs.field(validator=_positive)
    signal: Literal["BUY", "SHORT"] = "BUY"


@attrs.frozen(kw_only=True)
class Strategy:
    """What should happen, for a set of symbols."""

    symbols: tuple[str, ...]
    sizing: Sizing = Sizing(dollars=Decimal(30_000))
    stop: Distance = Distance(atr=6.0, percent=3.0)
    target: Distance | None = Distance(atr=4.0, percent=8.0)
    confidence_min: float = field(default=0.5, validator=_fraction)
    on_opposite: OnOpposite = "reverse"
    sell_means: SellMeans = "close"
    cooldown_s: float = field(default=180.0, validator=validators.ge(0))
    entries_per_day_max: int = field(default=100, validator=_positive)
    close_before_end_s: float = field(default=60.0, validator=validators.ge(0))
    outside_rth: bool = False
    atr_period: int = field(default=14, validator=_positive)
    atr_mean: Literal["wilder", "simple"] = "wilder"
    bar_s: int = field(default=60, validator=_positive)
    triggers: tuple[PriceTrigger, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not self.symbols:
            raise ValueError("symbols must name at least one")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("symbols must not repeat")
        for trigger in self.triggers:
            if trigger.symbol not in self.symbols:
                raise ValueError(f"trigger for {trigger.symbol}, which is not among symbols")


@attrs.frozen(kw_only=True)
class Limits:
    """The first risk gate. Entries are refused beyond these; what reduces risk never is."""

    order_shares_max: Decimal = field(default=Decimal(10_000), validator=_positive)
    order_notional_max: Decimal = field(default=Decimal(1_000_000), validator=_positive)
    gross_notional_max: Decimal = field(default=Decimal(5_000_000), validator=_positive)
    positions_max: int = field(default=100, validator=_positive)
    orders_per_minute_max: int = field(default=120, validator=_positive)
    quote_age_max_s: float = field(default=60.0, validator=_positive)
    collar_percent: float = field(default=10.0, validator=_positive)  # limit price against quote


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
    connect_timeout_s: float = field(default=5.0, validator=_positive)
    handshake_timeout_s: float = field(default=10.0, validator=_positive)
    sync_timeout_s: float = field(default=15.0, validator=_positive)
    heartbeat_s: float = field(default=5.0, validator=_positive)
    heartbeat_timeout_s: float = field(default=5.0, validator=_positive)
    retry_first_s: float = field(default=0.5, validator=_positive)
    retry_max_s: float = field(default=30.0, validator=_positive)
    messages_per_s_max: int = field(default=45, validator=_positive)
    tick_by_tick_max: int = field(default=0, validator=validators.ge(0))
    clock_rate: float = field(default=1.0, validator=_positive)  # exchange seconds per second


@attrs.frozen(kw_only=True)
class Timing:
    """Deadlines of the core, in real seconds; the core multiplies by the broker's clock rate."""

    answer_s: float = field(default=3.0, validator=_positive)  # placed or cancelled, no word
    child_activation_s: float = field(default=0.25, validator=_positive)  # attached stop still held
    entry_cancel_s: float = field(default=0.5, validator=_positive)  # a close waits for it so long
    late_fill_grace_s: float = field(default=2.0, validator=_positive)
    protect_attempts_max: int = field(default=3, validator=_positive)


@attrs.frozen(kw_only=True)
class Config:
    strategy: Strategy
    limits: Limits = Limits()
    broker: Broker = Broker()
    timing: Timing = Timing()


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
    converter.register_unstructure_hook(Decimal, str)
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
