"""What the account carries now, worst case: read off the state for the gate and for people.

Looking changes nothing: people and guards look between steps, and a replay knows nothing of it.
"""

from __future__ import annotations

from decimal import Decimal

from engine.config import SECOND_NS
from engine.contexts import Context
from engine.crowd import reserved
from engine.groups import Group
from engine.holdings import Holding, directly_held
from engine.inputs import Instrument, MarketView
from engine.money import CENTS, ZERO
from engine.orders import OPENING_ROLES
from engine.reasons import Reason
from engine.records import frozen
from engine.risk import NOTHING, Exposure, Standing, state_reason
from engine.state import State


def standing(
    state: State,
    symbol: str,
    now_ns: int,
    market: MarketView | None = None,
    direct: bool = False,
) -> Standing:
    """Where everything stands that an order of ``symbol`` is judged by: one of its trade, or one
    that is placed ``direct``ly."""
    limits = state.config.limits
    instrument = state.instruments.get(symbol)
    window = now_ns - state.scaled(limits.window_s)
    carried = burden(state)
    everything = carried.exposures
    own = everything.get(symbol, Exposures())
    return Standing(
        live=state.live,
        halted=state.halt is not None,
        frozen=symbol in state.frozen or bool(state.unexplained(symbol)),
        defined=instrument is not None,
        session_open=instrument is not None and open_until(state, instrument, now_ns) is not None,
        market=market,
        gross=carried.gross,
        net=carried.net,
        own=own.direct if direct else own.trade,
        symbol_gross=own.gross,
        groups=tuple(
            (
                group.name,
                sum((one.gross for name, one in everything.items() if name in group.symbols), ZERO),
                group.notional_max,
            )
            for group in limits.groups
            if symbol in group.symbols
        ),
        risk_at_stops=sum(carried.risks.values(), ZERO),
        positions=len({*state.current, *everything} - {symbol}),
        reserved={"BUY": reserved(state, symbol, "BUY"), "SELL": reserved(state, symbol, "SELL")},
        orders_last_minute=orders_within(state, 60.0, now_ns),
        orders_last_second=orders_within(state, 1.0, now_ns),
        entries_lately=_lately(state.entry_times, symbol, window),
        stop_outs_lately=_lately(state.stop_out_times, symbol, window),
        equity=state.account_value("NetLiquidation"),
        buying_power=state.account_value("BuyingPower"),
        account_age_s=(
            (now_ns - state.account_told_ns) / SECOND_NS if state.account_told_ns else None
        ),
        restricted=symbol in limits.restricted,
        grid=instrument.grid if instrument is not None else CENTS,
    )


@frozen
class Exposures:
    """Of one symbol. What was placed directly is nobody's protection: it makes no room for the
    trade."""

    trade: Exposure = NOTHING
    direct: Exposure = NOTHING

    @property
    def gross(self) -> Decimal:
        return self.trade.gross + self.direct.gross

    @property
    def net(self) -> Exposure:
        return self.trade + self.direct


@frozen
class Burden:
    """What trades and direct orders come to, in all and by symbol, and what each trade loses when
    its stop is hit."""

    exposures: dict[str, Exposures]
    gross: Decimal
    net: Exposure
    risks: dict[str, Decimal]


def burden(state: State) -> Burden:
    found = exposures(state)
    return Burden(
        found,
        gross=sum([one.gross for one in found.values()], ZERO),
        net=sum([one.net for one in found.values()], NOTHING),
        risks={symbol: risk_at_stop(state, one) for symbol, one in state.current.items()},
    )


def orders_within(state: State, seconds: float, now_ns: int) -> int:
    """How many have been sent lately."""
    since_ns = now_ns - state.scaled(seconds)
    return sum([at_ns > since_ns for at_ns in state.order_times])


def exposures(state: State) -> dict[str, Exposures]:
    """Of every symbol that has any."""
    found: dict[str, Exposures] = {}
    for context in state.contexts.values():
        trade = _of_trade(context)
        if trade.gross:
            known = found.get(context.symbol)
            found[context.symbol] = Exposures(trade if known is None else known.trade + trade)
    placed: dict[str, list[Group]] = {symbol: [] for symbol in state.direct_past}
    for group in state.groups.values():
        placed.setdefault(group.symbol, []).append(group)
    for symbol, groups in placed.items():
        own = _of_groups(groups, directly_held(state, symbol, groups))
        if own.gross:
            found[symbol] = Exposures(found[symbol].trade if symbol in found else NOTHING, own)
    return found


