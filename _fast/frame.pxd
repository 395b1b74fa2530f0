# Cuts a byte stream into TWS frames: u32be length, then that many bytes of payload.
#
# A growable buffer with two marks. Bytes are received straight behind `end` and frames are
# handed out as pointers from `start` on; nothing is copied per frame. What is left when the
# frames run out is less than one frame and stays where it is; it moves to the front of the
# buffer only when the room behind it is too short, so a burst costs no quadratic copying.
#
# Bounds: MAX_FRAME_BYTES (0xFFFFFF, as in TWS) >= any payload;
#         START_BYTES (256 KiB) <= capacity <= LIMIT_BYTES (two of the largest frames).
#
# A length of 0 or above MAX_FRAME_BYTES means that the stream can no longer be followed: from
# then on every `next` returns BROKEN. Frames before the bad length are still handed out.

from libc.stdint cimport uint8_t, uint32_t

cdef enum Next:
    BROKEN = -1
    PARTIAL = 0
    COMPLETE = 1

cdef class FrameBuffer:
    cdef uint8_t* data
    cdef size_t capacity
    cdef size_t start          # first byte not yet handed out
    cdef size_t end            # first free byte
    cdef readonly bint broken
    cdef readonly uint32_t bad_length

    # Room for `room` more bytes behind `end`; invalidates pointers given out by `next`.
    # 0, or -1 when LIMIT_BYTES or the memory is exhausted (the content is untouched).
    cdef int reserve(self, size_t room) noexcept nogil
    # COMPLETE: p and n are set and stay valid until the next `reserve`.
    cdef Next next(self, const uint8_t** p, uint32_t* n) noexcept nogil

    cdef void compact(self, size_t kept) noexcept nogil
    cdef int resize(self, size_t size) noexcept nogil
