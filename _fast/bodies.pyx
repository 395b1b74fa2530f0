"""Messages of protobuf as bytes; see bodies.pxd."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.number cimport PyNumber_Index
from libc.stdint cimport int64_t, uint64_t

from _fast.put cimport put, put_bits, put_varint

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef int64_t INT32_MAX = 2147483647
NUMBER_END = 1 << 29              # of a field; its key has KEY_BYTES_MAX at most
DEEP = -1                         # the place of a message that is made of some of the values

cdef dict WIRE_TYPES = {
    DOUBLE: 1, INT64: 0, INT32: 0, BOOL: 0, STRING: 2, MESSAGE: 2,
}


cdef bytes counted(uint64_t key, const char* data, Py_ssize_t size):
    """A field whose bytes are told by their number."""
    cdef char[KEY_BYTES_MAX + NUMBER_BYTES_MAX] head
    cdef char* at = put_varint(put_varint(head, key), <uint64_t>size)
    cdef Py_ssize_t head_bytes = at - head
    cdef bytes found = PyBytes_FromStringAndSize(NULL, head_bytes + size)
    put(put(PyBytes_AS_STRING(found), head, head_bytes), data, size)
    return found


cdef bytes counted_bytes(uint64_t key, bytes value):
    return counted(key, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))


@cython.final
cdef class Body:
    def __cinit__(self, tuple fields not None, Py_ssize_t width, object text):
        cdef Py_ssize_t index
        cdef Step* step
        self.steps = <Step*>PyMem_Calloc(<size_t>len(fields) + 1, sizeof(Step))
        if self.steps is NULL:
            raise MemoryError
        self.width, self.text, self.within = width, text, []
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
        return self.written(values)

    cdef bytes written(self, tuple values):
        cdef list found = []
        cdef Py_ssize_t index
        cdef Step* step
        cdef object value
        if len(values) != self.width:
            raise ValueError(f"{len(values)} values, not {self.width}")
        for index in range(self.count):
            step = &self.steps[index]
            if step.place < 0:
                value = (<Body>self.within[index]).written(values) or None
            else:
                value = values[step.place]
            if value is None or (isinstance(value, str) and not value):
                continue
            if isinstance(value, list):
                found += [counted_bytes(step.key, one) for one in value]
            else:
                found.append(self.field(step, value))
        return b"".join(found)

    cdef bytes field(self, Step* step, object value):
        cdef char[KEY_BYTES_MAX + NUMBER_BYTES_MAX] room
        cdef const char* data
        cdef Py_ssize_t size
        cdef int64_t number
        cdef char* at
        if isinstance(value, bytes):
            if step.kind != STRING and step.kind != MESSAGE:
                raise TypeError(f"{value!r} is no number")
            return counted_bytes(step.key, value)
        if step.kind == STRING:
            if not isinstance(value, str) or "\0" in value:
                value = self.text(value)
            data = PyUnicode_AsUTF8AndSize(value, &size)
            return counted(step.key, data, size)
        if step.kind == MESSAGE:
            raise TypeError(f"{value!r} is no message")
        at = put_varint(room, step.key)
        if step.kind == DOUBLE:
            at = put_bits(at, <double>value)
        else:
            number = PyNumber_Index(value)
            if step.kind == BOOL:
                number = number != 0
            elif step.kind == INT32 and not -INT32_MAX - 1 <= number <= INT32_MAX:
                raise ValueError(f"{number} does not fit into 32 bits")
            at = put_varint(at, <uint64_t>number)
        return PyBytes_FromStringAndSize(room, at - room)
