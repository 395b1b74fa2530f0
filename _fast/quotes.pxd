# What the best bid and ask say. Ready at once; no memory.
#
#   spread     ask - bid.
#   imbalance  (bid size - ask size) / (bid size + ask size), from -1, only asks, to 1, only bids.
#              M. D. Gould, J. Bonart, Queue Imbalance as a One-Tick-Ahead Price Predictor, 2015.
# NaN if a number is not finite; imbalance also if both sizes are 0, or one is negative.

from libc.math cimport NAN

from _fast.windows cimport Stream

cdef inline double spread_of(double bid, double ask) noexcept nogil:
    cdef double spread = ask - bid
    return spread + (spread - spread)

cdef inline double imbalance_of(double bid_size, double ask_size) noexcept nogil:
    cdef double total = bid_size + ask_size
    if not bid_size >= 0.0 or not ask_size >= 0.0 or not total > 0.0 or total - total != 0.0:
        return NAN
    return (bid_size - ask_size) / total

cdef class Spread(Stream):
    cdef readonly double value

cdef class Imbalance(Stream):
    cdef readonly double value
