# Protective prices on the instrument's grid, rounded so that protection is not given up.
#
#   stop   of a long (side SELL) lies below and rounds up, of a short (BUY) above and rounds down:
#          the loss that was planned is never exceeded by rounding.
#   target of a long (SELL) lies above and rounds down, of a short (BUY) below and rounds up:
#          it is never further away than planned.
#
# The side is that of the protective order. The result is a whole number of increments, from which
# the exact Decimal is formed outside; doubles never decide a digit. price -/+ distance carries
# binary noise (100 - 6 * 0.1 is 99.400000000000006), so a value within SNAP_RELATIVE of the price
# from the grid is taken to be on it, but never from further than SNAP_STEPS_MAX of an increment.

from libc.float cimport DBL_MAX
from libc.math cimport fabs, rint
from libc.stdint cimport int32_t, int64_t

cdef enum Side:
    BUY = 1
    SELL = -1

cdef enum Role:
    STOP = 0
    TARGET = 1

cdef enum:
    BANDS_MAX = 64

cdef struct Band:              # prices from `edge` on are multiples of `increment`
    double edge
    double increment

# No legal price: it would not be above 0, or an input is not a finite number above 0.
cdef enum:
    NO_PRICE = 0

cdef inline double protective_level(double price, double distance, Side side, Role role) noexcept nogil:
    # A sell stop and a buy target lie below the price.
    return price - distance if (side == SELL) == (role == STOP) else price + distance

# The whole number next to 0 < x < 2**52, of two the even one: doubles from 2**52 on have no
# fraction, so adding it rounds. What rint() does, but on processors that lack the instruction
# for it, as the compiler has to assume, that is a call.
cdef inline double nearest_whole(double x) noexcept nogil:
    return (x + 4503599627370496.0) - 4503599627370496.0

cdef inline int64_t steps_toward(double level, double scale, double increment, bint up) noexcept nogil:
    cdef double steps = level / increment
    cdef double noise = 1e-9 * scale / increment     # SNAP_RELATIVE
    cdef double nearest
    if noise > 0.01:                                 # SNAP_STEPS_MAX
        noise = 0.01
    if not 0.0 < steps < 9007199254740992.0:         # 2**53: beyond it doubles skip integers
        return NO_PRICE
    if steps >= 4503599627370496.0:
        return <int64_t>steps
    nearest = nearest_whole(steps)
    if fabs(steps - nearest) <= noise:
        return <int64_t>nearest
    if up:
        return <int64_t>nearest + (nearest < steps)
    return <int64_t>nearest - (nearest > steps)

# Whole increments of the protective price, NO_PRICE when there is none.
cdef inline int64_t protective_steps(
    double price, double distance, Side side, double increment, Role role
) noexcept nogil:
    if not (0.0 < price < DBL_MAX and 0.0 < distance < DBL_MAX and 0.0 < increment < DBL_MAX):
        return NO_PRICE
    return steps_toward(
        protective_level(price, distance, side, role), price, increment, (side == SELL) == (role == STOP)
    )

# The double nearest to steps * increment as decimals: 9940 * 0.01 is 99.4, not 99.4 and a bit.
cdef inline double on_grid(int64_t steps, double increment) noexcept nogil:
    cdef double parts = rint(1.0 / increment)
    if parts >= 1.0 and fabs(parts * increment - 1.0) <= 1e-12:
        return steps / parts
    return steps * increment

# The same as a double; NaN when there is none.
cdef double protective(
    double price, double distance, Side side, double increment, Role role
) noexcept nogil
# With banded increments: the band is that of the unrounded level; an edge belongs to both bands.
cdef int64_t protective_in(
    const Band* bands, int32_t count, double price, double distance, Side side, Role role, int32_t* band
) noexcept nogil

cdef class Bands:
    cdef Band band_at[BANDS_MAX]
    cdef readonly int32_t count
