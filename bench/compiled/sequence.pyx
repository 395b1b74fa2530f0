"""A reader that checks, tick by tick, that nothing was lost and nothing out of place.

The size of each trade counts the trades of its request (bench/stream.py). It is compared where the
trade has arrived: in the instrument's columns, after the market took it, on the thread that read
it and without Python.
"""

from libc.stdint cimport int32_t, uint8_t, uint64_t

from _fast.decode cimport BarTick, is_market, market_tick, open_message
from _fast.fields cimport Fault, Message
from _fast.reader cimport Reader
from _fast.types cimport Tick


cdef class SequenceReader(Reader):
    cdef double[::1] sizes           # the newest of each row, NaN: none yet
    cdef readonly uint64_t checked
    cdef readonly uint64_t lost      # numbers that were left out
    cdef readonly uint64_t misplaced # numbers that were not above the one before
    cdef readonly uint64_t unapplied # trades that the instrument does not show

    def expect(self, double[::1] sizes):
        """``sizes`` of each row, of the trade that came last: before the first, one below it."""
        if sizes.shape[0] != self.market.count:
            raise ValueError(f"the market has {self.market.count} rows, not {sizes.shape[0]}")
        self.sizes = sizes

    cdef Fault apply(self, const uint8_t* p, size_t n, bint* told) noexcept nogil:
        cdef Message message
        cdef Tick tick
        cdef BarTick bar
        cdef int32_t row
        cdef Fault fault = Reader.apply(self, p, n, told)
        if fault or told[0] or self.sizes.shape[0] == 0:
            return fault
        if open_message(p, n, self.server_version, &message) or not is_market(message.id):
            return fault
        if market_tick(&message, &tick, &bar) or not 0 <= tick.row < self.market.request_room:
            return fault
        row = self.market.row_of[tick.row]
        if row < 0:
            return fault
        self.checked += 1
        self.unapplied += self.market.instrument_at[row].last_size != tick.size
        if tick.size <= self.sizes[row]:
            self.misplaced += 1
        else:
            self.lost += <uint64_t>(tick.size - self.sizes[row] - 1.0)
        self.sizes[row] = tick.size
        return fault
