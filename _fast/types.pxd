# The structures every stage shares. Python sees the same memory as numpy structured arrays
# (the dtypes in ticks.pyx assert that sizes and offsets agree), so nothing is copied.
#
# Prices in here are doubles: this is market data and indicators. Order prices are exact and
# live in engine/money.py.

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

# What one decoded market message becomes before it is applied.
cdef struct Tick:
    int32_t row            # instrument row, -1 = the request id is not bound
    int32_t field          # Column it changes (enum in ticks.pxd), or a kind below
    double price
    double size
    int64_t time_ns        # exchange time of the message if it carries one, else 0
    int32_t mask           # attribute bits as TWS sends them

# State of one instrument: what conditions and protective prices read. One cache-line pair.
cdef struct Instrument:
    double bid
    double ask
    double last
    double bid_size
    double ask_size
    double last_size
    double volume
    double atr             # NaN until warm
    int64_t quote_ns       # exchange time when bid or ask last changed
    int64_t trade_ns       # exchange time of the last trade
    uint64_t ticks         # messages applied
    int32_t halted         # tick type 49: -1 unknown, 0 trading, 1, 2 halted
    int32_t data_type      # 1 live, 2 frozen, 3 delayed, 4 delayed frozen
    int32_t trades_from    # which stream feeds bars: 0 market data LAST, 1 tick-by-tick, 2 real-time bars
    int32_t atr_ready
