"""The ledger as Parquet, where pyarrow is installed; nothing else here needs it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import attrs

from engine.backtest.ledger import as_data
from engine.errors import UserError
from engine.report.trade import ReportTrade


def check_installed() -> None:
    """Raises UserError: it is not there."""
    if importlib.util.find_spec("pyarrow") is None:
        raise UserError("--parquet needs pyarrow: pip install pyarrow; --csv works without it")


def table(trades: Sequence[ReportTrade]) -> bytes:
    """One row a trade; numbers as doubles, times as nanoseconds and as text."""
    import pyarrow  # type: ignore[import-not-found, unused-ignore]
    from pyarrow import parquet  # type: ignore[import-not-found, unused-ignore]

    names = (*(one.name for one in attrs.fields(ReportTrade)), "opened", "closed")
    rows = [as_data(one) for one in trades]
    found: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in names}
    out = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(found), out)
    return bytes(out.getvalue())
