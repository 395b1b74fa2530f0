"""What settings allow that a person may not have meant: each danger with its path.

None of these is a mistake: the engine runs with all of them, and its limits hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from engine.config import Config, Limits
from engine.money import exact
from engine.plans import PARTS_MAX, DoubleDown, Sizing, Trade
from engine.rules import (
    ClosePositionAction,
    Condition,
    CreateOrderAction,
    LinkedCloseAllAction,
    LinkedCreateOrderAction,
    LinkedDoubleDownAction,
    MarketCondition,
    Pattern,
    Rule,
    parts_of,
    steps,
    triggers,
)
from engine.rules.mistakes import Mistake, Path
from engine.sources import is_loopback

LIVE_PORTS: Final = {7496: "TWS", 4001: "the gateway"}
STOP_FAR_PERCENT: Final = 25.0
LEVEL_NEAR_STOP: Final = 0.9
TARGET_NEAR_PERCENT: Final = 0.05
TARGET_NEAR_AMOUNT: Final = 0.02  # two cents: a usual spread
PORTION_SLACK: Final = 1e-9
RISK_HIGH_PERCENT: Final = Decimal(2)
CLOSE_LATE_S: Final = 10.0


def dangers(config: Config, data: Mapping[str, Any]) -> list[Mistake]:
    """All of them; ``data`` is the file as it stands, for what is written and never used."""
    found = [*_patterns(config), *_rules(config), *_limits(config), *_outside(config)]
    return [Mistake(one.where, one.said) for one in (*found, *_unused(data))]


# -- how trades are made -------------------------------------------------------------------------


def _patterns(config: Config) -> Iterator[Mistake]:
    """Of all symbols, and of those that differ only what is not said for all already."""
    strategy = config.strategy
    told = set()
    common = any(symbol not in strategy.symbol for symbol in strategy.symbols)
    for path, pattern in [
        *([(("strategy",), strategy)] if common else []),
        *((("strategy", "symbol", symbol), one) for symbol, one in strategy.symbol.items()),
    ]:
        own = list(_trade(pattern, config.limits, path))
        if strategy.pattern:
            own += _pattern(pattern, path)
        for one in own:
            what = (one.path[len(path) :], one.said)
            if what not in told:
                yield one
                told.add(what)


def _pattern(pattern: Pattern, path: Path) -> Iterator[Mistake]:
    ends_s = pattern.close_before_end_s
    if ends_s is None:
        yield Mistake(path, "held overnight: nothing is closed at the end of the day", _END)
    elif ends_s < CLOSE_LATE_S:
        said = f"closing begins {ends_s:g} s before the end: what does not fill is held overnight"
        yield Mistake(path, said, _END)
    if pattern.confidence_min == 0:
        yield Mistake(path, "at 0 every signal is traded, however weak", "confidence_min")
    if pattern.cooldown_s == 0:
        yield Mistake(path, "at 0 nothing keeps signals from trading in and out", "cooldown_s")


_END: Final = "close_before_end_s"


def _trade(trade: Trade, limits: Limits, path: Path) -> Iterator[Mistake]:
    stop = trade.stop
    if stop.percent is not None and stop.percent >= STOP_FAR_PERCENT:
        said = f"a stop {stop.percent:g} % away is next to none"
        yield Mistake((*path, "stop"), said, "percent")
    if trade.stop_unfilled_after_s is None:
        said = "a stop that is reached and does not fill is left alone"
        yield Mistake(path, said, "stop_unfilled_after_s")
    if trade.double_down is not None:
        yield from _levels(trade.double_down, (*path, "double_down"))
    yield from _parts(trade, path)
    yield from _sizes(trade, limits, path)
    yield from _targets(trade, path)


def _levels(adds: DoubleDown, path: Path) -> Iterator[Mistake]:
    for level in adds.levels:
        if level >= LEVEL_NEAR_STOP:
            said = f"an add {level * 100:g} % of the way to the stop is stopped out as it fills"
            yield Mistake(path, said, "levels")


def _parts(trade: Trade, path: Path) -> Iterator[Mistake]:
    """Every add is split between the targets as the entry is."""
    portions = [100 / len(trade.target) if t.portion is None else t.portion for t in trade.target]
    each = len(portions) + (sum(portions) < 100 - PORTION_SLACK)  # what has no target
    doubles = len(trade.double_down.levels) if trade.double_down is not None else 0
    scales = trade.scale_in.times_max if trade.scale_in is not None else 0
    fit = PARTS_MAX // each - 1
    if doubles + scales > fit:
        said = (
            f"a trade has {PARTS_MAX} parts at most, and the entry and each add have {each}: "
            f"{'no add fits' if not fit else f'only {fit} of {doubles + scales} adds fit'}, "
            "the others are refused"
        )
        key = "double_down" if doubles else "scale_in"
        yield Mistake((*path, key), said, "levels" if doubles else "times_max")


def _sizes(trade: Trade, limits: Limits, path: Path) -> Iterator[Mistake]:
    sizing, where = trade.sizing, (*path, "sizing")
    if sizing.risk_percent is not None and sizing.risk_percent > RISK_HIGH_PERCENT:
        said = f"{sizing.risk_percent} % of the account is lost at each stop"
        yield Mistake(where, said, "risk_percent")
    if sizing.shares is not None and sizing.shares > limits.order_shares_max:
        said = f"{sizing.shares} shares are above limits.order_shares_max: every entry is refused"
        yield Mistake(where, said, "shares")
    if sizing.dollars is None:
        return
    if sizing.dollars > limits.order_notional_max:
        said = f"{sizing.dollars} is above limits.order_notional_max: every entry is refused"
        yield Mistake(where, said, "dollars")
    most = sizing.dollars * _grown(trade)
    if sizing.dollars <= limits.position_notional_max < most:
        said = f"with all adds {most:.0f}, above limits.position_notional_max: adds are refused"
        yield Mistake(where, said, "dollars")
    percent = trade.stop.percent
    if percent is not None and most * exact(percent) / 100 > limits.position_risk_max:
        said = f"{percent:g} % of up to {most:.0f} is above limits.position_risk_max"
        yield Mistake(where, said, "dollars")


def _grown(trade: Trade) -> Decimal:
    """What a trade may grow to, in sizes of its entry; more adds than it has parts never are."""
    grown = Decimal(1)
    if trade.double_down is not None:
        levels = min(len(trade.double_down.levels), PARTS_MAX)
        grown *= (1 + exact(trade.double_down.multiplier)) ** levels
    if trade.scale_in is not None and trade.scale_in.shares is None:
        portion = trade.scale_in.portion
        part = exact(portion) / 100 if portion is not None else Decimal("0.5")
        grown *= (1 + part) ** min(trade.scale_in.times_max, PARTS_MAX)
    return grown


def _targets(trade: Trade, path: Path) -> Iterator[Mistake]:
    spread = _spread(trade.enter_when) if isinstance(trade, Pattern) else None
    for number, target in enumerate(trade.target):
        where = (*path, "target", number)
        amount, percent = target.amount, target.percent
        if amount is not None and amount <= (spread or TARGET_NEAR_AMOUNT):
            least = f"a spread of {spread:g}, which is let in" if spread else "many spreads"
            yield Mistake(where, f"{amount:g} away is nearer than {least}", "amount")
        elif percent is not None and percent < TARGET_NEAR_PERCENT:
            yield Mistake(where, f"{percent:g} % away is nearer than many spreads", "percent")


def _spread(condition: Condition | None) -> float | None:
    """The widest spread that a condition lets in, if it says so."""
    if condition is None:
        return None
    if isinstance(condition, MarketCondition):
        wide = condition.field == "spread" and condition.op == "below"
        return condition.level if wide else None
    return next((one for part in parts_of(condition) if (one := _spread(part)) is not None), None)


# -- rules ---------------------------------------------------------------------------------------


def _rules(config: Config) -> Iterator[Mistake]:
    strategy = config.strategy
    for number, rule in enumerate(strategy.rules):
        path = ("strategy", "rules", number, "then")
        for action in steps(rule.then):
            if isinstance(action, CreateOrderAction):
                yield Mistake(path, f"rule {rule.id}: no stop protects what its order opens")
            elif isinstance(action, LinkedCreateOrderAction) and action.trade is not None:
                yield from _trade(action.trade, config.limits, (*path, "trade"))
            elif isinstance(action, LinkedDoubleDownAction):
                yield from _levels(action.double_down, (*path, "double_down"))
    if not strategy.pattern and not any(map(_ends_the_day, strategy.rules)):
        said = "without the pattern, no rule closes at the end of the day"
        yield Mistake(("strategy",), said, "pattern")


def _ends_the_day(rule: Rule) -> bool:
    closes = LinkedCloseAllAction | ClosePositionAction
    return bool(triggers(rule).sessions) and any(isinstance(a, closes) for a in steps(rule.then))


# -- the account and the world -------------------------------------------------------------------


def _limits(config: Config) -> Iterator[Mistake]:
    strategy, limits = config.strategy, config.limits
    sizes = [_dollars(strategy.of(symbol).sizing) for symbol in strategy.symbols]
    total = sum(sizes, Decimal(0))
    if total > limits.gross_notional_max:
        said = f"all symbols together are {total:.0f}, above it: the last ones are refused"
        yield Mistake(("limits",), said, "gross_notional_max")
    for symbol in limits.restricted:
        if symbol in strategy.symbols:
            yield Mistake(("limits",), f"{symbol} is never opened", "restricted")
    for number, group in enumerate(limits.groups):
        for symbol in group.symbols:
            if symbol not in strategy.symbols:
                said = f"{symbol} is not among the symbols of the strategy"
                yield Mistake(("limits", "groups", number), said, "symbols")


def _dollars(sizing: Sizing) -> Decimal:
    return sizing.dollars or Decimal(0)


def _outside(config: Config) -> Iterator[Mistake]:
    broker = config.broker
    if broker.live and not broker.account:
        said = "real money without a name: engine run wants broker.account, and --live"
        yield Mistake(("broker",), said, "live")
    elif broker.live:
        yield Mistake(("broker",), "real money: engine run wants --live as well", "live")
    elif broker.port in LIVE_PORTS:
        said = f"{broker.port} is where {LIVE_PORTS[broker.port]} listens for live accounts"
        yield Mistake(("broker",), said, "port")
    if not is_loopback(broker.host):
        said = "TWS has no passwords: whoever is on the way can trade"
        said += "" if broker.remote_ok else "; engine run wants remote_ok = true"
        yield Mistake(("broker",), said, "host")
    poll, webhook = config.signals.poll, config.signals.webhook
    if poll is not None and poll.plain_ok:
        said = "whoever is on the way reads the key and writes the signals"
        yield Mistake(("signals", "poll"), said, "plain_ok")
    if webhook is not None and webhook.remote_ok:
        said = "whoever is on the way reads the signals: put a proxy with TLS before it"
        yield Mistake(("signals", "webhook"), said, "remote_ok")


def _unused(data: Mapping[str, Any]) -> Iterator[Mistake]:
    strategy = data.get("strategy", {})
    tables = strategy.get("symbol", {}).values()
    named = {one if isinstance(one, str) else one.get("template") for one in tables}
    for template in strategy.get("template", {}):
        if template not in named:
            yield Mistake(("strategy", "template"), "no symbol names it", template)