def _of_trade(context: Context) -> Exposure:
    """What is held at what it cost, the rest at the price of its orders."""
    position = context.ledger.position
    held = position.quantity * position.average_price
    rest = ZERO
    for order in context.orders.values():
        if order.role in OPENING_ROLES and not order.dead:
            rest += order.remaining * (order.price or context.basis)
    return Exposure(held + rest, held) if context.side > 0 else Exposure(held, held - rest)


def _of_groups(groups: list[Group], held: Holding) -> Exposure:
    """One sells what another has bought; of an OCO one leg fills. All of it at the dearest of
    their prices."""
    buys = sells = ZERO
    price = held.average_price
    for group in groups:
        rests: dict[int, Decimal] = {1: ZERO, -1: ZERO}
        for leg in group.orders.values():
            if leg.remaining:
                rests[leg.sign] = max(rests[leg.sign], leg.remaining)
                price = max(price, leg.price or group.price)
        buys, sells = buys + rests[1], sells + rests[-1]
    return Exposure((held.quantity + buys) * price, (held.quantity - sells) * price)


def reducible(state: State, symbol: str, side: int) -> Decimal:
    """How many of the shares that were placed directly one more order of this side could close,
    if all others of it fill first; none while anything about the symbol is in doubt."""
    if symbol in state.frozen or state.unexplained(symbol):
        return ZERO
    groups = [group for group in state.groups.values() if group.symbol == symbol]
    held = directly_held(state, symbol, groups).quantity
    rests = sum(
        (
            max((leg.remaining for leg in group.orders.values() if leg.sign == side), default=ZERO)
            for group in groups
        ),
        ZERO,
    )
    return max(-held * side - rests, ZERO)


def risk_at_stop(state: State, context: Context) -> Decimal:
    """What is lost from the average price when the stop is hit, with all that may still fill; a
    stop in profit risks nothing."""
    level = context.stop_level(state.instruments[context.symbol].grid)
    average = context.ledger.position.average_price or context.plan.decision_price
    shares = abs(context.held) + context.opening_rest
    return max((average - level) * context.side * shares, ZERO)


def symbol_reason(state: State, symbol: str, now_ns: int) -> Reason | None:
    """Why nothing of this symbol may be opened now, whatever its price."""
    instrument = state.instruments.get(symbol)
    return state_reason(
        Standing(
            live=state.live,
            halted=state.halt is not None,
            frozen=symbol in state.frozen or bool(state.unexplained(symbol)),
            defined=instrument is not None,
            session_open=instrument is not None
            and open_until(state, instrument, now_ns) is not None,
        )
    )


def open_until(state: State, instrument: Instrument, now_ns: int) -> int | None:
    """End of the session in which an entry may be made now; None outside, or once the
    end-of-day close of that session has begun."""
    margin = state.closing_margins.get(instrument.symbol, 0)
    for opens, closes in instrument.sessions:
        if opens <= now_ns < closes - margin:
            return closes
    return None


def note_entry(state: State, symbol: str, now_ns: int) -> None:
    """A trade has begun, with real shares: the throttle counts it."""
    _note(state.entry_times, symbol, now_ns, now_ns - state.scaled(state.config.limits.window_s))


def note_stop_out(state: State, symbol: str, now_ns: int) -> None:
    _note(state.stop_out_times, symbol, now_ns, now_ns - state.scaled(state.config.limits.window_s))


def pace(state: State, now_ns: int) -> None:
    """Nothing was ordered, begun or stopped out later than now."""
    state.order_times = [min(at_ns, now_ns) for at_ns in state.order_times]
    for times in (state.entry_times, state.stop_out_times):
        for symbol, noted in times.items():
            times[symbol] = tuple([min(at_ns, now_ns) for at_ns in noted])


def _note(times: dict[str, tuple[int, ...]], symbol: str, now_ns: int, since_ns: int) -> None:
    times[symbol] = (*[at_ns for at_ns in times.get(symbol, ()) if at_ns > since_ns], now_ns)


def _lately(times: dict[str, tuple[int, ...]], symbol: str, since_ns: int) -> int:
    return sum(at_ns > since_ns for at_ns in times.get(symbol, ()))
