"""The same ticks as files of every kind."""

from __future__ import annotations

import gzip
import zipfile
from datetime import date

import attrs
import numpy as np
import pytest

from engine.sim import instruments
from engine.sim.launch import DAY
from engine.sim.market import generate
from engine.ticks import files

MS_NS = 1_000_000
KINDS = ("csv", "csv.gz", "parquet", "npy", "npz", "zip")


def drawn(symbol="IBM", day: date = DAY, minutes=12.0, seed=1, rate=2.0):
    """Ticks of the first minutes of a day in milliseconds, in an instant quotes before trades."""
    opens, _ = instruments.session(day)
    source = generate(
        [symbol], seed, opens, opens + int(minutes * 60e9),
        ticks_per_s=rate, prints=0.4, volatility=0.0003,
    )  # fmt: skip
    ticks = [attrs.evolve(one, time_ns=one.time_ns // MS_NS * MS_NS) for one in source]
    return sorted(ticks, key=lambda one: (one.time_ns, one.kind == "T"))


def rows(ticks, times=True, symbols=True):
    """As a structured array."""
    fields = [("time", "i8"), ("kind", "U1"), ("price", "f8"), ("size", "i8"), ("symbol", "U8")]
    found = np.array(
        [(one.time_ns, one.kind, one.price, one.size, one.symbol) for one in ticks], fields
    )
    if not times:
        day = instruments.local_time(ticks[0].time_ns).date()
        found["time"] = (found["time"] - instruments.midnight_ns(day)) // MS_NS
        found.dtype.names = ("time_ms", *found.dtype.names[1:])
    names = [one for one in found.dtype.names if symbols or one != "symbol"]
    return np.ascontiguousarray(found[names].astype([(one, found.dtype[one]) for one in names]))


def as_csv(ticks):
    day = instruments.local_time(ticks[0].time_ns).date()
    origin = instruments.midnight_ns(day)
    lines = (
        f"{(one.time_ns - origin) // MS_NS},{one.kind},{one.price:.2f},{one.size}\n"
        for one in ticks
    )
    return "time_ms,kind,price,size\n" + "".join(lines)


def parquet(path, columns, **options):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as library

    table = columns if isinstance(columns, pyarrow.Table) else pyarrow.table(columns)
    library.write_table(table, path, **options)
    return path


def columns_of(array):
    return {name: array[name] for name in array.dtype.names}


def text_columns(array):
    """For Arrow, which has no texts of fixed width."""
    return {
        name: values.tolist() if values.dtype.kind == "U" else values
        for name, values in columns_of(array).items()
    }


def lean(path, member, text):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(member, text)
    return path


def lean_ticks(folder, ticks):
    """A zip of trades and one of quotes."""
    symbol = ticks[0].symbol.lower()
    day = instruments.local_time(ticks[0].time_ns).date()
    origin = instruments.midnight_ns(day)
    lines = {"trade": "", "quote": ""}
    for one in ticks:
        time, price = (one.time_ns - origin) / MS_NS, round(one.price * 10_000)
        if one.kind == "T":
            lines["trade"] += f"{time:g},{price},{one.size},D,1,0\n".replace(f"{time:g}", str(time))
        else:
            bid, ask = (
                (f"{price},{one.size}", "0,0")
                if one.kind == "B"
                else ("0,0", f"{price},{one.size}")
            )
            lines["quote"] += f"{time},{bid},{ask},P,1,0\n"
    inside = folder / symbol
    inside.mkdir(exist_ok=True)
    return [
        lean(
            inside / f"{day:%Y%m%d}_{side}.zip",
            f"{day:%Y%m%d}_{symbol}_{side.title()}_Tick.csv",
            text,
        )
        for side, text in lines.items()
    ]


def written(folder, kind, ticks):
    """The files of this kind that have these ticks, of one symbol and day."""
    day = instruments.local_time(ticks[0].time_ns).date()
    path = folder / f"{ticks[0].symbol}-{day:%Y%m%d}.{kind}"
    if kind == "csv":
        path.write_text(as_csv(ticks))
    elif kind == "csv.gz":
        path.write_bytes(gzip.compress(as_csv(ticks).encode()))
    elif kind == "parquet":
        parquet(path, text_columns(rows(ticks)), row_group_size=500)
    elif kind == "npy":
        np.save(path, rows(ticks, times=False, symbols=False))
    elif kind == "npz":
        np.savez_compressed(path, **columns_of(rows(ticks, symbols=False)))
    else:
        return lean_ticks(folder, ticks)
    return [path]


def read(*paths):
    """All ticks of these files."""
    return list(files.tape(files.parts(paths)))
