"""Rows of a tick file, many at once: text to columns."""

from libc.stdint cimport int64_t, uint8_t

cdef enum:
    DIGITS_MAX = 15            # a decimal of so many digits, divided once, is the nearest double
    DAY_MS = 86_400_000

cdef double[16] POWERS
cdef int _power
POWERS[0] = 1.0
for _power in range(1, 16):
    POWERS[_power] = POWERS[_power - 1] * 10.0


cdef struct Scan:
    const uint8_t* at
    const uint8_t* end


cdef inline int64_t digits(Scan* scan, int64_t found, int* count) noexcept nogil:
    """The digits here, behind those of `found`; `count` grows by them, and beyond DIGITS_MAX it is
    no number of ours."""
    while scan.at < scan.end and 48 <= scan.at[0] <= 57 and count[0] <= DIGITS_MAX:
        found = found * 10 + (scan.at[0] - 48)
        scan.at += 1
        count[0] += 1
    return found


cdef inline bint comma(Scan* scan) noexcept nogil:
    if scan.at < scan.end and scan.at[0] == 44:
        scan.at += 1
        return True
    return False


cdef inline bint line_ended(Scan* scan, bint whole) noexcept nogil:
    """A line feed, a carriage return, or both; or the end of the file, if this is the `whole`."""
    if scan.at == scan.end:
        return whole
    if scan.at[0] == 10:
        scan.at += 1
        return True
    if scan.at[0] == 13 and (scan.at + 1 < scan.end or whole):
        scan.at += 1
        if scan.at < scan.end and scan.at[0] == 10:
            scan.at += 1
        return True
    return False


def parse(
    bytes text not None, Py_ssize_t start, bint whole, int64_t origin_ns, int64_t previous_ms,
    int64_t[::1] times, uint8_t[::1] kinds, double[::1] prices, int64_t[::1] sizes,
):
    cdef Scan scan
    cdef const uint8_t* begin = <const uint8_t*><const char*>text
    cdef const uint8_t* row
    cdef Py_ssize_t n = 0
    cdef Py_ssize_t room = times.shape[0]
    cdef int64_t time_ms, size, number
    cdef uint8_t kind
    cdef double price
    cdef int count, decimals
    if not (room == kinds.shape[0] == prices.shape[0] == sizes.shape[0]):
        raise ValueError("the columns are of equal length")
    if not 0 <= start <= len(text):
        raise ValueError(f"rows start at 0 to {len(text)}, not {start}")
    scan.at = row = begin + start
    scan.end = begin + len(text)
    with nogil:
        while n < room and scan.at < scan.end:
            count = 0
            time_ms = digits(&scan, 0, &count)
            if not 0 < count <= DIGITS_MAX or not comma(&scan):
                break
            if scan.at == scan.end:
                break
            kind = scan.at[0]
            scan.at += 1
            if not comma(&scan):
                break
            count = 0
            number = digits(&scan, 0, &count)
            decimals = 0
            if count and scan.at < scan.end and scan.at[0] == 46:
                scan.at += 1
                decimals = -count
                number = digits(&scan, number, &count)
                decimals += count
                if decimals == 0:
                    break
            if not 0 < count <= DIGITS_MAX:
                break
            price = <double>number / POWERS[decimals]
            if not comma(&scan):
                break
            count = 0
            size = digits(&scan, 0, &count)
            if not 0 < count <= DIGITS_MAX or not line_ended(&scan, whole):
                break
            if not (previous_ms <= time_ms < DAY_MS and price > 0.0):
                break
            if kind != 65 and kind != 66 and kind != 84:
                break
            previous_ms = time_ms
            times[n] = origin_ns + time_ms * 1_000_000
            kinds[n] = kind
            prices[n] = price
            sizes[n] = size
            n += 1
            row = scan.at
    return n, row - begin, previous_ms
