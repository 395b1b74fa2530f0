"""Order messages as tuples; see orders.pxd for their layouts.

Field orders are facts of the protocol, for servers from version 176 on: since 145 order
messages start without a version number, 177 dropped faProfile, 194 gave errors a time.
"""

import re

from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport isnan
from libc.stdint cimport INT32_MAX, INT64_MAX, int32_t, int64_t

from _fast.fields cimport (
    FINE, GARBAGE, MISSING, Fault, Message, Piece, Text, Value, collect, read_size, text_double,
    text_id, text_int, text_long, text_piece, text_skip, value_double, value_id, value_int,
    value_long, value_piece,
)

cdef enum:
    NO_FA_PROFILE = 177    # server versions
    ERROR_TIME = 194
    # Fields of our interest end below these numbers.
    CONTRACT_FIELDS = 11
    ORDER_FIELDS = 31
    EXECUTION_FIELDS = 19
    MESSAGE_FIELDS = 12


cdef bint is_order(int msg_id) noexcept nogil:
    return (
        (msg_id >= 3 and msg_id <= 6) or msg_id == 9 or msg_id == 11 or msg_id == 15
        or msg_id == 49 or msg_id == 53 or msg_id == 55 or msg_id == 59 or msg_id == 61
        or msg_id == 62 or msg_id == 102 or msg_id == 109
    )


cdef tuple order_tuple(const Message* message, int server_version, Fault* fault):
    cdef Text text
    cdef tuple row
    if message.protobuf:
        row = from_protobuf(message, fault)
    else:
        text.p = message.body
        text.end = message.body + message.n
        text.fault = FINE
        row = from_text(message.id, &text, server_version)
        fault[0] = text.fault
    return None if fault[0] else row


# -- what both formats share -----------------------------------------------------------------


cdef inline str string(Piece piece):
    return PyUnicode_DecodeUTF8(<const char*>piece.s, piece.n, NULL) if piece.n else ""


cdef inline str quantity(Piece piece, Fault* fault):
    """The decimal as it stands, once it is known to be a number."""
    cdef double ignored
    cdef Fault bad = read_size(piece.s, piece.n, &ignored)
    if bad:
        fault[0] = bad
        return ""
    return string(piece)


cdef inline object known(double number):
    return None if isnan(number) else number


cdef inline double or_zero(double number) noexcept:
    return 0.0 if isnan(number) else number


cdef inline double needed(double number, Fault* fault) noexcept:
    if isnan(number) and not fault[0]:
        fault[0] = GARBAGE
    return number


cdef inline int64_t set_or_zero(int64_t number) noexcept:
    return 0 if number == INT32_MAX or number == INT64_MAX else number


cdef tuple UNREAD = ("", None, None)  # the tail of an open order that was not understood
cdef object ESCAPED = re.compile(r"(?:\\u[0-9A-Fa-f]{4})+")


cdef str unescape(str text):
    r"""Undo the \uXXXX by which servers from 153 on keep text messages ASCII.

    Only these: other backslashes belong to the text, such as the quotes within JSON.
    """
    if "\\u" not in text:
        return text
    return ESCAPED.sub(
        lambda found: bytes.fromhex(found[0].replace("\\u", "")).decode("utf-16-be", "replace"),
        text,
    )


# -- text ------------------------------------------------------------------------------------


cdef inline str text_str(Text* t):
    return string(text_piece(t))


cdef inline str text_quantity(Text* t):
    cdef Piece piece = text_piece(t)
    return "" if t.fault else quantity(piece, &t.fault)


cdef tuple from_text(int msg_id, Text* t, int server_version):
    if msg_id == 3:
        return order_status_text(t)
    if msg_id == 4:
        return error_text(t, server_version)
    if msg_id == 5:
        return open_order_text(t, server_version)
    if msg_id == 11:
        return execution_text(t)
    if msg_id == 109:
        return (109, text_long(t))
    if msg_id == 53 or msg_id == 62 or msg_id == 102:
        return (msg_id,)
    text_skip(t, 1)  # version of the message; of a position 3 since long before 176
    if msg_id == 6:
        return (6, text_str(t), text_str(t), text_str(t), text_str(t))
    if msg_id == 59:
        return (59, text_str(t), known(text_double(t)), text_str(t), known(text_double(t)))
    if msg_id == 61:
        return position_text(t)
    if msg_id == 15:
        return (15, text_str(t))
    if msg_id == 49:
        return (49, text_long(t))
    return (msg_id, text_id(t))  # 9 and 55


