"""Messages of protobuf that are read; see forms.pxd."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from _fast.bodies cimport BOOL, DOUBLE, INT32, INT64, MESSAGE, STRING
from _fast.fields cimport BYTES, FIXED64, VARINT, read_fixed, read_varint

cdef dict WIRES = {
    DOUBLE: FIXED64, INT64: VARINT, INT32: VARINT, BOOL: VARINT, STRING: BYTES, MESSAGE: BYTES,
}


@cython.final
cdef class Form:
    def __cinit__(self, tuple fields not None, tuple absent not None):
        cdef Place* place
        self.count = 1 + max([number for number, _, _ in fields], default=0)
        if self.count > NUMBERS_MAX:
            raise ValueError(f"field {self.count - 1}: numbers below {NUMBERS_MAX} are read here")
        self.places = <Place*>PyMem_Calloc(<size_t>self.count, sizeof(Place))
        if self.places is NULL:
            raise MemoryError
        self.absent, self.within = absent, {}
        for number, kind, value in fields:
            if number < 1 or kind not in WIRES:
                raise ValueError(f"field {number}: nobody reads fields of kind {kind}")
            place = &self.places[<Py_ssize_t>number]
            place.kind, place.wire, place.place = kind, WIRES[kind], NOWHERE
            if isinstance(value, Form):
                self.within[number] = value
            elif value is not None:
                if not 0 <= value < len(absent):
                    raise ValueError(f"field {number}: there is no value {value} of {len(absent)}")
                place.place = value

    def __dealloc__(self):
        PyMem_Free(self.places)

    def read(self, bytes message not None):
        cdef list values = list(self.absent)
        cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(message)
        if not self.take(begin, begin + PyBytes_GET_SIZE(message), values):
            return None
        return tuple(values)

    cdef int take(self, const uint8_t* p, const uint8_t* end, list values) except -1:
        """0: something is not plain."""
        cdef uint64_t key, number
        cdef Place* place
        cdef const uint8_t* s
        cdef double amount
        cdef object value
        while p < end:
            if read_varint(&p, end, &key) or key >> 3 >= <uint64_t>self.count:
                return 0
            place = &self.places[key >> 3]
            if place.kind == 0 or (key & 7) != place.wire:
                return 0
            if place.wire == FIXED64:
                if read_fixed(&p, end, 8, &number):
                    return 0
            elif read_varint(&p, end, &number):
                return 0
            if place.wire == BYTES:
                if number > <uint64_t>(end - p):
                    return 0
                s = p
                p += number
                if place.kind == MESSAGE:
                    within = self.within.get(key >> 3)
                    if number and (within is None or not (<Form>within).take(s, p, values)):
                        return 0
                    continue
                try:
                    value = PyUnicode_DecodeUTF8(<const char*>s, <Py_ssize_t>number, NULL)
                except UnicodeDecodeError:
                    return 0
            elif place.place == NOWHERE:
                continue
            elif place.kind == DOUBLE:
                memcpy(&amount, &number, sizeof(double))
                value = amount
            elif place.kind == BOOL:
                value = number != 0
            elif place.kind == INT32:
                value = <int32_t><uint32_t>number
            else:
                value = <int64_t>number
            if place.place != NOWHERE:
                values[place.place] = value
        return 1
