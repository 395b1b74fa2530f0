# Bytes of frames, one behind the other: each function writes at `at` and gives the place behind.
# Whoever calls has made sure of the room.

from cpython.mem cimport PyMem_Free
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, strlen

cdef extern from "Python.h":
    char* PyOS_double_to_string(double value, char code, int precision, int flags,
                                int* kind) except NULL
    int Py_DTSF_ADD_DOT_0


cdef inline char* put(char* at, const char* data, Py_ssize_t size) noexcept nogil:
    memcpy(at, data, <size_t>size)
    return at + size


cdef inline char* put_varint(char* at, uint64_t value) noexcept nogil:
    while value >= 0x80:
        at[0] = <char>((value & 0x7F) | 0x80)
        at += 1
        value >>= 7
    at[0] = <char>value
    return at + 1


cdef inline char* put_u32(char* at, uint64_t value) noexcept nogil:
    at[0] = <char>((value >> 24) & 0xFF)
    at[1] = <char>((value >> 16) & 0xFF)
    at[2] = <char>((value >> 8) & 0xFF)
    at[3] = <char>(value & 0xFF)
    return at + 4


cdef inline char* put_bits(char* at, double value) noexcept nogil:
    """The eight bytes of a double, the lowest first."""
    cdef uint64_t bits
    cdef int index
    memcpy(&bits, &value, 8)
    for index in range(8):
        at[index] = <char>((bits >> (8 * index)) & 0xFF)
    return at + 8


cdef inline char* put_digits(char* at, int64_t value) noexcept nogil:
    """A number that is not negative: there is no sign to write."""
    cdef char[20] digits
    cdef int count = 0
    while True:
        digits[count] = <char>(48 + value % 10)
        count += 1
        value //= 10
        if value == 0:
            break
    while count:
        count -= 1
        at[0] = digits[count]
        at += 1
    return at


cdef inline char* put_double(char* at, double value) except NULL:
    """The shortest text that reads back as the same double: what repr() prints."""
    cdef char* text
    cdef int64_t scaled, rest, unit
    # A price has four decimals at most. No two decimals of up to fifteen digits share their nearest
    # double, so the decimal whose double this is, is the shortest there is.
    if 0.0001 <= value < 1e10:
        scaled = <int64_t>(value * 10000.0 + 0.5)
        if <double>scaled / 10000.0 == value:
            at = put_digits(at, scaled // 10000)
            at[0] = b"."
            at += 1
            rest, unit = scaled % 10000, 1000
            while True:
                at[0] = <char>(48 + rest // unit)
                at += 1
                rest, unit = rest % unit, unit // 10
                if rest == 0:
                    return at
    text = PyOS_double_to_string(value, b"r", 0, Py_DTSF_ADD_DOT_0, NULL)
    at = put(at, text, <Py_ssize_t>strlen(text))
    PyMem_Free(text)
    return at
