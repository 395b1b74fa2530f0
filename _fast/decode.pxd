# From a frame's payload to what happened: market messages to Ticks without the GIL, order
# messages to the tuples of orders.pxd, everything else ("cold") handed on as it came.
#
# Servers up to 200 write the message id as the first text field. From 201 on it is four bytes,
# and an id above 200 says that the body is protobuf of the message id - 200; both formats occur
# on one connection, so every frame is judged by its id alone.
#
# A market message is one Tick, of a Kind of types.pxd (or-ed with DELAYED for delayed data):
#   1 tickPrice       BID ASK LAST with their size, else OTHER
#   2 tickSize        BID_SIZE ASK_SIZE LAST_SIZE VOLUME, else OTHER
#  45 tickGeneric     HALTED SHORTABLE, else OTHER
#  46 tickString      LAST_TIME, else OTHER: RTVolume (48) only repeats LAST and VOLUME
#  50 realtimeBar     BAR, with its prices in a BarTick
#  58 marketDataType  DATA_TYPE
#  81 tickReqParams   OTHER
#  99 tickByTick      TRADE (Last, AllLast), QUOTE (BidAsk), else OTHER (MidPoint)
# Absent prices and sizes are NaN; -1 and 0 stay what TWS sent, ticks.pxd knows what they mean.

from libc.stdint cimport int32_t, int64_t, uint8_t

from _fast.fields cimport Fault, Message
from _fast.types cimport Tick

cdef enum:
    MIN_SERVER = 176       # the oldest server whose layouts are known here

# A real-time bar (5 s) as sent; `time_ns` is its start.
cdef struct BarTick:
    int32_t row
    int64_t time_ns
    double open
    double high
    double low
    double close
    double volume
    double wap
    int32_t count

# Reads the message id; the message points into the payload.
cdef Fault open_message(const uint8_t* p, size_t n, int server_version, Message* message) noexcept nogil
cdef bint is_market(int msg_id) noexcept nogil
# Tick.row is the request id. A tick of kind BAR says that `bar` was filled.
cdef Fault market_tick(const Message* message, Tick* tick, BarTick* bar) noexcept nogil
# What is not market data: order tuple or cold tuple. Raises DecodeError.
cdef tuple message_tuple(const Message* message, int server_version)
cdef str reason(int msg_id, Fault fault)
