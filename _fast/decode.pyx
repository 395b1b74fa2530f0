"""Payloads to ticks and tuples; see decode.pxd for what becomes what."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.math cimport NAN, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from _fast.fields cimport (
    ENCODING, FINE, GARBAGE, HEADER, MISSING, OVERLONG, TRUNCATED, WIRE_TYPE, Fault, Message,
    Piece, Text, Value, collect, read_double, read_integer, text_double, text_id, text_int,
    text_long, text_piece, text_size, text_skip, value_double, value_id, value_int, value_long,
    value_piece, value_size,
)
from _fast.orders cimport is_order, order_tuple
from _fast.types cimport (
    ASK, ASK_SIZE, BAR, BID, BID_SIZE, DATA_TYPE, DELAYED, HALTED, LAST, LAST_SIZE, LAST_TIME,
    OTHER, QUOTE, SECOND_NS, SHORTABLE, TRADE, VOLUME, Tick,
)

MIN_SERVER_VERSION = MIN_SERVER

cdef enum:
    RAW_ID = 201           # server version from which the id is four bytes
    PROTOBUF = 200         # added to the id of a protobuf message
    MESSAGE_ID_MAX = 65535 # far above any id in use; more is not an id but a lost stream

cdef int64_t SECONDS_MAX = 9000000000LL  # year 2255: nanoseconds still fit into 64 bits


class DecodeError(ValueError):
    """A message whose fields cannot be read."""


cdef str reason(int msg_id, Fault fault):
    if fault == MISSING:
        return f"message {msg_id}: a field is missing"
    if fault == GARBAGE:
        return f"message {msg_id}: a number cannot be read"
    if fault == TRUNCATED:
        return f"message {msg_id}: a value reaches beyond the message"
    if fault == OVERLONG:
        return f"message {msg_id}: a varint has more than 64 bits"
    if fault == WIRE_TYPE:
        return f"message {msg_id}: a field is written as another type"
    if fault == ENCODING:
        return f"message {msg_id}: a text is not UTF-8"
    return "no message id at the start of the frame"


cdef Fault open_message(
    const uint8_t* p, size_t n, int server_version, Message* message
) noexcept nogil:
    cdef Text text
    cdef uint64_t raw
    message.protobuf = False
    message.body = p
    message.n = n
    message.id = 0
    if server_version < RAW_ID:
        text.p = p
        text.end = p + n
        text.fault = FINE
        message.id = text_id(&text)
        if text.fault or not 0 < message.id <= MESSAGE_ID_MAX:
            return HEADER
        message.body = text.p
        message.n = text.end - text.p
        return FINE
    if n < 4:
        return HEADER
    raw = <uint64_t>p[0] << 24 | <uint64_t>p[1] << 16 | <uint64_t>p[2] << 8 | p[3]
    message.protobuf = raw > PROTOBUF
    if message.protobuf:
        raw -= PROTOBUF
    if not 0 < raw <= MESSAGE_ID_MAX:
        return HEADER
    message.id = <int32_t>raw
    message.body = p + 4
    message.n = n - 4
    return FINE


# -- market data -----------------------------------------------------------------------------


cdef bint is_market(int msg_id) noexcept nogil:
    return (
        msg_id == 1 or msg_id == 2 or msg_id == 45 or msg_id == 46 or msg_id == 50
        or msg_id == 58 or msg_id == 81 or msg_id == 99
    )


cdef inline int kind_of_price(int tick_type) noexcept nogil:
    if tick_type == 1:
        return BID
    if tick_type == 2:
        return ASK
    if tick_type == 4:
        return LAST
    if tick_type == 66:
        return BID | DELAYED
    if tick_type == 67:
        return ASK | DELAYED
    if tick_type == 68:
        return LAST | DELAYED
    return OTHER


cdef inline int kind_of_size(int tick_type) noexcept nogil:
    if tick_type == 0:
        return BID_SIZE
    if tick_type == 3:
        return ASK_SIZE
    if tick_type == 5:
        return LAST_SIZE
    if tick_type == 8:
        return VOLUME
    if tick_type == 69:
        return BID_SIZE | DELAYED
    if tick_type == 70:
        return ASK_SIZE | DELAYED
    if tick_type == 71:
        return LAST_SIZE | DELAYED
    if tick_type == 74:
        return VOLUME | DELAYED
    return OTHER


cdef inline int kind_of_generic(int tick_type) noexcept nogil:
    if tick_type == 49:
        return HALTED
    if tick_type == 46:
        return SHORTABLE
    return HALTED | DELAYED if tick_type == 90 else OTHER


cdef inline int64_t nanoseconds(int64_t seconds, Fault* fault) noexcept nogil:
    if 0 <= seconds <= SECONDS_MAX:
        return seconds * SECOND_NS
    fault[0] = GARBAGE
    return 0


cdef inline void set_string(Tick* tick, int tick_type, Piece value, Fault* fault) noexcept nogil:
    cdef int64_t seconds = 0
    if tick_type != 45 and tick_type != 88:
        return
    tick.field = LAST_TIME if tick_type == 45 else LAST_TIME | DELAYED
    if not fault[0]:
        fault[0] = read_integer(value.s, value.n, &seconds)
        tick.time_ns = nanoseconds(seconds, fault)


cdef inline void need(double number, Fault* fault) noexcept nogil:
    """A trade or bar without its price is no trade: it would be taken for news."""
    if isnan(number) and not fault[0]:
        fault[0] = GARBAGE


cdef Fault market_tick(const Message* message, Tick* tick, BarTick* bar) noexcept nogil:
    cdef Text text
    cdef Fault fault = FINE
    tick.row = -1
    tick.field = OTHER
    tick.mask = 0
    tick.time_ns = 0
    tick.price = tick.size = tick.price2 = tick.size2 = NAN
    if message.protobuf:
        tick_from_protobuf(message, tick, bar, &fault)
        return fault
    text.p = message.body
    text.end = message.body + message.n
    text.fault = FINE
    tick_from_text(message.id, &text, tick, bar)
    return text.fault


cdef inline void tick_from_text(int msg_id, Text* t, Tick* tick, BarTick* bar) noexcept nogil:
    cdef int tick_type
    cdef Piece value
    if msg_id == 99:
        tick_by_tick_text(t, tick)
        return
    if msg_id != 81:
        text_skip(t, 1)  # version of the message
    tick.row = text_id(t)
    if msg_id == 50:
        tick.field = BAR
        bar_from_text(t, tick.row, bar)
        return
    if msg_id == 81:
        return
    tick_type = text_id(t)
    if msg_id == 1:
        tick.field = kind_of_price(tick_type)
        tick.price = text_double(t)
        tick.size = text_size(t)
        tick.mask = text_int(t)
    elif msg_id == 2:
        tick.field = kind_of_size(tick_type)
        tick.size = text_size(t)
    elif msg_id == 45:
        tick.field = kind_of_generic(tick_type)
        tick.price = text_double(t)
    elif msg_id == 46:
        value = text_piece(t)
        set_string(tick, tick_type, value, &t.fault)
    else:
        tick.field = DATA_TYPE
        tick.price = tick_type


cdef inline void bar_from_text(Text* t, int row, BarTick* bar) noexcept nogil:
    cdef int64_t seconds = text_long(t)
    bar.row = row
    bar.time_ns = nanoseconds(seconds, &t.fault)
    bar.open = text_double(t)
    bar.high = text_double(t)
    bar.low = text_double(t)
    bar.close = text_double(t)
    bar.volume = text_size(t)
    bar.wap = text_size(t)
    bar.count = text_int(t)
    need(bar.open + bar.high + bar.low + bar.close, &t.fault)


cdef inline void tick_by_tick_text(Text* t, Tick* tick) noexcept nogil:
    cdef int tick_type
    tick.row = text_id(t)
    tick_type = text_id(t)
    tick.time_ns = nanoseconds(text_long(t), &t.fault)
    if tick_type == 1 or tick_type == 2:
        tick.field = TRADE
        tick.price = text_double(t)
        tick.size = text_size(t)
        tick.mask = text_int(t)
        need(tick.price, &t.fault)
    elif tick_type == 3:
        tick.field = QUOTE
        tick.price = text_double(t)
        tick.price2 = text_double(t)
        tick.size = text_size(t)
        tick.size2 = text_size(t)
        tick.mask = text_int(t)
    elif tick_type == 4:
        tick.price = text_double(t)


cdef inline void tick_from_protobuf(
    const Message* message, Tick* tick, BarTick* bar, Fault* fault
) noexcept nogil:
    cdef Value v[10]
    cdef int msg_id = message.id
    cdef int tick_type
    fault[0] = collect(message.body, message.n, v, 10 if msg_id == 50 else 6)
    if fault[0]:
        return
    tick.row = value_id(&v[1], fault)
    if msg_id == 50:
        tick.field = BAR
        bar_from_protobuf(v, tick.row, bar, fault)
        return
    if msg_id == 81:
        return
    tick_type = value_id(&v[2], fault)
    if msg_id == 99:
        tick_by_tick_protobuf(v, tick_type, tick, fault)
    elif msg_id == 1:
        tick.field = kind_of_price(tick_type)
        tick.price = value_double(&v[3], fault)
        tick.size = value_size(&v[4], fault)
        tick.mask = value_int(&v[5], fault)
    elif msg_id == 2:
        tick.field = kind_of_size(tick_type)
        tick.size = value_size(&v[3], fault)
    elif msg_id == 45:
        tick.field = kind_of_generic(tick_type)
        tick.price = value_double(&v[3], fault)
    elif msg_id == 46:
        set_string(tick, tick_type, value_piece(&v[3], fault), fault)
    else:
        tick.field = DATA_TYPE
        tick.price = tick_type


cdef inline void bar_from_protobuf(
    const Value* v, int row, BarTick* bar, Fault* fault
) noexcept nogil:
    bar.row = row
    bar.time_ns = nanoseconds(value_long(&v[2], fault), fault)
    bar.open = value_double(&v[3], fault)
    bar.high = value_double(&v[4], fault)
    bar.low = value_double(&v[5], fault)
    bar.close = value_double(&v[6], fault)
    bar.volume = value_size(&v[7], fault)
    bar.wap = value_size(&v[8], fault)
    bar.count = value_int(&v[9], fault)
    need(bar.open + bar.high + bar.low + bar.close, fault)


cdef inline int bits(const Value* value, Fault* fault) noexcept nogil:
    """Attributes of a tick: protobuf sends two booleans where text sends bits 1 and 2."""
    cdef Value v[3]
    cdef Piece piece = value_piece(value, fault)
    cdef Fault bad = collect(piece.s, piece.n, v, 3)
    if bad:
        fault[0] = bad
        return 0
    return (value_long(&v[1], fault) != 0) | (value_long(&v[2], fault) != 0) << 1


cdef inline void tick_by_tick_protobuf(
    const Value* outer, int tick_type, Tick* tick, Fault* fault
) noexcept nogil:
    cdef Value v[7]
    cdef Piece piece
    cdef Fault bad
    # 1 Last and 2 AllLast are in field 3, 3 BidAsk in 4, 4 MidPoint in 5.
    cdef int field = 3 if tick_type <= 2 else tick_type + 1
    if fault[0] or tick_type < 1 or tick_type > 4:
        return
    piece = value_piece(&outer[field], fault)
    bad = collect(piece.s, piece.n, v, 7)
    if bad or not outer[field].there:
        fault[0] = bad if bad else MISSING
        return
    tick.time_ns = nanoseconds(value_long(&v[1], fault), fault)
    if tick_type <= 2:
        tick.field = TRADE
        tick.price = value_double(&v[3], fault)
        tick.size = value_size(&v[4], fault)
        tick.mask = bits(&v[2], fault)
        need(tick.price, fault)
    elif tick_type == 3:
        tick.field = QUOTE
        tick.price = value_double(&v[3], fault)
        tick.price2 = value_double(&v[4], fault)
        tick.size = value_size(&v[5], fault)
        tick.size2 = value_size(&v[6], fault)
        tick.mask = bits(&v[2], fault)
    else:
        tick.price = value_double(&v[2], fault)


# -- everything else -------------------------------------------------------------------------


cdef tuple message_tuple(const Message* message, int server_version):
    cdef Fault fault = FINE
    cdef tuple row
    if not is_order(message.id):
        body = PyBytes_FromStringAndSize(<const char*>message.body, message.n)
        return ("cold", message.id, bool(message.protobuf), body)
    try:
        row = order_tuple(message, server_version, &fault)
    except UnicodeDecodeError as error:
        raise DecodeError(f"{reason(message.id, ENCODING)}: {error.reason}") from None
    if fault:
        raise DecodeError(reason(message.id, fault))
    return row


cdef tuple tick_tuple(const Message* message):
    cdef Tick tick
    cdef BarTick bar
    cdef Fault fault = market_tick(message, &tick, &bar)
    if fault:
        raise DecodeError(reason(message.id, fault))
    if tick.field == BAR:
        return (
            "bar", bar.row, bar.time_ns, bar.open, bar.high, bar.low, bar.close, bar.volume,
            bar.wap, bar.count,
        )
    return (
        "tick", tick.row, tick.field, tick.price, tick.size, tick.price2, tick.size2,
        tick.time_ns, tick.mask,
    )


cdef Message opened(bytes payload, int server_version) except *:
    cdef Message message
    if server_version < MIN_SERVER:
        raise ValueError(f"server version {server_version} is older than {MIN_SERVER}")
    if open_message(<const uint8_t*><const char*>payload, len(payload), server_version, &message):
        raise DecodeError(reason(0, HEADER))
    return message


def decode(bytes payload not None, int server_version):
    """One payload as a tuple, whatever it is."""
    cdef Message message = opened(payload, server_version)
    if is_market(message.id):
        return tick_tuple(&message)
    return message_tuple(&message, server_version)


def parse_double(bytes text not None):
    """The double of a field, NaN for "absent": what decides prices, open to tests."""
    cdef double number = NAN
    if read_double(<const uint8_t*><const char*>text, len(text), &number):
        raise DecodeError(f"{text!r} is not a number")
    return number
