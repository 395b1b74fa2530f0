"""Messages of protobuf as bytes; see bodies.pxd."""

from decimal import Decimal

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from cpython.number cimport PyNumber_Index
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy, memmove

from _fast.put cimport put, put_bits, put_u32, put_varint

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    LENGTH_BYTES = 4
    HEAD_BYTES = 8                # of a frame: its length, its number
    BARE = -1                     # the number of a message without a frame

cdef int64_t INT32_MAX = 2147483647
NUMBER_END = 1 << 29              # of a field; its key has KEY_BYTES_MAX at most
DEEP = -1                         # the place of a message that is made of some of the values

cdef dict WIRE_TYPES = {
    DOUBLE: 1, INT64: 0, INT32: 0, BOOL: 0, STRING: 2, MESSAGE: 2,
}


cdef int need(Room* room, Py_ssize_t size) except -1:
    """Room for so many bytes more."""
    cdef Py_ssize_t used = room.at - room.start
    cdef Py_ssize_t wanted
    cdef char* found
    if room.end - room.at >= size:
        return 0
    wanted = 2 * (used + size)
    found = <char*>PyMem_Realloc(room.more, <size_t>wanted)
    if found is NULL:
        raise MemoryError
    if room.more is NULL:
        memcpy(found, room.start, <size_t>used)
    room.more = room.start = found
    room.at, room.end = found + used, found + wanted
    return 0


cdef int put_counted(Room* room, uint64_t key, const char* data, Py_ssize_t size) except -1:
    """A field whose bytes are told by their number."""
    need(room, KEY_BYTES_MAX + NUMBER_BYTES_MAX + size)
    room.at = put(put_varint(put_varint(room.at, key), <uint64_t>size), data, size)
    return 0


cdef int put_bytes(Room* room, uint64_t key, bytes value) except -1:
    return put_counted(room, key, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))


cpdef str text(object value):
    cdef str found
    if isinstance(value, Decimal):
        found = str(value)
        return found if "E" not in found else format(value, "f")
    if isinstance(value, str):
        return (<str>value).replace("\0", " ")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return repr(value)


@cython.final
cdef class Body:
    def __cinit__(self, tuple fields not None, Py_ssize_t width):
        cdef Py_ssize_t index
        cdef Step* step
        self.steps = <Step*>PyMem_Calloc(<size_t>len(fields) + 1, sizeof(Step))
        if self.steps is NULL:
            raise MemoryError
        self.width, self.within = width, []
        for index, (number, kind, value) in enumerate(fields):
            if not 0 < number < NUMBER_END or kind not in WIRE_TYPES:
                raise ValueError(f"field {number}: nobody writes fields of kind {kind}")
            if not isinstance(value, Body) and not 0 <= value < width:
                raise ValueError(f"field {number}: there is no value {value} of {width}")
            step = &self.steps[index]
            step.kind, step.key = kind, number << 3 | WIRE_TYPES[kind]
            step.place = DEEP if isinstance(value, Body) else value
            self.within.append(value if isinstance(value, Body) else None)
        self.count = len(fields)

    def __dealloc__(self):
        PyMem_Free(self.steps)

    def of(self, tuple values not None):
        return self.whole(values, BARE)

    def frame(self, uint32_t number, tuple values not None):
        return self.whole(values, number)

    def frames(self, uint32_t number, tuple head not None, rows, tuple tail not None):
        cdef tuple row
        return [self.whole(head + row + tail, number) for row in rows]

    cdef bytes whole(self, tuple values, int64_t number):
        """The message by itself, or behind the length and the number of a frame."""
        cdef Room room
        room.start = room.at = room.own
        room.end = room.own + OWN_BYTES
        room.more = NULL
        try:
            if number != BARE:
                room.at += HEAD_BYTES
            self.write(&room, values)
            if number != BARE:
                put_u32(room.start, <uint64_t>(room.at - room.start) - LENGTH_BYTES)
                put_u32(room.start + LENGTH_BYTES, <uint64_t>number)
            return PyBytes_FromStringAndSize(room.start, room.at - room.start)
        finally:
            PyMem_Free(room.more)

    cdef int write(self, Room* room, tuple values) except -1:
        cdef Py_ssize_t index
        cdef Step* step
        cdef object value, one
        if len(values) != self.width:
            raise ValueError(f"{len(values)} values, not {self.width}")
        for index in range(self.count):
            step = &self.steps[index]
            if step.place < 0:
                self.write_within(room, step, <Body>self.within[index], values)
                continue
            value = <object>PyTuple_GET_ITEM(values, step.place)
            if value is None:
                continue
            if isinstance(value, list):
                for one in <list>value:
                    put_bytes(room, step.key, <bytes?>one)
            else:
                self.write_field(room, step, value)
        return 0

    cdef int write_within(self, Room* room, Step* step, Body body, tuple values) except -1:
        """Behind one byte for the length; of a message that turns out to be longer, that is put
        in between. One without any field is not there at all."""
        cdef Py_ssize_t before = room.at - room.start
        cdef Py_ssize_t begin, size
        cdef char[NUMBER_BYTES_MAX] length
        cdef Py_ssize_t length_bytes
        need(room, KEY_BYTES_MAX + 1)
        room.at = put_varint(room.at, step.key) + 1
        begin = room.at - room.start
        body.write(room, values)
        size = room.at - room.start - begin
        if size == 0:
            room.at = room.start + before
            return 0
        length_bytes = put_varint(length, <uint64_t>size) - length
        if length_bytes > 1:
            need(room, length_bytes - 1)
            memmove(room.start + begin + length_bytes - 1, room.start + begin, <size_t>size)
            room.at += length_bytes - 1
        memcpy(room.start + begin - 1, length, <size_t>length_bytes)
        return 0

    cdef int write_field(self, Room* room, Step* step, object value) except -1:
        cdef const char* data
        cdef Py_ssize_t size
        cdef int64_t number
        if step.kind == STRING and isinstance(value, str):
            data = PyUnicode_AsUTF8AndSize(value, &size)
            if size == 0:
                return 0
            if memchr(data, 0, <size_t>size) is NULL:
                return put_counted(room, step.key, data, size)
        if isinstance(value, bytes):
            if step.kind != STRING and step.kind != MESSAGE:
                raise TypeError(f"{value!r} is no number")
            return put_bytes(room, step.key, value)
        if isinstance(value, str) and not value:
            return 0
        if step.kind == STRING:
            value = text(value)
            data = PyUnicode_AsUTF8AndSize(value, &size)
            return put_counted(room, step.key, data, size)
        if step.kind == MESSAGE:
            raise TypeError(f"{value!r} is no message")
        need(room, KEY_BYTES_MAX + NUMBER_BYTES_MAX)
        if step.kind == DOUBLE:
            room.at = put_bits(put_varint(room.at, step.key), <double>value)
            return 0
        number = PyNumber_Index(value)
        if step.kind == BOOL:
            number = number != 0
        elif step.kind == INT32 and not -INT32_MAX - 1 <= number <= INT32_MAX:
            raise ValueError(f"{number} does not fit into 32 bits")
        room.at = put_varint(put_varint(room.at, step.key), <uint64_t>number)
        return 0
