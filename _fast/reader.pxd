# Socket to Market without the GIL; what concerns Python is queued and wakes it.
#
# wait() polls the socket and a wake-up descriptor, receives, cuts frames and applies market
# messages, all without the GIL, and comes back only when there is something for Python:
#
#   FRAMES   order, cold or bad frames are queued; take() decodes and returns them
#   FIRED    market.fired is above 0
#   WAKE     the wake-up descriptor was readable (it has been read)
#   TIMEOUT  the time is up, and nothing else happened
#   CLOSED   the peer closed or the connection failed (closed_errno); for good
#   BROKEN   a frame length that no TWS sends: the stream is lost; for good
#   0        a signal arrived and its Python handler, if any, has run
#
# FRAMES and FIRED are levels: wait() returns at once until the frames were taken and the fires
# drained. A batch is what one recv gave. All its frames are processed before wait() returns, its
# market messages first: an order event sees the market as it was at the end of its batch.
# While frames are queued nothing is received, so the queue never outgrows one batch.
#
# A frame that cannot be read is counted, delivered as ("bad", reason, first 200 bytes), and
# applied in no part; the stream goes on with the next frame.
#
# record() copies what each recv gave to a file, before it is processed, as one record: 20 bytes
# (CLOCK_MONOTONIC of the receive as int64, kind 0 as int64, length as uint32, little endian) and
# the bytes. Market data never wait for a disk that fails: recording stops, record_errno says why.
#
# When a condition fires to which armed orders belong, they leave at once (see armed.pxd), unless
# something that Python has not heard of came before: a wake-up, a frame, another fire.
#
# One thread uses a Reader at a time. Nothing here closes a descriptor.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from _fast.armed cimport ArmedSet
from _fast.fields cimport Fault
from _fast.frame cimport FrameBuffer
from _fast.market cimport Market

cdef enum Flag:
    FLAG_FRAMES = 1
    FLAG_FIRED = 2
    FLAG_WAKE = 4
    FLAG_TIMEOUT = 8
    FLAG_CLOSED = 16
    FLAG_BROKEN = 32

cdef class Reader:
    cdef FrameBuffer buffer
    cdef Market market
    cdef int fd
    cdef int wake_fd
    cdef int record_fd             # -1: nothing is recorded
    cdef int server_version
    cdef bint inside               # a call is under way
    cdef bint closed
    cdef int failure               # errno of poll or of the wake-up descriptor
    cdef bint interrupted
    cdef bint clocked
    cdef int64_t mono_anchor
    cdef int64_t exchange_anchor
    cdef double rate
    cdef uint8_t* queue            # Saved headers, each followed by its payload
    cdef size_t queue_room
    cdef size_t queued
    cdef uint64_t byte_count
    cdef readonly ArmedSet armed
    cdef readonly int closed_errno
    cdef readonly int record_errno
    cdef readonly uint64_t frames
    cdef readonly uint64_t ticks
    cdef readonly uint64_t bad_frames
    cdef readonly uint64_t batches
    cdef readonly int64_t last_receive_ns

    cdef int run(self, int64_t timeout_ns) noexcept nogil
    cdef int ready(self) noexcept nogil
    cdef int receive(self) noexcept nogil
    cdef void keep(self, int64_t mono_ns, const uint8_t* p, size_t n) noexcept nogil
    cdef int drain_wake(self) noexcept nogil
    cdef int take_in(self, const uint8_t* p, size_t n, int64_t now) noexcept nogil
    cdef int process(self, int64_t mono_ns) noexcept nogil
    cdef Fault apply(self, const uint8_t* p, size_t n, bint* told) noexcept nogil
    cdef int save(self, int64_t mono_ns, const uint8_t* p, uint32_t n, Fault fault) noexcept nogil
    cdef int64_t exchange_time(self, int64_t mono_ns) noexcept nogil
    cdef tuple message(self, const uint8_t* p, uint32_t n, Fault fault)
