"""Ticks as a simulated TWS tells them; see tick_frames.pxd."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from _fast.put cimport put, put_bits, put_digits, put_double, put_u32, put_varint

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    LENGTH_BYTES = 4
    BID_ASK = 3                   # kinds of ticks one by one, beside 1 and 2 for trades
    MIDPOINT = 4

cdef enum Head:                   # as TickFrames takes them
    PRICE = 0
    SIZE = 1
    STRING = 2
    GENERIC = 3
    ONE_BY_ONE = 4


cdef inline char* put_number(char* at, int64_t value) noexcept nogil:
    if value < 0:
        at[0] = b"-"
        return put_digits(at + 1, -value)
    return put_digits(at, value)


cdef inline char* put_byte(char* at, int value) noexcept nogil:
    at[0] = <char>value
    return at + 1


cdef inline char* put_field(char* at, int64_t value) noexcept nogil:
    """A number as a field of text."""
    return put_byte(put_number(at, value), 0)


cdef inline char* put_price(char* at, double value) except NULL:
    return put_byte(put_double(at, value), 0)


cdef inline char* put_counted(char* at, int tag, int64_t value) noexcept nogil:
    """A number as protobuf writes a decimal: tag, length, digits."""
    cdef char* behind = put_number(at + 2, value)
    at[0] = <char>tag
    at[1] = <char>(behind - at - 2)
    return behind


cdef inline char* put_tagged(char* at, int tag, double value) noexcept nogil:
    return put_bits(put_byte(at, tag), value)


@cython.final
cdef class Sheet:
    """Frames one behind the other."""

    def __dealloc__(self):
        free(self.data)

    cdef char* begin(self) except NULL:
        """Where the body of the next frame goes; there is room for the longest."""
        cdef Py_ssize_t wanted = self.size + LENGTH_BYTES + FRAME_BYTES_MAX
        cdef char* data
        if wanted > self.room:
            wanted *= 2
            data = <char*>realloc(self.data, <size_t>wanted)
            if data is NULL:
                raise MemoryError
            self.data, self.room = data, wanted
        return self.data + self.size + LENGTH_BYTES

    cdef void end(self, char* behind) noexcept:
        """The frame ends there."""
        cdef char* start = self.data + self.size
        put_u32(start, <uint64_t>(behind - start - LENGTH_BYTES))
        self.size = behind - self.data
        self.frames += 1

    def take(self):
        cdef bytes found = PyBytes_FromStringAndSize(self.data, self.size)
        self.size = self.frames = 0
        return found

    cdef list cut(self):
        """What was written, frame by frame; the sheet is empty again."""
        cdef list found = []
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t bytes_here
        cdef unsigned char* head
        while at < self.size:
            head = <unsigned char*>self.data + at
            bytes_here = LENGTH_BYTES + (
                <Py_ssize_t>head[0] << 24 | <Py_ssize_t>head[1] << 16
                | <Py_ssize_t>head[2] << 8 | <Py_ssize_t>head[3]
            )
            found.append(PyBytes_FromStringAndSize(self.data + at, bytes_here))
            at += bytes_here
        self.size = self.frames = 0
        return found


cdef const char* word(str text, Py_ssize_t* size) except NULL:
    cdef const char* found = PyUnicode_AsUTF8AndSize(text, size)
    if size[0] > WORD_BYTES_MAX:
        raise ValueError(f"{text[:20]!r}… has more than {WORD_BYTES_MAX} characters")
    return found


@cython.final
cdef class TickFrames:
    def __init__(self, tuple heads not None, bint market_protobuf, bint one_by_one_protobuf):
        cdef int which
        cdef bytes head
        if len(heads) != HEADS:
            raise ValueError(f"{len(heads)} heads, not {HEADS}")
        for which in range(HEADS):
            head = heads[which]
            if PyBytes_GET_SIZE(head) > HEAD_BYTES_MAX:
                raise ValueError(f"a head has at most {HEAD_BYTES_MAX} bytes")
            self.head_bytes[which] = <int>PyBytes_GET_SIZE(head)
            memcpy(self.heads[which], PyBytes_AS_STRING(head), <size_t>self.head_bytes[which])
        self.market_protobuf = market_protobuf
        self.one_by_one_protobuf = one_by_one_protobuf
        self.own = Sheet()

    cdef char* head(self, int which, char* at) noexcept:
        return put(at, self.heads[which], self.head_bytes[which])

    cdef bytes taken(self):
        return self.own.take()

    # -- into a sheet --------------------------------------------------------------------------

    cdef int write_price(
        self, Sheet sheet, int kind, double price, int64_t size, int mask
    ) except -1:
        cdef char* at = self.head(PRICE, sheet.begin())
        if self.market_protobuf:
            at = put_tagged(put_varint(at, <uint64_t>kind), 0x19, price)
            at = put_byte(put_counted(at, 0x22, size), 0x28)
            at = put_varint(at, <uint64_t>mask)
        else:
            at = put_price(put_field(at, kind), price)
            at = put_field(put_field(at, size), mask)
        sheet.end(at)
        return 0

    cdef int write_size(self, Sheet sheet, int kind, int64_t size) except -1:
        cdef char* at = self.head(SIZE, sheet.begin())
        if self.market_protobuf:
            at = put_counted(put_varint(at, <uint64_t>kind), 0x1A, size)
        else:
            at = put_field(put_field(at, kind), size)
        sheet.end(at)
        return 0

    cdef int write_second(self, Sheet sheet, int kind, int64_t second) except -1:
        cdef char[24] digits
        return self.write_string(sheet, kind, digits, put_number(digits, second) - digits)

    cdef int write_string(
        self, Sheet sheet, int kind, const char* text, Py_ssize_t size
    ) except -1:
        cdef char* at = self.head(STRING, sheet.begin())
        if self.market_protobuf:
            at = put_byte(put_varint(at, <uint64_t>kind), 0x1A)
            at = put(put_varint(at, <uint64_t>size), text, size)
        else:
            at = put_byte(put(put_field(at, kind), text, size), 0)
        sheet.end(at)
        return 0

    cdef int write_last(
        self, Sheet sheet, int kind, int64_t second, double price, int64_t size,
        const char* venue, Py_ssize_t venue_bytes,
    ) except -1:
        cdef char* at = self.head(ONE_BY_ONE, sheet.begin())
        cdef char[FRAME_BYTES_MAX] inner
        cdef char* end
        if self.one_by_one_protobuf:
            end = put_varint(put_byte(inner, 0x08), <uint64_t>second)
            end = put_counted(put_tagged(put(end, b"\x12\x02\x08\x00", 4), 0x19, price), 0x22, size)
            end = put_varint(put_byte(end, 0x2A), <uint64_t>venue_bytes)
            end = put(end, venue, venue_bytes)
            at = put_inner(put_varint(at, <uint64_t>kind), 0x1A, inner, end)
        else:
            at = put_price(put_field(put_field(at, kind), second), price)
            at = put(put_field(at, size), b"0\x00", 2)
            at = put_byte(put_byte(put(at, venue, venue_bytes), 0), 0)
        sheet.end(at)
        return 0

    cdef int write_bid_ask(
        self, Sheet sheet, int64_t second, double bid, double ask, int64_t bid_size,
        int64_t ask_size,
    ) except -1:
        cdef char* at = self.head(ONE_BY_ONE, sheet.begin())
        cdef char[FRAME_BYTES_MAX] inner
        cdef char* end
        if self.one_by_one_protobuf:
            end = put_varint(put_byte(inner, 0x08), <uint64_t>second)
            end = put_tagged(put(end, b"\x12\x02\x08\x00", 4), 0x19, bid)
            end = put_counted(put_tagged(end, 0x21, ask), 0x2A, bid_size)
            end = put_counted(end, 0x32, ask_size)
            at = put_inner(put_varint(at, BID_ASK), 0x22, inner, end)
        else:
            at = put_price(put_field(put_field(at, BID_ASK), second), bid)
            at = put_field(put_field(put_price(at, ask), bid_size), ask_size)
            at = put(at, b"0\x00", 2)
        sheet.end(at)
        return 0

    cdef int write_mid(self, Sheet sheet, int64_t second, double price) except -1:
        cdef char* at = self.head(ONE_BY_ONE, sheet.begin())
        cdef char[FRAME_BYTES_MAX] inner
        cdef char* end
        if self.one_by_one_protobuf:
            end = put_varint(put_byte(inner, 0x08), <uint64_t>second)
            end = put_tagged(end, 0x11, price)
            at = put_inner(put_varint(at, MIDPOINT), 0x2A, inner, end)
        else:
            at = put_price(put_field(put_field(at, MIDPOINT), second), price)
        sheet.end(at)
        return 0

    # -- by themselves -------------------------------------------------------------------------

    def price(self, int kind, double price, int64_t size, int mask):
        self.write_price(self.own, kind, price, size, mask)
        return self.taken()

    def size(self, int kind, int64_t size):
        self.write_size(self.own, kind, size)
        return self.taken()

    def string(self, int kind, str value not None):
        cdef Py_ssize_t size
        cdef const char* text = word(value, &size)
        self.write_string(self.own, kind, text, size)
        return self.taken()

    def generic(self, int kind, double value):
        cdef char* at = self.head(GENERIC, self.own.begin())
        if self.market_protobuf:
            at = put_tagged(put_varint(at, <uint64_t>kind), 0x19, value)
        else:
            at = put_price(put_field(at, kind), value)
        self.own.end(at)
        return self.taken()

    def last(
        self, int kind, int64_t second, double price, int64_t size, str exchange not None
    ):
        cdef Py_ssize_t venue_bytes
        cdef const char* venue = word(exchange, &venue_bytes)
        self.write_last(self.own, kind, second, price, size, venue, venue_bytes)
        return self.taken()

    def bid_ask(
        self, int64_t second, double bid, double ask, int64_t bid_size, int64_t ask_size
    ):
        self.write_bid_ask(self.own, second, bid, ask, bid_size, ask_size)
        return self.taken()

    def mid(self, int64_t second, double price):
        self.write_mid(self.own, second, price)
        return self.taken()


cdef char* put_inner(char* at, int tag, const char* inner, const char* end) noexcept nogil:
    """A message within a message."""
    cdef Py_ssize_t size = end - inner
    return put(put_varint(put_byte(at, tag), <uint64_t>size), inner, size)
