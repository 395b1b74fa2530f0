"""Socket to Market; see reader.pxd."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, ENOSPC, EPIPE, errno
from libc.math cimport fmax, isfinite, isnan
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, strerror

from _fast.armed cimport ArmedSet
from _fast.decode cimport (
    MIN_SERVER, BarTick, is_market, market_tick, message_tuple, open_message, reason,
)
from _fast.fields cimport FINE, Fault, Message
from _fast.frame cimport COMPLETE, FrameBuffer
from _fast.market cimport Market
from _fast.types cimport BAR, SECOND_NS, Tick

from _fast.decode import DecodeError

FRAMES = FLAG_FRAMES
FIRED = FLAG_FIRED
WAKE = FLAG_WAKE
TIMEOUT = FLAG_TIMEOUT
CLOSED = FLAG_CLOSED
BROKEN = FLAG_BROKEN

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int POLLIN

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_MONOTONIC
    int clock_gettime(int clock, timespec* now)

cdef extern from "<poll.h>" nogil:
    # poll() counts in milliseconds, which is coarser than our timers.
    int ppoll(pollfd* fds, unsigned long count, const timespec* timeout, void* signals)

cdef extern from "<sys/socket.h>" nogil:
    int MSG_DONTWAIT
    ssize_t recv(int fd, void* buffer, size_t size, int flags)

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len
    ssize_t writev(int fd, const iovec* parts, int count)

cdef extern from "<unistd.h>" nogil:
    ssize_t read(int fd, void* buffer, size_t size)

cdef enum:
    RECEIVE_BYTES = 64 * 1024      # room that a recv finds at least
    QUEUE_START_BYTES = 64 * 1024
    BAD_BYTES_SHOWN = 200
    NO_MEMORY = -1


cdef packed struct Recorded:
    int64_t mono_ns
    int64_t kind
    uint32_t n


cdef struct Saved:
    int64_t mono_ns
    uint32_t n
    Fault fault


cdef inline int64_t monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * SECOND_NS + now.tv_nsec


cdef inline int64_t added(int64_t base, int64_t more) noexcept nogil:
    """base + more for a base of at least 0, held at the largest number."""
    return INT64_MAX if more > INT64_MAX - base else base + more


cdef class Reader:
    """Reads one TWS connection into a Market; see reader.pxd for the rules."""

    def __cinit__(
        self, int fd, int wake_fd, Market market not None, int server_version,
        bytes leftover not None=b"",
    ):
        if server_version < MIN_SERVER:
            raise ValueError(f"server version {server_version} is older than {MIN_SERVER}")
        self.buffer = FrameBuffer()
        self.buffer.feed(leftover)
        self.byte_count = len(leftover)
        self.market = market
        self.fd = fd
        self.wake_fd = wake_fd
        self.record_fd = -1
        self.server_version = server_version
        self.rate = 1.0
        self.armed = ArmedSet()

    def __dealloc__(self):
        free(self.queue)

    @property
    def bytes(self):
        """Bytes received."""
        return self.byte_count

    @property
    def pending(self):
        """Bytes of a frame that is not complete yet."""
        return self.buffer.end - self.buffer.start

    def set_clock(self, int64_t mono_anchor_ns, int64_t exchange_anchor_ns, double rate=1.0):
        if mono_anchor_ns < 0 or exchange_anchor_ns < 0:
            raise ValueError("a clock anchor is a time since an epoch: 0 or above")
        if not isfinite(rate) or rate <= 0:
            raise ValueError(f"the rate of the clock is {rate}; it must be a number above 0")
        self.mono_anchor = mono_anchor_ns
        self.exchange_anchor = exchange_anchor_ns
        self.rate = rate
        self.clocked = True

    def record(self, int fd):
        self.record_errno = 0
        self.record_fd = fd

    def wait(self, int64_t timeout_ns):
        cdef int flags
        self.enter()
        try:
            with nogil:
                flags = self.run(timeout_ns)
            if self.failure:
                number, self.failure = self.failure, 0
                raise OSError(number, strerror(number).decode())
            if flags == NO_MEMORY:
                raise MemoryError
            if self.interrupted:
                self.interrupted = False
                PyErr_CheckSignals()
            return flags
        finally:
            self.inside = False

    def feed(self, bytes chunk not None, int64_t mono_ns=-1):
        cdef const uint8_t* p = <const uint8_t*><const char*>chunk
        cdef size_t n = len(chunk)
        cdef int flags
        self.enter()
        try:
            with nogil:
                flags = self.take_in(p, n, monotonic() if mono_ns < 0 else mono_ns)
            if flags == NO_MEMORY:
                raise MemoryError
            return flags
        finally:
            self.inside = False

    def take(self):
        cdef list rows = []
        cdef Saved saved
        cdef size_t at = 0
        self.enter()
        try:
            while at < self.queued:
                memcpy(&saved, self.queue + at, sizeof(Saved))
                at += sizeof(Saved)
                rows.append((saved.mono_ns, self.message(self.queue + at, saved.n, saved.fault)))
                at += saved.n
            self.queued = 0
            if self.queue_room > QUEUE_START_BYTES:
                free(self.queue)  # one huge batch does not hold its memory all day
                self.queue = NULL
                self.queue_room = 0
            return rows
        finally:
            self.inside = False

    def enter(self):
        if self.inside:
            raise RuntimeError("another thread is in a call of this reader")
        self.inside = True

    cdef tuple message(self, const uint8_t* p, uint32_t n, Fault fault):
        cdef Message opened
        cdef Fault header = open_message(p, n, self.server_version, &opened)
        if fault:
            return bad(reason(0 if header else opened.id, fault), p, n)
        try:
            return message_tuple(&opened, self.server_version)
        except DecodeError as error:
            self.bad_frames += 1
            return bad(str(error), p, n)

    # -- without the GIL ---------------------------------------------------------------------

    cdef int run(self, int64_t timeout_ns) noexcept nogil:
        cdef pollfd polled[2]
        cdef timespec left
        cdef int64_t now = monotonic()
        cdef int64_t deadline = added(now, timeout_ns) if timeout_ns >= 0 else INT64_MAX
        cdef int count, flags
        self.armed.hold(False)
        if self.process(now) == NO_MEMORY:  # what came with the handshake
            return NO_MEMORY
        flags = self.ready()
        polled[0].fd = self.fd
        polled[1].fd = self.wake_fd
        polled[0].events = polled[1].events = POLLIN
        while not flags:
            if deadline > now:
                left.tv_sec = (deadline - now) // SECOND_NS
                left.tv_nsec = (deadline - now) % SECOND_NS
            else:
                left.tv_sec = left.tv_nsec = 0
            polled[0].revents = polled[1].revents = 0
            count = ppoll(polled, 2, &left, NULL)
            if count < 0:
                if errno == EINTR:
                    self.interrupted = True
                else:
                    self.failure = errno
                return 0
            if polled[1].revents and self.drain_wake():
                flags = FLAG_WAKE
                self.armed.hold(True)  # somebody has something to say first
            if self.failure:
                return 0
            if polled[0].revents and self.receive() == NO_MEMORY:
                return NO_MEMORY
            flags |= self.ready()
            now = monotonic()
            if not flags and now >= deadline:
                return FLAG_TIMEOUT
        return flags

    cdef int ready(self) noexcept nogil:
        cdef int flags = 0
        if self.queued:
            flags |= FLAG_FRAMES
        if self.market.fired > 0:
            flags |= FLAG_FIRED
        if self.closed:
            flags |= FLAG_CLOSED
        if self.buffer.broken:
            flags |= FLAG_BROKEN
        return flags

    cdef int drain_wake(self) noexcept nogil:
        # One read takes an eventfd's counter, or more wakes from a pipe than anybody sends.
        cdef uint8_t spent[4096]
        cdef ssize_t got = read(self.wake_fd, spent, sizeof(spent))
        if got > 0:
            return 1
        if got == 0:
            self.failure = EPIPE  # nobody can wake us any more
        elif errno != EINTR and errno != EAGAIN:
            self.failure = errno
        return 0

    cdef int receive(self) noexcept nogil:
        cdef ssize_t got
        cdef int64_t now
        if self.buffer.reserve(RECEIVE_BYTES) < 0:
            return NO_MEMORY
        got = recv(
            self.fd, self.buffer.data + self.buffer.end,
            self.buffer.capacity - self.buffer.end, MSG_DONTWAIT,
        )
        if got > 0:
            now = monotonic()
            self.buffer.end += got
            self.byte_count += got
            self.batches += 1
            self.last_receive_ns = now
            if self.record_fd >= 0:
                self.keep(now, self.buffer.data + self.buffer.end - got, got)
            return self.process(now)
        if got == 0:
            self.closed = True
        elif errno != EINTR and errno != EAGAIN:
            self.closed = True
            self.closed_errno = errno
        return 0

    cdef void keep(self, int64_t mono_ns, const uint8_t* p, size_t n) noexcept nogil:
        cdef Recorded head
        cdef iovec[2] parts
        head.mono_ns = mono_ns
        head.kind = 0
        head.n = <uint32_t>n
        parts[0].iov_base = &head
        parts[0].iov_len = sizeof(Recorded)
        parts[1].iov_base = <void*>p
        parts[1].iov_len = n
        cdef ssize_t written = writev(self.record_fd, parts, 2)
        if written != <ssize_t>(sizeof(Recorded) + n):
            # A part of a record is found by its length when the file is read.
            self.record_errno = errno if written < 0 else ENOSPC
            self.record_fd = -1

    cdef int take_in(self, const uint8_t* p, size_t n, int64_t now) noexcept nogil:
        cdef size_t part
        self.byte_count += n
        self.batches += 1
        self.last_receive_ns = now
        if self.process(now) == NO_MEMORY:  # what came with the handshake
            return NO_MEMORY
        while n and not self.buffer.broken:
            part = n if n < RECEIVE_BYTES else RECEIVE_BYTES
            if self.buffer.reserve(part) < 0:
                return NO_MEMORY
            memcpy(self.buffer.data + self.buffer.end, p, part)
            self.buffer.end += part
            p += part
            n -= part
            if self.process(now) == NO_MEMORY:
                return NO_MEMORY
        return self.ready()

    cdef int process(self, int64_t mono_ns) noexcept nogil:
        """Every whole frame in the buffer: apply it, or save it for Python."""
        cdef const uint8_t* p = NULL
        cdef uint32_t n = 0
        cdef bint told
        cdef Fault fault
        if self.buffer.start == self.buffer.end:
            return 0
        if self.clocked:
            self.market.set_now(self.exchange_time(mono_ns))
        while self.buffer.next(&p, &n) == COMPLETE:
            self.frames += 1
            told = False
            fault = self.apply(p, n, &told)
            self.bad_frames += fault != FINE
            if told and self.save(mono_ns, p, n, fault) == NO_MEMORY:
                return NO_MEMORY
        return 0

    cdef Fault apply(self, const uint8_t* p, size_t n, bint* told) noexcept nogil:
        cdef Message message
        cdef Tick tick
        cdef BarTick bar
        cdef int fired
        cdef Fault fault = open_message(p, n, self.server_version, &message)
        told[0] = True
        if fault or not is_market(message.id):
            return fault
        fault = market_tick(&message, &tick, &bar)
        if fault:
            return fault
        told[0] = False
        self.ticks += 1
        if tick.field == BAR:
            self.market.apply_bar(
                bar.row, bar.time_ns, bar.open, bar.high, bar.low, bar.close,
                -1.0 if isnan(bar.volume) else bar.volume,
            )
        else:
            fired = self.market.apply(&tick)
            if fired and fired == self.market.fired and not self.queued:
                # Nothing that Python has to hear of came before it.
                self.armed.look(
                    self.market, self.market.fire_at[0].condition_id, self.fd, self.last_receive_ns
                )
        return FINE

    cdef int save(self, int64_t mono_ns, const uint8_t* p, uint32_t n, Fault fault) noexcept nogil:
        cdef Saved saved
        cdef size_t wanted = self.queued + sizeof(Saved) + n
        cdef size_t room = self.queue_room if self.queue_room else QUEUE_START_BYTES
        cdef uint8_t* moved
        while room < wanted:
            room *= 2
        if room != self.queue_room:
            moved = <uint8_t*>realloc(self.queue, room)
            if moved is NULL:
                return NO_MEMORY
            self.queue = moved
            self.queue_room = room
        saved.mono_ns = mono_ns
        saved.n = n
        saved.fault = fault
        memcpy(self.queue + self.queued, &saved, sizeof(Saved))
        memcpy(self.queue + self.queued + sizeof(Saved), p, n)
        self.queued = wanted
        return 0

    cdef int64_t exchange_time(self, int64_t mono_ns) noexcept nogil:
        cdef int64_t passed = mono_ns - self.mono_anchor
        cdef double scaled
        if self.rate != 1.0:
            scaled = <double>passed * self.rate
            passed = INT64_MAX if scaled >= 9.2e18 else <int64_t>fmax(scaled, -9.2e18)
        return added(self.exchange_anchor, passed)


cdef tuple bad(str why, const uint8_t* p, uint32_t n):
    shown = PyBytes_FromStringAndSize(<const char*>p, min(n, <uint32_t>BAD_BYTES_SHOWN))
    return ("bad", why, shown)