cdef tuple order_status_text(Text* t):
    return (
        3,
        set_or_zero(text_int(t)),
        text_str(t),
        text_quantity(t),
        text_quantity(t),
        or_zero(text_double(t)),
        set_or_zero(text_long(t)),
        set_or_zero(text_int(t)),
        or_zero(text_double(t)),
        set_or_zero(text_int(t)),
        text_str(t),
        or_zero(text_double(t)),
    )


cdef tuple error_text(Text* t, int server_version):
    if server_version < ERROR_TIME:
        text_skip(t, 1)  # version of the message
    cdef int32_t number = text_id(t)
    cdef int32_t code = text_id(t)
    cdef str message = unescape(text_str(t))
    cdef str json = unescape(text_str(t))
    cdef int64_t time_ms = text_long(t) if server_version >= ERROR_TIME else 0
    return (4, number, code, message, json, time_ms)


cdef tuple open_order_text(Text* t, int server_version):
    cdef int32_t order_id = text_int(t)
    cdef int32_t con_id = text_int(t)
    cdef str symbol = text_str(t)
    cdef str sec_type = text_str(t)
    text_skip(t, 8)  # last trade date, strike, right, multiplier ... trading class
    cdef str action = text_str(t)
    cdef str size = text_quantity(t)
    cdef str order_type = text_str(t)
    cdef double limit_price = text_double(t)
    cdef double aux_price = text_double(t)
    cdef str tif = text_str(t)
    cdef str oca_group = text_str(t)
    cdef str account = text_str(t)
    text_skip(t, 2)  # open/close, origin
    cdef str order_ref = text_str(t)
    cdef int32_t client_id = text_int(t)
    cdef int64_t perm_id = text_long(t)
    text_skip(t, 8 + (server_version < NO_FA_PROFILE))  # outside RTH ... FA percentage, profile
    text_skip(t, 19)  # model code ... minimum quantity
    cdef int32_t oca_type = text_int(t)
    text_skip(t, 3)  # e-trade only, firm quote only, NBBO cap
    cdef int32_t parent_id = text_int(t)
    cdef Text rest = t[0]
    return (
        5, set_or_zero(order_id), con_id, symbol, sec_type, action, size, order_type,
        known(limit_price), known(aux_price), tif, oca_group, account, order_ref,
        set_or_zero(client_id), set_or_zero(perm_id), set_or_zero(oca_type),
        set_or_zero(parent_id), *open_order_tail(&rest),
    )


cdef tuple open_order_tail(Text* t):
    """Status, trailing stop and percent: behind parentId, past everything whose length varies.

    What stands there depends on the kind of order, and a TWS may surprise us. The order itself
    is known by then, so a tail that does not fit costs these and no more: orderStatus follows
    each openOrder and says the status again, and a level that is not known is not believed.
    """
    cdef double increment, stop, percent
    text_skip(t, 3)  # trigger method, volatility and its type
    cdef bint delta_neutral = text_piece(t).n > 0  # TWS sends "None", which counts
    text_skip(t, 1 + 8 * delta_neutral + 2)
    stop = text_double(t)
    percent = text_double(t)
    text_skip(t, 3)  # basis points and type, description of the legs
    text_skip(t, <int64_t>8 * text_int(t))  # legs
    text_skip(t, text_int(t))  # prices of the legs
    text_skip(t, <int64_t>2 * text_int(t))  # smart routing parameters
    text_skip(t, 2)  # scale levels
    increment = text_double(t)
    text_skip(t, 7 * (increment > 0))
    text_skip(t, text_piece(t).n > 0)  # hedge type, and its parameter if there is one
    text_skip(t, 4)  # opt out of smart routing, clearing account and intent, not held
    text_skip(t, 3 * (text_int(t) != 0))  # delta neutral contract
    if text_piece(t).n > 0:  # algorithm
        text_skip(t, <int64_t>2 * text_int(t))
    text_skip(t, 2)  # solicited, what-if
    cdef str status = text_str(t)
    return (status, known(stop), known(percent)) if status.isalpha() and not t.fault else UNREAD


