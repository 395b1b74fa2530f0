"""The ledger as Parquet, where pyarrow is installed; nothing else here needs it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.backtest.ledger import as_data, columns
from engine.errors import UserError
from engine.monitor.table_files import parquet_bytes, parquet_there
from engine.report.trade import ReportTrade


def check_installed() -> None:
    """Raises UserError: it is not there."""
    if not parquet_there():
        raise UserError("--parquet needs pyarrow: pip install pyarrow; --csv works without it")


def table(trades: Sequence[ReportTrade]) -> bytes:
    """One row a trade; numbers as doubles, times as nanoseconds and as text."""
    rows = [as_data(one) for one in trades]
    return parquet_bytes({name: [row[name] for row in rows] for name in columns(ReportTrade)})
