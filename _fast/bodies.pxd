# Messages of protobuf as bytes. A Body was made for certain fields of one message; it writes their
# values in the order of the fields' numbers, as the protobuf library does. What kind each field is,
# its number says to who declared it: the numbers of Kind are the library's own.

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    KEY_BYTES_MAX = 5
    NUMBER_BYTES_MAX = 10
    OWN_BYTES = 1024              # of most messages

cdef enum Kind:                   # google.protobuf.FieldDescriptor.TYPE_*
    DOUBLE = 1
    INT64 = 3
    INT32 = 5
    BOOL = 8
    STRING = 9
    MESSAGE = 11

cdef struct Step:
    int kind
    uint64_t key                  # the number of the field and how its value is written
    Py_ssize_t place              # among the values; below 0: a message of some of them

# Where a message is written: in `own` as long as it fits.
cdef struct Room:
    char* start
    char* at
    char* end
    char* more                    # from the heap, NULL: none yet
    char[OWN_BYTES] own

cpdef str text(object value)

cdef class Body:
    cdef Step* steps
    cdef Py_ssize_t count
    cdef Py_ssize_t width         # how many values there are
    cdef list within              # a Body for each step, None where it has a value of its own
    cdef bytes whole(self, tuple values, int64_t number)
    cdef int write(self, Room* room, tuple values) except -1
    cdef int write_within(self, Room* room, Step* step, Body body, tuple values) except -1
    cdef int write_field(self, Room* room, Step* step, object value) except -1
