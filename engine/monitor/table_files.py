"""Tables as the bytes of a file: CSV, and Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any


def csv_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def parquet_there() -> bool:
    return find_spec("pyarrow") is not None


def parquet_bytes(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """The values of a column are of one type, or None."""
    import pyarrow  # type: ignore[import-not-found, unused-ignore]
    from pyarrow import parquet  # type: ignore[import-not-found, unused-ignore]

    out = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(dict(columns)), out)
    return bytes(out.getvalue())
