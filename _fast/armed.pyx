"""Orders that leave from the reader; see armed.pxd."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport errno
from libc.math cimport fabs, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from _fast.instruments cimport Row
from _fast.market cimport Market
from _fast.types cimport SECOND_NS, Instrument

cdef extern from *:
    """
    #include <time.h>
    #ifndef CLOCK_BOOTTIME  /* not on every system */
    #define CLOCK_BOOTTIME CLOCK_MONOTONIC
    #endif
    """
    const int CLOCK_BOOTTIME

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_MONOTONIC
    int clock_gettime(int clock, timespec* now)

cdef extern from "<sys/socket.h>" nogil:
    int MSG_DONTWAIT
    int MSG_NOSIGNAL
    ssize_t send(int fd, const void* data, size_t size, int flags)


cdef inline int64_t read_clock(int clock) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t>now.tv_sec * SECOND_NS + now.tv_nsec


cdef inline bint near(double value, double wanted, double gap) noexcept nogil:
    if isnan(wanted):
        return isnan(value)
    return fabs(value - wanted) <= gap  # False without a value


cdef inline bint same(double value, double wanted) noexcept nogil:
    return value == wanted or (isnan(value) and isnan(wanted))


cdef bint still_true(const Burst* burst, const Instrument* at, const Row* more) noexcept nogil:
    return (
        near(at.bid, burst.bid, burst.gap)
        and near(at.ask, burst.ask, burst.gap)
        and near(at.last, burst.last, burst.gap)
        and same(at.atr, burst.atr)
        and more.series.next == burst.next_bar
        and more.series.current.time_ns == burst.bar_ns
        and at.data_type == burst.data_type
        and at.halted == burst.halted
        and at.shortable == burst.shortable
    )


cdef class ArmedSet:
    """Bursts of which one may leave; see armed.pxd for the rules."""

    def __cinit__(self):
        self.fired = -1

    def __dealloc__(self):
        free(self.bursts)
        free(self.data)

    cdef void hold(self, bint held) noexcept nogil:
        self.held = held

    cdef bint look(
        self, Market market, int32_t condition_id, int fd, int64_t mono_ns
    ) noexcept nogil:
        cdef Burst* burst = NULL
        cdef int i
        cdef ssize_t taken
        for i in range(self.count):
            if self.bursts[i].condition_id == condition_id:
                burst = &self.bursts[i]
        if burst is NULL or self.held or mono_ns > self.until_ns:
            return False
        if self.awake_until_ns and read_clock(CLOCK_BOOTTIME) > self.awake_until_ns:
            return False
        if not still_true(burst, &market.instrument_at[burst.row], &market.row_at[burst.row]):
            return False
        self.count = 0
        self.fired = condition_id
        self.used = burst[0]
        self.sent = 0
        self.error = 0
        self.leaving_ns = read_clock(CLOCK_MONOTONIC)
        if fd >= 0:
            taken = send(fd, self.data + burst.start, burst.size, MSG_DONTWAIT | MSG_NOSIGNAL)
            if taken < 0:
                self.error = errno
            else:
                self.sent = taken
        self.fired_ns = read_clock(CLOCK_MONOTONIC)
        return True

    # -- between two waits -------------------------------------------------------------------

    def load(self, Market market not None, bursts, int64_t until_ns, int64_t awake_until_ns=0):
        """Put ``bursts`` in the place of all that were here: (condition, row, bid, ask, last, gap,
        bytes) of each, the prices as they were decided on, None or NaN where there is none."""
        if self.fired >= 0:
            raise RuntimeError("a burst has left, and nobody has taken note of it")
        cdef list whole = list(bursts)
        data = b"".join([burst[6] for burst in whole])
        cdef const uint8_t* p = <const uint8_t*><const char*>data
        cdef size_t n = len(data)
        cdef size_t start = 0
        cdef int count = 0
        self.count = 0
        free(self.bursts)
        free(self.data)
        self.data = NULL
        self.bursts = <Burst*>malloc((len(whole) + 1) * sizeof(Burst))
        if self.bursts is NULL:
            raise MemoryError
        self.data = <uint8_t*>malloc(n + 1)
        if self.data is NULL:
            raise MemoryError
        memcpy(self.data, p, n)
        for condition_id, row, bid, ask, last, gap, frames in whole:
            self.bursts[count] = pictured(market, row)
            self.bursts[count].condition_id = condition_id
            self.bursts[count].bid = value_of(bid)
            self.bursts[count].ask = value_of(ask)
            self.bursts[count].last = value_of(last)
            self.bursts[count].gap = gap
            self.bursts[count].start = start
            self.bursts[count].size = len(frames)
            start += len(frames)
            count += 1
        self.until_ns = until_ns
        self.awake_until_ns = awake_until_ns
        self.count = count

    def clear(self):
        """Nothing may leave any more. What has left stays to be taken."""
        self.count = 0

    def wait(self, bint woken):
        """A wait begins, or somebody has woken it and is heard first."""
        self.hold(woken)

    def take(self):
        """Take note of the burst that has left: (condition, all its bytes, how many of them the
        socket took)."""
        if self.fired < 0:
            raise RuntimeError("no burst has left")
        whole = PyBytes_FromStringAndSize(
            <const char*>self.data + self.used.start, self.used.size
        )
        condition, self.fired = self.fired, -1
        return condition, whole, self.sent


cdef double value_of(price) except? -1.0:
    return float("nan") if price is None else price


cdef Burst pictured(Market market, row) except *:
    """What must still be so when the burst leaves."""
    cdef Burst burst
    cdef int32_t index = market.checked(row)
    cdef Instrument* at = &market.instrument_at[index]
    burst.row = index
    burst.atr = at.atr
    burst.bar_ns = market.row_at[index].series.current.time_ns
    burst.next_bar = market.row_at[index].series.next
    burst.data_type = at.data_type
    burst.halted = at.halted
    burst.shortable = at.shortable
    return burst
