"""Frames out of a byte stream; see frame.pxd."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

cdef enum:
    HEADER = 4
    MAX_FRAME = 0xFFFFFF
    START = 256 * 1024
    LIMIT = 2 * (MAX_FRAME + HEADER + 1)

MAX_FRAME_BYTES = MAX_FRAME
START_BYTES = START
LIMIT_BYTES = LIMIT

# One largest frame may be partly there while as much again is received behind it.
assert START_BYTES < MAX_FRAME_BYTES + HEADER < LIMIT_BYTES


class FrameError(ValueError):
    """A frame length that no TWS sends; the stream cannot be followed any further."""


cdef class FrameBuffer:
    """Cuts a byte stream into TWS frames (u32be length + payload), at any split of the input."""

    def __cinit__(self):
        self.data = <uint8_t*>malloc(START)
        if self.data is NULL:
            raise MemoryError
        self.capacity = START

    def __dealloc__(self):
        free(self.data)

    @property
    def capacity(self):
        """Bytes allocated."""
        return self.capacity

    @property
    def pending(self):
        """Bytes received and not yet handed out as frames."""
        return self.end - self.start

    cdef int reserve(self, size_t room) noexcept nogil:
        cdef size_t kept = self.end - self.start
        cdef size_t wanted = kept + room
        if wanted > LIMIT:
            return -1
        if kept == 0:
            self.start = self.end = 0
            if self.capacity > START and wanted <= START:
                self.resize(START)  # a rare huge frame does not hold its memory all day
        if self.capacity - self.end >= room:
            return 0
        # Move only when at least as many bytes were handed out as must be moved: each byte
        # is then moved once per time it was received, whatever the sizes of the chunks.
        if wanted <= self.capacity and kept <= self.start:
            self.compact(kept)
            return 0
        cdef size_t size = self.capacity
        while size < wanted or size < 2 * kept:
            size *= 2
        if size > LIMIT:
            size = LIMIT
        self.compact(kept)
        if size > self.capacity and self.resize(size) < 0:
            return 0 if self.capacity >= wanted else -1
        return 0

    cdef void compact(self, size_t kept) noexcept nogil:
        if self.start > 0:
            memmove(self.data, self.data + self.start, kept)
            self.start = 0
            self.end = kept

    cdef int resize(self, size_t size) noexcept nogil:
        cdef uint8_t* moved = <uint8_t*>realloc(self.data, size)
        if moved is NULL:
            return -1
        self.data = moved
        self.capacity = size
        return 0

    cdef Next next(self, const uint8_t** p, uint32_t* n) noexcept nogil:
        cdef const uint8_t* head = self.data + self.start
        cdef size_t there = self.end - self.start
        cdef uint32_t length
        if self.broken:
            return BROKEN
        if there < HEADER:
            return PARTIAL
        length = (
            <uint32_t>head[0] << 24 | <uint32_t>head[1] << 16
            | <uint32_t>head[2] << 8 | <uint32_t>head[3]
        )
        if length == 0 or length > MAX_FRAME:
            self.broken = True
            self.bad_length = length
            return BROKEN
        if there - HEADER < length:
            return PARTIAL
        p[0] = head + HEADER
        n[0] = length
        self.start += HEADER + length
        return COMPLETE

    def feed(self, bytes chunk not None):
        cdef size_t size = len(chunk)
        if self.reserve(size) < 0:
            raise BufferError(
                f"{self.end - self.start} bytes wait in the frame buffer and {size} more do not "
                f"fit into {LIMIT}: take the frames out first"
            )
        memcpy(self.data + self.end, <const char*>chunk, size)
        self.end += size

    def next_frame(self):
        cdef const uint8_t* p = NULL
        cdef uint32_t n = 0
        cdef Next found = self.next(&p, &n)
        if found == BROKEN:
            raise FrameError(
                f"a frame of {self.bad_length} bytes was announced; TWS sends 1 to {MAX_FRAME}: "
                "reconnect"
            )
        return PyBytes_FromStringAndSize(<const char*>p, n) if found == COMPLETE else None
