"""Order and cancel frames by splicing values into learned constant bytes (see encode.pxd)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from _fast.put cimport put, put_bits, put_digits, put_double, put_u32, put_varint

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef int64_t ID_MAX = 2147483646        # 2147483647 is TWS's "unset"
cdef double UNSET_INTEGER = 2147483647.0
cdef double UNSET_DOUBLE = 1.7976931348623157e308

SLOTS = ("order_id", "action", "quantity", "limit_price", "aux_price", "oca_group", "oca_type",
         "order_ref", "parent_id", "transmit", "trail_percent", "trail_stop_price", "nested",
         "none")


cdef char* write_text(char* at, Step* steps, int count, Values* values) except NULL:
    cdef int index
    cdef Step* step
    for index in range(count):
        step = &steps[index]
        at = put(at, step.piece, step.piece_bytes)
        if step.slot == ORDER_ID:
            at = put_digits(at, values.order_id)
        elif step.slot == ACTION:
            at = put(at, values.action.data, values.action.size)
        elif step.slot == QUANTITY:
            at = put(at, values.quantity.data, values.quantity.size)
        elif step.slot == LIMIT_PRICE:
            if values.has_limit:
                at = put_double(at, values.limit_price)
        elif step.slot == AUX_PRICE:
            if values.has_aux:
                at = put_double(at, values.aux_price)
        elif step.slot == OCA_GROUP:
            at = put(at, values.oca_group.data, values.oca_group.size)
        elif step.slot == OCA_TYPE:
            at = put_digits(at, values.oca_type)
        elif step.slot == ORDER_REF:
            at = put(at, values.order_ref.data, values.order_ref.size)
        elif step.slot == PARENT_ID:
            at = put_digits(at, values.parent_id)
        elif step.slot == TRANSMIT:
            at = put_digits(at, 1 if values.transmit else 0)
        elif step.slot == TRAIL_PERCENT:
            if values.has_percent:
                at = put_double(at, values.trail_percent)
        elif step.slot == TRAIL_STOP_PRICE:
            if values.has_stop:
                at = put_double(at, values.trail_stop_price)
    return at


cdef inline char* put_tagged_text(char* at, Step* step, Text* text) noexcept nogil:
    if text.size == 0:
        return at            # an empty text is an absent field
    at = put(at, step.tag, step.tag_bytes)
    at = put_varint(at, <uint64_t>text.size)
    return put(at, text.data, text.size)


cdef inline char* put_tagged_number(char* at, Step* step, int64_t value) noexcept nogil:
    at = put(at, step.tag, step.tag_bytes)
    return put_varint(at, <uint64_t>value)


cdef inline char* put_tagged_double(char* at, Step* step, bint present, double value) noexcept nogil:
    if not present:
        return at
    at = put(at, step.tag, step.tag_bytes)
    return put_bits(at, value)


cdef char* write_protobuf(char* at, Step* steps, int count, Values* values,
                          Text* nested) noexcept nogil:
    cdef int index
    cdef Step* step
    for index in range(count):
        step = &steps[index]
        at = put(at, step.piece, step.piece_bytes)
        if step.slot == ORDER_ID:
            at = put_tagged_number(at, step, values.order_id)
        elif step.slot == ACTION:
            at = put_tagged_text(at, step, &values.action)
        elif step.slot == QUANTITY:
            at = put_tagged_text(at, step, &values.quantity)
        elif step.slot == LIMIT_PRICE:
            at = put_tagged_double(at, step, values.has_limit, values.limit_price)
        elif step.slot == AUX_PRICE:
            at = put_tagged_double(at, step, values.has_aux, values.aux_price)
        elif step.slot == OCA_GROUP:
            at = put_tagged_text(at, step, &values.oca_group)
        elif step.slot == OCA_TYPE:
            at = put_tagged_number(at, step, values.oca_type)
        elif step.slot == ORDER_REF:
            at = put_tagged_text(at, step, &values.order_ref)
        elif step.slot == PARENT_ID:
            at = put_tagged_number(at, step, values.parent_id)
        elif step.slot == TRANSMIT:
            if values.transmit:      # false is an absent field
                at = put_tagged_number(at, step, 1)
        elif step.slot == TRAIL_PERCENT:
            at = put_tagged_double(at, step, values.has_percent, values.trail_percent)
        elif step.slot == TRAIL_STOP_PRICE:
            at = put_tagged_double(at, step, values.has_stop, values.trail_stop_price)
        elif step.slot == NESTED:
            at = put(at, step.tag, step.tag_bytes)
            at = put_varint(at, <uint64_t>nested.size)
            at = put(at, nested.data, nested.size)
    return at


cdef int take_text(Text* into, str text, str name) except -1:
    # A NUL inside would shift every later field of a text frame: an order for something else.
    cdef Py_ssize_t index
    cdef unsigned char letter
    into.data = PyUnicode_AsUTF8AndSize(text, &into.size)
    if into.size > TEXT_BYTES_MAX:
        raise ValueError(f"{name} has more than {TEXT_BYTES_MAX} characters")
    for index in range(into.size):
        letter = <unsigned char>into.data[index]
        if letter < 0x20 or letter > 0x7E:
            raise ValueError(f"{name} {text!r} is not printable ASCII")
    return 0


cdef int64_t take_id(int64_t value, str name) except -1:
    if value < 0 or value > ID_MAX:
        raise ValueError(f"{name} {value} is outside 0..{ID_MAX}")
    return value


cdef int take_price(double* into, object price, str name) except -1:
    cdef double value = price
    # TWS, and its reference encoder, read these two doubles as "no price".
    if not isfinite(value) or value == UNSET_INTEGER or value == UNSET_DOUBLE:
        raise ValueError(f"{name} {price!r} cannot be sent")
    into[0] = value
    return 0


cdef class FrameTemplate:
    def __cinit__(self, outer, inner=(), *, bint protobuf=False):
        self.keep = []
        self.taken = []
        self.allowed = ("order_id", "nested", "none") if isinstance(self, CancelTemplate) else SLOTS
        self.protobuf = protobuf
        self.outer_count = self.load(self.outer, outer)
        self.inner_count = self.load(self.inner, inner)
        cdef Py_ssize_t constant = sum(PyBytes_GET_SIZE(piece) for piece in self.keep)
        self.capacity = constant + 2 * STEPS_MAX * (TEXT_BYTES_MAX + NUMBER_BYTES_MAX) + 16
        self.scratch = <char*>PyMem_Malloc(2 * <size_t>self.capacity)
        if self.scratch == NULL:
            raise MemoryError
        self.nested = self.scratch + self.capacity

    def __dealloc__(self):
        PyMem_Free(self.scratch)

    cdef int load(self, Step* steps, object rows) except -1:
        cdef int count = 0
        cdef bytes piece, tag
        cdef Step* step
        for piece, slot, tag in rows:
            if count == STEPS_MAX:
                raise ValueError(f"a template has at most {STEPS_MAX} steps")
            if PyBytes_GET_SIZE(tag) > TAG_BYTES_MAX:
                raise ValueError(f"a tag has at most {TAG_BYTES_MAX} bytes")
            step = &steps[count]
            step.piece = PyBytes_AS_STRING(piece)
            step.piece_bytes = PyBytes_GET_SIZE(piece)
            step.slot = SLOTS.index(slot)
            if slot != "none" and slot in self.taken:
                raise ValueError(f"the slot {slot} stands twice")
            if slot not in self.allowed:
                raise ValueError(f"the slot {slot} has no place in this template")
            self.taken.append(slot)
            step.tag_bytes = <int>PyBytes_GET_SIZE(tag)
            memcpy(step.tag, PyBytes_AS_STRING(tag), <size_t>PyBytes_GET_SIZE(tag))
            self.keep.append(piece)
            count += 1
        return count

    cdef bytes frame(self, Values* values):
        cdef char* start = self.scratch + 4
        cdef char* end
        cdef Text nested
        if self.protobuf:
            end = write_protobuf(self.nested, self.inner, self.inner_count, values, NULL)
            nested.data = self.nested
            nested.size = end - self.nested
            end = write_protobuf(start, self.outer, self.outer_count, values, &nested)
        else:
            end = write_text(start, self.outer, self.outer_count, values)
        put_u32(self.scratch, <uint64_t>(end - start))
        assert end - self.scratch <= self.capacity
        return PyBytes_FromStringAndSize(self.scratch, end - self.scratch)


cdef class OrderTemplate(FrameTemplate):
    def splice(self, int64_t order_id, str action not None, str quantity not None,
               limit_price, aux_price, str oca_group not None, int64_t oca_type,
               str order_ref not None, int64_t parent_id, bint transmit,
               trail_percent=None, trail_stop_price=None):
        cdef Values values
        values.order_id = take_id(order_id, "order_id")
        values.oca_type = take_id(oca_type, "oca_type")
        values.parent_id = take_id(parent_id, "parent_id")
        values.transmit = transmit
        take_text(&values.action, action, "action")
        take_text(&values.quantity, quantity, "quantity")
        take_text(&values.oca_group, oca_group, "oca_group")
        take_text(&values.order_ref, order_ref, "order_ref")
        values.has_limit = limit_price is not None
        if values.has_limit:
            take_price(&values.limit_price, limit_price, "limit_price")
        values.has_aux = aux_price is not None
        if values.has_aux:
            take_price(&values.aux_price, aux_price, "aux_price")
        values.has_percent = trail_percent is not None
        if values.has_percent:
            take_price(&values.trail_percent, trail_percent, "trail_percent")
        values.has_stop = trail_stop_price is not None
        if values.has_stop:
            take_price(&values.trail_stop_price, trail_stop_price, "trail_stop_price")
        return self.frame(&values)


cdef class CancelTemplate(FrameTemplate):
    def splice(self, int64_t order_id):
        cdef Values values
        values.order_id = take_id(order_id, "order_id")
        return self.frame(&values)
