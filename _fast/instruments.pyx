"""Memory of one instrument: layout, first values; see instruments.pxd."""

import contextlib
import mmap

from libc.math cimport NAN
from libc.stdint cimport uint8_t

import numpy as np

from _fast.bars cimport series_init
from _fast.bars import RING_BARS
from _fast.conditions import COLUMNS
from _fast.conditions cimport watch_free
from _fast.ranges cimport atr_free, atr_init
from _fast.studies cimport studies_free
from _fast.types cimport SECOND_NS

TRADES_FROM = {"last": FROM_LAST, "trade": FROM_TRADE, "bar": FROM_BAR}

cdef Instrument _probe


cdef instrument_dtype():
    # Offsets are taken from the struct itself: a field that moves takes its name along.
    cdef char* base = <char*>&_probe
    fields = [
        ("bid", "f8", <char*>&_probe.bid - base),
        ("ask", "f8", <char*>&_probe.ask - base),
        ("last", "f8", <char*>&_probe.last - base),
        ("bid_size", "f8", <char*>&_probe.bid_size - base),
        ("ask_size", "f8", <char*>&_probe.ask_size - base),
        ("last_size", "f8", <char*>&_probe.last_size - base),
        ("volume", "f8", <char*>&_probe.volume - base),
        ("atr", "f8", <char*>&_probe.atr - base),
        ("spread", "f8", <char*>&_probe.spread - base),
        ("mid", "f8", <char*>&_probe.mid - base),
        ("quote_ns", "i8", <char*>&_probe.quote_ns - base),
        ("trade_ns", "i8", <char*>&_probe.trade_ns - base),
        ("ticks", "u8", <char*>&_probe.ticks - base),
        ("late_trades", "u8", <char*>&_probe.late_trades - base),
        ("halted", "i2", <char*>&_probe.halted - base),
        ("shortable", "i2", <char*>&_probe.shortable - base),
        ("data_type", "i4", <char*>&_probe.data_type - base),
        ("trades_from", "i4", <char*>&_probe.trades_from - base),
        ("atr_ready", "i4", <char*>&_probe.atr_ready - base),
    ]
    names, formats, offsets = zip(*fields)
    return np.dtype({
        "names": names, "formats": formats, "offsets": offsets, "itemsize": sizeof(Instrument)
    })


INSTRUMENT_DTYPE = instrument_dtype()

assert sizeof(Instrument) == 2 * LINE and sizeof(Row) == 6 * LINE
# Conditions index the leading doubles of Instrument by Column.
assert {name: 8 * index for name, index in COLUMNS.items()} == {
    name: INSTRUMENT_DTYPE.fields[name][1] for name in COLUMNS
}


cdef lined(Py_ssize_t n_bytes):
    """Zeroed bytes that start at a cache line."""
    memory = np.zeros(n_bytes + LINE, dtype=np.uint8)
    cdef const uint8_t[::1] probe = memory
    cdef Py_ssize_t skip = (LINE - <size_t>&probe[0] % LINE) % LINE
    return memory[skip : skip + n_bytes]


cdef sparse(Py_ssize_t n_bytes):
    # numpy asks for huge pages when it asks for much: the first bar of each ring, and all the
    # rings of ten thousand instruments would be there.
    pages = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(AttributeError, OSError):  # a system without huge pages
        pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, dtype=np.uint8)


cdef ring_of(capacity):
    return max(1, min(RING_BARS, RINGS_BYTES // (max(capacity, 1) * <Py_ssize_t>sizeof(Bar))))


cdef int instrument_init(
    Instrument* at, Row* row, object bar_seconds, object atr_period, object atr_mean,
    object trades_from, Bar* ring, int32_t ring_max,
) except -1:
    if not 1 <= bar_seconds <= 86_400:
        raise ValueError(f"a bar lasts 1 to 86400 seconds, not {bar_seconds}")
    if trades_from not in (FROM_LAST, FROM_TRADE, FROM_BAR):
        raise ValueError(f"trades_from is 0 last, 1 trade or 2 bar, not {trades_from}")
    if trades_from == FROM_BAR and bar_seconds % 5:
        raise ValueError(f"real-time bars last 5 seconds, they do not fill {bar_seconds}")
    atr_init(&row.atr, atr_period, atr_mean)
    series_init(&row.series, bar_seconds * SECOND_NS, ring, ring_max)
    row.volume_seen = NAN
    at.bid = at.ask = at.last = at.bid_size = at.ask_size = at.last_size = NAN
    at.volume = at.atr = at.spread = at.mid = NAN
    at.halted = -1
    at.data_type = 1
    at.trades_from = trades_from
    return 0


cdef void instrument_free(Row* row) noexcept nogil:
    watch_free(&row.watch)
    atr_free(&row.atr)
    studies_free(row.studies)
    row.studies = NULL
