# The messages of a simulated market as frames. A TickFrames belongs to one subscription: what is
# the same in all its messages (id, version, request) is a head that was made once, for each of five
# kinds of message. It writes into a Sheet, where frames stand one behind the other.
#
# A message is text, fields that end with NUL, or protobuf, fields by number. In between (versions
# 201 to 212) both occur, and text has its id in four bytes; that is part of the head.

from libc.stdint cimport int64_t

cdef enum:
    FRAME_BYTES_MAX = 512
    HEAD_BYTES_MAX = 40
    WORD_BYTES_MAX = 255
    HEADS = 5

cdef class Sheet:
    cdef char* data
    cdef Py_ssize_t size
    cdef Py_ssize_t room
    cdef readonly Py_ssize_t frames
    cdef char* begin(self) except NULL
    cdef void end(self, char* behind) noexcept
    cdef list cut(self)

cdef class TickFrames:
    cdef char[HEADS][HEAD_BYTES_MAX] heads
    cdef int[HEADS] head_bytes
    cdef bint market_protobuf
    cdef bint one_by_one_protobuf
    cdef Sheet own                # for one frame that is asked for by itself
    cdef char* head(self, int which, char* at) noexcept
    cdef int write_price(
        self, Sheet sheet, int kind, double price, int64_t size, int mask
    ) except -1
    cdef int write_size(self, Sheet sheet, int kind, int64_t size) except -1
    cdef int write_second(self, Sheet sheet, int kind, int64_t second) except -1
    cdef int write_string(self, Sheet sheet, int kind, const char* text, Py_ssize_t size) except -1
    cdef int write_last(
        self, Sheet sheet, int kind, int64_t second, double price, int64_t size,
        const char* venue, Py_ssize_t venue_bytes,
    ) except -1
    cdef int write_bid_ask(
        self, Sheet sheet, int64_t second, double bid, double ask, int64_t bid_size,
        int64_t ask_size,
    ) except -1
    cdef int write_mid(self, Sheet sheet, int64_t second, double price) except -1
    cdef bytes taken(self)
