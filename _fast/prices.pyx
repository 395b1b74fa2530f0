"""Protective prices on the grid; the rounding rules are in prices.pxd."""

from libc.math cimport NAN

SIDES = {"BUY": BUY, "SELL": SELL}
ROLES = {"stop": STOP, "target": TARGET}
BANDS_COUNT_MAX = BANDS_MAX


cdef double protective(
    double price, double distance, Side side, double increment, Role role
) noexcept nogil:
    cdef int64_t steps = protective_steps(price, distance, side, increment, role)
    return NAN if steps == NO_PRICE else on_grid(steps, increment)


cdef int64_t protective_in(
    const Band* bands, int32_t count, double price, double distance, Side side, Role role, int32_t* band
) noexcept nogil:
    cdef double level = protective_level(price, distance, side, role)
    cdef int32_t i = 0
    while i + 1 < count and level >= bands[i + 1].edge:
        i += 1
    band[0] = i
    return protective_steps(price, distance, side, bands[i].increment, role)


cdef object named(object names, object name, str what):
    if name not in names:
        raise ValueError(f"{what} is {' or '.join(names)}, not {name!r}")
    return names[name]


cdef int refuse(double price, double distance) except -1:
    raise ValueError(f"no price above 0 lies {distance} from {price}")


def steps(double price, double distance, side, double tick, role):
    cdef int64_t found = protective_steps(
        price, distance, named(SIDES, side, "side"), tick, named(ROLES, role, "role")
    )
    if found == NO_PRICE:
        refuse(price, distance)
    return found


def level(double price, double distance, side, double tick, role):
    return on_grid(steps(price, distance, side, tick, role), tick)


cdef class Bands:
    """A price grid whose increment depends on the price, as IB's market rules state it."""

    def __cinit__(self, edges, increments):
        if not 1 <= len(edges) <= BANDS_MAX or len(edges) != len(increments):
            raise ValueError(f"a grid has 1 to {BANDS_MAX} edges and as many increments")
        if edges[0] != 0 or any(not b > a for a, b in zip(edges, edges[1:])):
            raise ValueError("band edges start at 0 and ascend")
        if any(not 0 < increment < DBL_MAX for increment in increments):
            raise ValueError("the increment of a price band is above 0")
        for i, (edge, increment) in enumerate(zip(edges, increments)):
            self.band_at[<int>i].edge = edge
            self.band_at[<int>i].increment = increment
        self.count = len(edges)

    def steps(self, double price, double distance, side, role):
        cdef int32_t band = 0
        cdef int64_t found = protective_in(
            self.band_at, self.count, price, distance,
            named(SIDES, side, "side"), named(ROLES, role, "role"), &band,
        )
        if found == NO_PRICE:
            refuse(price, distance)
        return found, band
