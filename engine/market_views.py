"""The market of a symbol at a moment, as conditions and prices see it."""

from __future__ import annotations

from typing import Final

from _fast.market import Market
from engine.broker.session import Session
from engine.inputs import MarketView

LIVE_DATA_TYPES: Final = frozenset({0, 1})  # 0: not told; delayed ids are marked by themselves


def seen(session: Session, market: Market, symbol: str, now_ns: int) -> MarketView:
    """Dated by the exchange; of a symbol that is not traded here, nothing is known."""
    row = session.rows.get(symbol)
    if row is None:
        return MarketView(symbol)
    bid, ask, last, quote_ns, trade_ns, atr, halted, data_type, shortable = market.view(row)
    newest_ns = max(quote_ns, trade_ns)
    return MarketView(
        symbol,
        bid,
        ask,
        last,
        quote_age_ns=max(now_ns - newest_ns, 0) if newest_ns else None,
        atr=atr,
        halted=halted > 0,
        live=data_type in LIVE_DATA_TYPES and session.upstream.data_farms_ok,
        shortable=shortable,
        indicators=session.feed.readings(symbol),
    )
