"""What the account carries now, worst case: read off the state for the gate and for people.

Looking changes nothing: people and guards look between steps, and a replay knows nothing of it.
"""

from __future__ import annotations

from decimal import Decimal

from engine.config import SECOND_NS
from engine.contexts import Context
from engine.inputs import Instrument, MarketView
from engine.money import CENTS, ZERO
from engine.reasons import Reason
from engine.risk import Standing, state_reason
from engine.state import State


def standing(state: State, symbol: str, now_ns: int, market: MarketView | None = None) -> Standing:
    """Where everything stands that an order of ``symbol`` is judged by."""
    limits = state.config.limits
    instrument = state.instruments.get(symbol)
    minute_ago = now_ns - state.scaled(60.0)
    second_ago = now_ns - state.scaled(1.0)
    window = now_ns - state.scaled(limits.window_s)
    values = {one.symbol: exposure(one) for one in state.current.values()}
    return Standing(
        live=state.live,
        halted=state.halt is not None,
        frozen=symbol in state.frozen or bool(state.unexplained(symbol)),
        defined=instrument is not None,
        session_open=instrument is not None and open_until(state, instrument, now_ns) is not None,
        market=market,
        gross=sum(map(abs, values.values()), ZERO),
        net=sum(values.values(), ZERO),
        groups=tuple(
            (
                group.name,
                sum((abs(value) for one, value in values.items() if one in group.symbols), ZERO),
                group.notional_max,
            )
            for group in limits.groups
            if symbol in group.symbols
        ),
        risk_at_stops=sum((risk_at_stop(state, one) for one in state.current.values()), ZERO),
        positions=len(state.current),
        orders_last_minute=sum(at_ns > minute_ago for at_ns in state.order_times),
        orders_last_second=sum(at_ns > second_ago for at_ns in state.order_times),
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


def exposure(context: Context) -> Decimal:
    """Signed notional of a trade if everything that may fill, fills, at the price it was decided
    on."""
    return (abs(context.held) + context.opening_rest) * context.basis * context.side


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


def _note(times: dict[str, tuple[int, ...]], symbol: str, now_ns: int, since_ns: int) -> None:
    kept = tuple(at_ns for at_ns in times.get(symbol, ()) if at_ns > since_ns)
    times[symbol] = (*kept, now_ns)


def _lately(times: dict[str, tuple[int, ...]], symbol: str, since_ns: int) -> int:
    return sum(at_ns > since_ns for at_ns in times.get(symbol, ()))
