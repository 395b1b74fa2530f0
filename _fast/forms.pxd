# Messages of protobuf that are read. A Form was made for certain fields of one message, as a Body
# is (bodies.pxd); it reads their values out of bytes. Whatever is not plain it leaves to the
# library: then it gives nothing.

from libc.stdint cimport uint8_t

cdef enum:
    NUMBERS_MAX = 1024            # of fields; higher ones are left to the library
    NOWHERE = -1                  # the place of a field that is passed over

cdef struct Place:
    int kind                      # 0: the message has no such field
    uint8_t wire
    Py_ssize_t place              # among the values

cdef class Form:
    cdef Place* places            # by the number of the field
    cdef Py_ssize_t count
    cdef dict within              # Forms by the number of the field
    cdef tuple absent             # what a value is that is not there
    cdef int take(self, const uint8_t* p, const uint8_t* end, list values) except -1
