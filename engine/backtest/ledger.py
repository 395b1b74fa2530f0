"""The ledger of finished trades, and its form as CSV."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs

from engine.daybook import EXCHANGE_ZONE, Excursion
from engine.events import PositionSide, TradeEvent
from engine.monitor.table_files import csv_bytes


@attrs.frozen(kw_only=True)
class LedgerTrade:
    """A trade from flat to flat. ``realised`` is after ``commission``; ``mae`` and ``mfe``, how
    far it went against and for the position, are per share. It was decided at ``opened_ns``, and
    all of it had come to rest at ``closed_ns``, on the exchange's clock."""

    symbol: str
    side: PositionSide
    quantity: Decimal
    entry: Decimal
    exit: Decimal
    reason: str
    realised: Decimal
    commission: Decimal
    mae: float
    mfe: float
    opened_ns: int
    closed_ns: int

    @classmethod
    def of(cls, event: TradeEvent, excursion: Excursion) -> LedgerTrade:
        return cls(
            symbol=event.symbol,
            side=event.side,
            quantity=event.quantity,
            entry=event.entry_price,
            exit=event.exit_price,
            reason=event.reason,
            realised=event.realised,
            commission=event.commission,
            mae=round(excursion.adverse, 6),
            mfe=round(excursion.favourable, 6),
            opened_ns=event.opened_ns,
            closed_ns=event.closed_ns,
        )

    def cells(self) -> dict[str, str]:
        """As text, exact; its times as those of New York."""
        found = {
            name: "" if value is None else str(value) for name, value in attrs.asdict(self).items()
        }
        opened, closed = _local(self.opened_ns), _local(self.closed_ns)
        return {**found, "opened": opened, "closed": closed}


def columns(kind: type[LedgerTrade] = LedgerTrade) -> tuple[str, ...]:
    return (*(one.name for one in attrs.fields(kind)), "opened", "closed")


def as_csv(trades: Iterable[LedgerTrade], kind: type[LedgerTrade] = LedgerTrade) -> bytes:
    """All of them are of this ``kind``."""
    return csv_bytes(columns(kind), (one.cells() for one in trades))


def as_data(trade: LedgerTrade) -> dict[str, Any]:
    """For JSON: numbers as numbers."""
    found = attrs.asdict(trade)
    plain = {key: float(one) if isinstance(one, Decimal) else one for key, one in found.items()}
    return {**plain, "opened": _local(trade.opened_ns), "closed": _local(trade.closed_ns)}


def _local(time_ns: int) -> str:
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    local = datetime.fromtimestamp(seconds, UTC).astimezone(EXCHANGE_ZONE)
    return f"{local:%Y-%m-%d %H:%M:%S}.{rest_ns // 1000:06d}"
