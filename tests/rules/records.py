"""Rules and scenes: one that is plain, and random ones with everything a record may hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from engine.events import (
    AlertEvent,
    BaseEvent,
    FillEvent,
    FlowThresholdEvent,
    PositionOpenEvent,
    PredictionSignalEvent,
)
from engine.inputs import MarketView, Reading
from engine.plans import Distance, DoubleDown, EntryOrder, ScaleIn, Sizing, Target, Trade
from engine.rules import (
    ActionSequence,
    AdjustPositionAction,
    AndCondition,
    CancelOrderAction,
    ClosePositionAction,
    Comparison,
    CreateBracketOrderAction,
    CreateOrderAction,
    EventCondition,
    IndicatorCondition,
    LinkedCloseAllAction,
    LinkedCreateOrderAction,
    LinkedDoubleDownAction,
    LinkedScaleInAction,
    LogAction,
    MarketCondition,
    NotCondition,
    OrCondition,
    PositionCondition,
    Rule,
    Scene,
    SessionCondition,
    TimeCondition,
)
from engine.rules.windows import DAYS

SIGNALS = ("BUY", "SELL", "SHORT", "NEUTRAL")
SIDES = st.sampled_from(["BUY", "SELL"])
NAMES = st.from_regex(r"[a-z][a-z0-9._-]{0,12}", fullmatch=True)
PERCENTS = st.integers(1, 9_000).map(lambda n: n / 100)
SHARES = st.decimals("0.0001", "100000", places=4)
PRICES = st.decimals("0.01", "5000", places=2)


BUY = EventCondition.of(PredictionSignalEvent, "confidence >= 0.5", signal="BUY")
LOG = LogAction("info", "now")
TEN = Decimal(10)


def rule(name: str = "r", **given: Any) -> Rule:
    return Rule(name, BUY, LOG, **given)


def maybe(what: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | what


# -- settings of trades --

DISTANCES = st.builds(Distance, atr=PERCENTS, percent=maybe(PERCENTS)) | st.builds(
    Distance, amount=PERCENTS
)
SCALE_INS = st.builds(
    ScaleIn,
    trigger_percent=PERCENTS,
    shares=maybe(SHARES),
    times_max=st.integers(1, 5),
    stop=maybe(DISTANCES),
    target=maybe(DISTANCES),
    reanchor=st.sampled_from(["keep", "average"]),
)
DOUBLE_DOWNS = st.builds(
    DoubleDown, levels=st.sampled_from([(0.5,), (0.25, 0.75)]), multiplier=PERCENTS
)
TRADES = st.builds(
    Trade,
    sizing=st.builds(Sizing, shares=SHARES) | st.builds(Sizing, risk_percent=SHARES),
    entry=st.just(EntryOrder()) | st.builds(EntryOrder, type=st.just("limit"), offset=DISTANCES),
    stop=DISTANCES,
    target=st.lists(st.builds(Target, atr=PERCENTS), max_size=4).map(tuple),
    trailing=maybe(DISTANCES),
    double_down=maybe(DOUBLE_DOWNS),
    scale_in=maybe(SCALE_INS),
    on_opposite=st.sampled_from(["reverse", "close", "ignore"]),
    entry_partial_timeout_s=maybe(PERCENTS),
    outside_rth=st.booleans(),
)

# -- conditions --

EVENT_CONDITIONS = st.one_of(
    st.builds(
        lambda signal, confidence: EventCondition.of(
            PredictionSignalEvent, Comparison("confidence", ">=", confidence), signal=signal
        ),
        st.sampled_from(SIGNALS),
        st.sampled_from([0.25, 0.5, 0.75, 1]),
    ),
    st.builds(
        lambda role, op, quantity: EventCondition(
            "FillEvent", (Comparison("role", op, role), Comparison("fill_quantity", ">", quantity))
        ),
        st.sampled_from(["entry", "stop", "9", "it's", 'say "no"']),
        st.sampled_from(["==", "!="]),
        st.sampled_from([0, 0.1, 50, Decimal("12.5"), 2**62 + 1]),
    ),
    st.just(EventCondition("OptionsFlowEvent")),
    st.just(EventCondition("PositionEvent", "side == long")),
    st.builds(lambda level: EventCondition.of("AlertEvent", level=level), st.just("critical")),
)


@st.composite
def position_conditions(draw: st.DrawFn) -> PositionCondition:
    side = draw(st.sampled_from(["long", "short", "flat", "held", "any"]))
    if side == "flat":
        return PositionCondition(side="flat")
    profits = sorted(draw(st.lists(st.integers(-150, 150), min_size=2, max_size=2)))
    shares = sorted(draw(st.lists(SHARES, min_size=2, max_size=2)))
    bounds = {
        "profit_percent_min": profits[0],
        "profit_percent_max": profits[1],
        "quantity_min": shares[0],
        "quantity_max": shares[1],
        "adds_max": draw(st.integers(0, 3)),
    }
    least = 1 if side == "any" else 0
    given = draw(st.sets(st.sampled_from(sorted(bounds)), min_size=least))
    return PositionCondition(side=side, **{name: bounds[name] for name in given})


@st.composite
def time_conditions(draw: st.DrawFn, step_s: int = 1) -> TimeCondition:
    start, end = draw(
        st.tuples(st.integers(0, 86_399 // step_s), st.integers(0, 86_399 // step_s)).filter(
            lambda pair: pair[0] != pair[1]
        )
    )
    days = draw(st.sets(st.sampled_from(DAYS), max_size=3))
    return TimeCondition(
        clock(start * step_s), clock(end * step_s), [day for day in DAYS if day in days]
    )


def clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


MARKET_CONDITIONS = st.builds(
    MarketCondition,
    st.sampled_from(["last", "bid", "ask", "spread", "mid", "atr"]),
    st.sampled_from(["above", "below"]),
    st.sampled_from([0.05, 99.99, 100, 100.0, 190.25]),
)
INDICATORS = st.sampled_from(
    ["close", "ema(20)", "ema(50)", "sma(200)", "bollinger_upper(20, 2.5)", "donchian_lower(20)"]
)
INDICATOR_CONDITIONS = (
    st.builds(
        IndicatorCondition,
        st.sampled_from(["last", "bid", "mid", "wma(9)"]),
        st.sampled_from([">", ">=", "<", "<="]),
        INDICATORS,
    )
    | st.builds(
        IndicatorCondition,
        INDICATORS,
        st.sampled_from(["crosses above", "crosses below"]),
        st.sampled_from(["wma(9)", "keltner_middle(20)", 99.99]),
    )
    | st.builds(
        IndicatorCondition,
        INDICATORS | st.sampled_from(["rsi(14)", "stochastic_k()", "atr(14)"]),
        st.sampled_from([">", ">=", "<", "<="]),
        st.sampled_from([0.05, 99.99, 100, 2.0]),
    )
)
SESSION_CONDITIONS = st.builds(SessionCondition, st.sampled_from([0, 60, 600.5]))
LEAVES = st.one_of(
    EVENT_CONDITIONS,
    position_conditions(),
    time_conditions(),
    MARKET_CONDITIONS,
    INDICATOR_CONDITIONS,
    SESSION_CONDITIONS,
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(AndCondition),
        st.lists(inner, min_size=1, max_size=3).map(OrCondition),
        inner.map(NotCondition),
    ),
    max_leaves=8,
).filter(lambda one: _depth(one) <= 6)


def _depth(condition: Any) -> int:
    inner = getattr(condition, "conditions", None) or (
        (condition.condition,) if isinstance(condition, NotCondition) else ()
    )
    return 1 + max(map(_depth, inner), default=0)


# -- actions --

SINGLES = st.one_of(
    st.builds(LinkedCreateOrderAction, st.just("BUY"), maybe(TRADES)),
    st.builds(LinkedScaleInAction, SCALE_INS),
    st.builds(LinkedDoubleDownAction, DOUBLE_DOWNS),
    st.builds(
        LinkedCloseAllAction,
        st.sampled_from(["this", "all"]),
        NAMES,
        st.sampled_from(["any", "long", "short"]),
    ),
    st.builds(ClosePositionAction, NAMES),
    st.builds(AdjustPositionAction, st.integers(-500, 500) | SHARES),
    st.builds(CreateOrderAction, side=SIDES, quantity=SHARES),
    st.builds(
        CreateOrderAction,
        side=SIDES,
        quantity=SHARES,
        order_type=st.sampled_from(["LMT", "STP"]),
        price=PRICES,
        tif=st.sampled_from(["DAY", "GTC"]),
    ),
    st.builds(
        CreateBracketOrderAction,
        side=SIDES,
        quantity=SHARES,
        stop=DISTANCES,
        target=maybe(DISTANCES),
        entry=maybe(DISTANCES),
    ),
    st.builds(CancelOrderAction, st.sampled_from(["entries", "adds", "all"])),
    st.builds(CancelOrderAction, reference=NAMES),
    st.builds(
        LogAction,
        st.sampled_from(["info", "warning", "critical"]),
        st.text(min_size=1, max_size=40).filter(lambda said: said.isprintable()),
    ),
)
ACTIONS = SINGLES | st.lists(SINGLES, min_size=1, max_size=4).map(ActionSequence)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """A rule of any condition and action; what cannot trigger gets a signal that does."""
    when = EventCondition("PredictionSignalEvent") & draw(CONDITIONS.filter(_not_of_events))
    return Rule(
        draw(NAMES),
        when,
        draw(ACTIONS),
        symbols=draw(st.lists(st.sampled_from(["IBM", "BRK B", "SPY"]), unique=True)),
        priority=draw(st.integers(-5, 100)),
        cooldown_s=draw(st.sampled_from([0, 0.5, 180])),
        executions_per_day_max=draw(maybe(st.integers(1, 9))),
        enabled=draw(st.booleans()),
        cooldown_group=draw(st.just("") | NAMES),
    )


def _not_of_events(condition: Any) -> bool:
    """Beside a signal, a condition on another event could never hold, and is refused."""
    if isinstance(condition, AndCondition | OrCondition):
        return all(map(_not_of_events, condition.conditions))
    return not isinstance(condition, EventCondition)


# -- scenes --


def signal(kind: str = "BUY", confidence: float = 0.9, symbol: str = "IBM") -> BaseEvent:
    return PredictionSignalEvent(1, 2, symbol, "model", "id-1", kind, confidence, 1, None)


def fill(role: str = "entry", quantity: str = "100", symbol: str = "IBM") -> BaseEvent:
    shares = Decimal(quantity)
    return FillEvent(
        1, 2, 7, 900, "c1-e", symbol, "BUY", shares, shares, Decimal(0), None, "filled", role,
        "0001.01", shares, Decimal("99.5"), Decimal("99.5"),
    )  # fmt: skip


EVENTS = st.one_of(
    st.builds(signal, st.sampled_from(SIGNALS), st.sampled_from([0.1, 0.5, 1.0])),
    st.builds(fill, st.sampled_from(["entry", "stop"]), st.sampled_from(["0.1", "50"])),
    st.just(PositionOpenEvent(1, 2, "IBM", "long", Decimal(1), Decimal(2), Decimal(0))),
    st.just(FlowThresholdEvent(1, 2, "IBM", "model", "confidence", 0.9, 0.5, "BUY")),
    st.just(AlertEvent(1, 2, "critical", "told")),
)
QUOTES = maybe(st.sampled_from([0.0, float("nan"), -1.0, 99.95, 100.0, 190.25, 103.0]))
READINGS = st.lists(
    st.builds(Reading, INDICATORS | st.just("rsi(14)"), QUOTES, QUOTES, st.integers(0, 300)),
    max_size=4,
).map(tuple)
MARKETS = st.builds(
    MarketView, st.just("IBM"), QUOTES, QUOTES, QUOTES, atr=QUOTES, indicators=READINGS
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    held = draw(st.sampled_from([Decimal(0), Decimal(100), Decimal("-12.5")]))
    now_ns = draw(st.integers(1_500_000_000, 1_900_000_000)) * 1_000_000_000
    return Scene(
        symbol="IBM",
        now_ns=now_ns,
        time_zone=draw(st.sampled_from(["America/New_York", "Asia/Tokyo", "nowhere"])),
        event=draw(maybe(EVENTS)),
        fired=tuple(draw(st.lists(LEAVES, max_size=2))),
        market=draw(maybe(MARKETS)),
        side=1 if held > 0 else -1 if held < 0 else draw(st.sampled_from([-1, 0, 1])),
        held=held,
        average_price=Decimal(100) if held else Decimal(0),
        adds=draw(st.integers(0, 3)),
        session_ends_ns=draw(maybe(st.just(now_ns + 120_000_000_000))),
    )
