# Order frames by splicing: the constant parts of a frame are known once per (instrument,
# account, order type, time in force); only twelve values change from order to order.
#
# A template is a list of steps. A step is constant bytes followed by one slot. In text frames
# a slot is the characters of a field; in protobuf frames it is the field's tag and value, or
# nothing when the field is absent. Protobuf orders are nested one level: the slot NESTED of
# the outer list is the length and the bytes of the inner list.
#
# What the constant parts are is learned from the reference encoder's own bytes, and verified
# against it (engine/broker/templates.py); nothing in here knows a field order or number.

from libc.stdint cimport int64_t

cdef enum Slot:
    ORDER_ID = 0
    ACTION = 1
    QUANTITY = 2
    LIMIT_PRICE = 3
    AUX_PRICE = 4
    OCA_GROUP = 5
    OCA_TYPE = 6
    ORDER_REF = 7
    PARENT_ID = 8
    TRANSMIT = 9
    TRAIL_PERCENT = 10
    TRAIL_STOP_PRICE = 11
    NESTED = 12
    NONE = 13          # the constant bytes behind the last slot

cdef enum:
    STEPS_MAX = 14
    TAG_BYTES_MAX = 4
    TEXT_BYTES_MAX = 255
    NUMBER_BYTES_MAX = 40

cdef struct Step:
    const char* piece
    Py_ssize_t piece_bytes
    int slot
    int tag_bytes
    char tag[TAG_BYTES_MAX]

cdef struct Text:
    const char* data
    Py_ssize_t size

cdef struct Values:
    int64_t order_id
    int64_t oca_type
    int64_t parent_id
    Text action
    Text quantity
    Text oca_group
    Text order_ref
    double limit_price
    double aux_price
    double trail_percent
    double trail_stop_price
    bint has_limit
    bint has_aux
    bint has_percent
    bint has_stop
    bint transmit

cdef class FrameTemplate:
    cdef Step outer[STEPS_MAX]
    cdef Step inner[STEPS_MAX]
    cdef int outer_count
    cdef int inner_count
    cdef bint protobuf
    cdef char* scratch           # one frame, then the nested message
    cdef char* nested
    cdef Py_ssize_t capacity
    cdef list keep               # the bytes objects that the steps point into
    cdef list taken              # slots that have their place
    cdef tuple allowed
    cdef int load(self, Step* steps, object rows) except -1
    cdef bytes frame(self, Values* values)

cdef class OrderTemplate(FrameTemplate):
    pass

cdef class CancelTemplate(FrameTemplate):
    pass