cdef tuple execution_text(Text* t):
    cdef int32_t req_id = text_int(t)
    cdef int32_t order_id = text_int(t)
    cdef int32_t con_id = text_int(t)
    cdef str symbol = text_str(t)
    text_skip(t, 9)  # security type ... trading class
    cdef str exec_id = text_str(t)
    if not exec_id and not t.fault:
        t.fault = GARBAGE
    return (
        11, req_id, set_or_zero(order_id), con_id, symbol, exec_id,
        text_str(t),
        text_str(t),
        text_str(t),
        text_str(t),
        text_quantity(t),
        needed(text_double(t), &t.fault),
        set_or_zero(text_long(t)),
        set_or_zero(text_int(t)),
        text_int(t),
        text_quantity(t),
        or_zero(text_double(t)),
        text_str(t),
        execution_liquidity(t),
    )


cdef inline int32_t execution_liquidity(Text* t) noexcept:
    text_skip(t, 3)  # rule and multiplier of economic value, model code
    return <int32_t>set_or_zero(text_int(t))


cdef tuple position_text(Text* t):
    cdef str account = text_str(t)
    cdef int32_t con_id = text_int(t)
    cdef str symbol = text_str(t)
    cdef str sec_type = text_str(t)
    text_skip(t, 5)  # last trade date, strike, right, multiplier, exchange
    cdef str currency = text_str(t)
    text_skip(t, 2)  # local symbol, trading class
    cdef str position = text_quantity(t)
    cdef double average = text_double(t)
    return (61, account, con_id, symbol, sec_type, currency, position, or_zero(average))


# -- protobuf --------------------------------------------------------------------------------


cdef inline str value_str(const Value* value, Fault* fault):
    return string(value_piece(value, fault))


cdef inline str value_quantity(const Value* value, Fault* fault):
    cdef Piece piece = value_piece(value, fault)
    return quantity(piece, fault)


cdef inline void inner(const Value* value, Value* values, int count, Fault* fault) noexcept:
    """Collect a message within a message; it has to be there."""
    cdef Piece piece = value_piece(value, fault)
    cdef Fault bad = collect(piece.s, piece.n, values, count)
    if bad:
        fault[0] = bad
    if not value.there:
        fault[0] = MISSING


cdef tuple from_protobuf(const Message* message, Fault* fault):
    cdef Value v[MESSAGE_FIELDS]
    cdef int msg_id = message.id
    fault[0] = collect(message.body, message.n, v, MESSAGE_FIELDS)
    if fault[0]:
        return None
    if msg_id == 3:
        return order_status_protobuf(v, fault)
    if msg_id == 4:
        return error_protobuf(v, fault)
    if msg_id == 5:
        return open_order_protobuf(v, fault)
    if msg_id == 11:
        return execution_protobuf(v, fault)
    if msg_id == 59:
        return (
            59, value_str(&v[1], fault), known(value_double(&v[2], fault)),
            value_str(&v[3], fault), known(value_double(&v[4], fault)),
        )
    if msg_id == 61:
        return position_protobuf(v, fault)
    if msg_id == 6:
        return (
            6, value_str(&v[1], fault), value_str(&v[2], fault), value_str(&v[3], fault),
            value_str(&v[4], fault),
        )
    if msg_id == 15:
        return (15, value_str(&v[1], fault))
    if msg_id == 49 or msg_id == 109:
        return (msg_id, value_long(&v[1], fault))
    if msg_id == 9 or msg_id == 55:
        return (msg_id, value_id(&v[1], fault))
    return (msg_id,)  # 53, 62 and 102


