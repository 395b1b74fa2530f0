# The structures every stage shares. Python sees the same memory as numpy structured arrays (the
# dtype in instruments.pyx takes sizes and offsets from these very structs), so nothing is copied.
#
# Prices in here are doubles: this is market data and indicators. Order prices are exact and
# live in engine/money.py.

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

# Assertions of our own mistakes in hot code: compiled in with ENGINE_DEBUG=1, nothing otherwise.
# They stop the process: a function without the GIL cannot raise, and must not go on either.
cdef extern from *:
    """
    #include <stdio.h>
    #include <stdlib.h>
    #ifndef FAST_DEBUG
    #define FAST_DEBUG 0
    #endif
    #define fast_assert(truth) do { if (FAST_DEBUG && !(truth)) { \
        fprintf(stderr, "%s:%d: %s does not hold\\n", __FILE__, __LINE__, #truth); abort(); \
    } } while (0)
    """
    const bint FAST_DEBUG
    void fast_assert(bint truth) noexcept nogil

# Bounds of what is a number and a time at all.
cdef extern from *:
    """
    #define SECOND_NS ((int64_t)1000000000)
    #define NUMBER_MAX 9007199254740992.0  /* 2**53; TWS's "unset" sentinels lie above */
    #define TIME_MAX_NS ((int64_t)1 << 62)  /* year 2116; leaves room to add an interval */
    """
    const int64_t SECOND_NS
    const double NUMBER_MAX
    const int64_t TIME_MAX_NS

# What a market message changes; which fields of Tick each kind uses is in ticks.pxd.
cdef enum Kind:
    OTHER = 0
    BID = 1
    ASK = 2
    LAST = 3
    BID_SIZE = 4
    ASK_SIZE = 5
    LAST_SIZE = 6
    VOLUME = 7
    HALTED = 8
    DATA_TYPE = 9
    LAST_TIME = 10
    TRADE = 11
    QUOTE = 12
    BAR = 13
    SHORTABLE = 14

cdef enum:
    KIND_MASK = 0xFF
    DELAYED = 0x100            # or-ed into Tick.field for the delayed tick ids (66..): data_type 3
    UNREPORTED = 2             # Tick.mask of a TRADE: pastLimit 1, unreported 2

# What one decoded market message becomes before it is applied.
cdef struct Tick:
    int32_t row            # request id as on the wire; Market.apply resolves it to a row
    int32_t field          # a Kind, with DELAYED or-ed in for the delayed tick ids
    double price           # NaN: none
    double size            # NaN: none
    int64_t time_ns        # exchange time of the message if it carries one, else 0
    int32_t mask           # attribute bits as TWS sends them
    double price2          # the ask of a QUOTE; nobody else reads it
    double size2           # the ask size of a QUOTE

# State of one instrument: what conditions and protective prices read. One cache-line pair.
# The leading doubles are the columns that conditions may watch (Column in conditions.pxd).
cdef struct Instrument:
    double bid             # NaN: no quote
    double ask
    double last            # NaN: no trade seen
    double bid_size
    double ask_size
    double last_size
    double volume
    double atr             # NaN until warm
    double spread          # ask - bid, NaN unless both are quoted
    double mid             # (bid + ask) / 2, NaN unless both are quoted
    int64_t quote_ns       # exchange time of the last message about bid or ask, 0: never
    int64_t trade_ns       # exchange time of the last trade, 0: never
    uint64_t ticks         # messages applied
    uint64_t late_trades   # trades that came after their bar was complete
    int16_t halted         # tick type 49: -1 unknown, 0 trading, 1, 2 halted
    int16_t shortable      # tick type 46: 0 unknown, 1 no, 2 if shares are located, 3 yes
    int32_t data_type      # 1 live (TWS's default), 2 frozen, 3 delayed, 4 delayed frozen
    int32_t trades_from    # stream that feeds bars: 0 market data LAST, 1 tick-by-tick, 2 real-time bars
    int32_t atr_ready
