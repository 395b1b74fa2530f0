"""Memory whose end is the end of the world: what reads one byte beyond it kills the process.

A decoder that looks further than its message does so unnoticed in any other memory, as something
is always there. Here the message ends with a page, and the next page may not be touched.
"""

from libc.errno cimport errno
from libc.stdint cimport uint8_t
from libc.string cimport memcpy, strerror

from _fast.decode cimport BarTick, is_market, market_tick, message_tuple, open_message
from _fast.fields cimport Message
from _fast.types cimport Tick

from _fast.decode import DecodeError

cdef extern from "<sys/mman.h>" nogil:
    int PROT_NONE
    int PROT_READ
    int PROT_WRITE
    int MAP_PRIVATE
    int MAP_ANONYMOUS
    void* MAP_FAILED
    void* mmap(void* at, size_t size, int rights, int flags, int fd, long offset)
    int mprotect(void* at, size_t size, int rights)
    int munmap(void* at, size_t size)

cdef enum:
    PAGE = 65536               # a multiple of every page size in use


cdef class Guard:
    """Room for one message of at most ``room`` bytes, which ends where the guarded page begins."""

    cdef uint8_t* memory
    cdef readonly size_t room

    def __cinit__(self, size_t room=PAGE):
        cdef size_t pages = (room + PAGE - 1) // PAGE
        self.room = pages * PAGE
        cdef void* memory = mmap(
            NULL, self.room + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
        )
        if memory == MAP_FAILED:
            raise OSError(errno, strerror(errno).decode())
        self.memory = <uint8_t*>memory
        if mprotect(self.memory + self.room, PAGE, PROT_NONE):
            raise OSError(errno, strerror(errno).decode())

    def __dealloc__(self):
        if self.memory is not NULL:
            munmap(self.memory, self.room + PAGE)

    cdef const uint8_t* place(self, bytes payload) except NULL:
        cdef size_t n = len(payload)
        if n > self.room:
            raise ValueError(f"a message of {n} bytes, and room for {self.room}")
        cdef uint8_t* at = self.memory + self.room - n
        memcpy(at, <const char*>payload, n)
        return at

    def decode(self, bytes payload not None, int version):
        """True if the payload is a message whose every field can be read."""
        cdef const uint8_t* p = self.place(payload)
        cdef Message message
        cdef Tick tick
        cdef BarTick bar
        if open_message(p, len(payload), version, &message):
            return False
        if is_market(message.id):
            return market_tick(&message, &tick, &bar) == 0
        try:
            message_tuple(&message, version)
        except DecodeError:
            return False
        return True

    def touch_beyond(self):
        """Read the byte behind the room: ends the process, or the guard guards nothing."""
        return self.memory[self.room]