cdef tuple order_status_protobuf(const Value* v, Fault* fault):
    return (
        3,
        set_or_zero(value_int(&v[1], fault)),
        value_str(&v[2], fault),
        value_quantity(&v[3], fault),
        value_quantity(&v[4], fault),
        or_zero(value_double(&v[5], fault)),
        set_or_zero(value_long(&v[6], fault)),
        set_or_zero(value_int(&v[7], fault)),
        or_zero(value_double(&v[8], fault)),
        set_or_zero(value_int(&v[9], fault)),
        value_str(&v[10], fault),
        or_zero(value_double(&v[11], fault)),
    )


cdef tuple error_protobuf(const Value* v, Fault* fault):
    return (
        4,
        value_int(&v[1], fault) if v[1].there else -1,
        value_id(&v[3], fault),
        value_str(&v[4], fault),
        value_str(&v[5], fault),
        value_long(&v[2], fault),
    )


cdef tuple open_order_protobuf(const Value* v, Fault* fault):
    cdef Value contract[CONTRACT_FIELDS]
    cdef Value order[ORDER_FIELDS]
    cdef Value state[2]
    inner(&v[2], contract, CONTRACT_FIELDS, fault)
    inner(&v[3], order, ORDER_FIELDS, fault)
    if fault[0]:
        return None
    state[1].there = False
    if v[4].there:
        inner(&v[4], state, 2, fault)
    return (
        5,
        set_or_zero(value_int(&v[1], fault)),
        value_int(&contract[1], fault),
        value_str(&contract[2], fault),
        value_str(&contract[3], fault),
        value_str(&order[5], fault),
        value_quantity(&order[6], fault),
        value_str(&order[8], fault),
        known(value_double(&order[9], fault)),
        known(value_double(&order[10], fault)),
        value_str(&order[11], fault),
        value_str(&order[27], fault),
        value_str(&order[12], fault),
        value_str(&order[28], fault),
        set_or_zero(value_int(&order[1], fault)),
        set_or_zero(value_long(&order[3], fault)),
        set_or_zero(value_int(&order[30], fault)),
        set_or_zero(value_int(&order[4], fault)),
        value_str(&state[1], fault),
        known(value_double(&order[23], fault)),
        known(value_double(&order[22], fault)),
    )


cdef tuple execution_protobuf(const Value* v, Fault* fault):
    cdef Value contract[CONTRACT_FIELDS]
    cdef Value execution[EXECUTION_FIELDS]
    inner(&v[2], contract, CONTRACT_FIELDS, fault)
    inner(&v[3], execution, EXECUTION_FIELDS, fault)
    if fault[0]:
        return None
    cdef str exec_id = value_str(&execution[2], fault)
    if not exec_id:
        fault[0] = MISSING
        return None
    return (
        11,
        value_int(&v[1], fault) if v[1].there else -1,
        set_or_zero(value_int(&execution[1], fault)),
        value_int(&contract[1], fault),
        value_str(&contract[2], fault),
        exec_id,
        value_str(&execution[3], fault),
        value_str(&execution[4], fault),
        value_str(&execution[5], fault),
        value_str(&execution[6], fault),
        value_quantity(&execution[7], fault),
        needed(value_double(&execution[8], fault), fault),
        set_or_zero(value_long(&execution[9], fault)),
        set_or_zero(value_int(&execution[10], fault)),
        value_int(&execution[11], fault),
        value_quantity(&execution[12], fault),
        or_zero(value_double(&execution[13], fault)),
        value_str(&execution[14], fault),
        <int32_t>set_or_zero(value_int(&execution[18], fault)),
    )


cdef tuple position_protobuf(const Value* v, Fault* fault):
    cdef Value contract[CONTRACT_FIELDS]
    inner(&v[2], contract, CONTRACT_FIELDS, fault)
    if fault[0]:
        return None
    return (
        61,
        value_str(&v[1], fault),
        value_int(&contract[1], fault),
        value_str(&contract[2], fault),
        value_str(&contract[3], fault),
        value_str(&contract[10], fault),
        value_quantity(&v[3], fault),
        or_zero(value_double(&v[4], fault)),
    )
