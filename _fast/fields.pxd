# Reading the fields of one message, in both of the ways TWS writes them.
#
# Everything here is inline, needs no GIL, never looks beyond `end` and never stops half way: the
# first thing that is wrong is kept in `fault`, and every later read then gives nothing. So a
# decoder reads all its fields in order and asks once, at the end, whether they were there.
#
# Absent numbers are NaN (double) or 0 (integer). TWS says "absent" with an empty field, with
# 2147483647, 9223372036854775807, 1.7976931348623157E308, Infinity or NaN in text, and by
# leaving the field out in protobuf.

from libc.math cimport NAN
from libc.stdint cimport (
    INT32_MAX, INT32_MIN, INT64_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t,
)
from libc.string cimport memchr, memcmp, memcpy, memset

cdef enum Fault:
    FINE = 0
    MISSING = 1        # the payload ended before its fields did
    GARBAGE = 2        # not the number it should be, or one out of range
    TRUNCATED = 3      # protobuf: a value reaches beyond its message
    OVERLONG = 4       # protobuf: a varint of more than 64 bits
    WIRE_TYPE = 5      # protobuf: a known field written as another type, a group, or field 0
    HEADER = 6         # no message id
    ENCODING = 7       # not UTF-8

# Digits beyond these decide nothing that a sane peer sends; a longer number is GARBAGE.
cdef enum:
    NUMBER_BYTES_MAX = 1024

cdef struct Piece:
    const uint8_t* s
    size_t n

# A frame whose id has been read; `body` is what follows the id. Points into the frame.
cdef struct Message:
    int32_t id             # without the 200 that marks protobuf on the wire
    bint protobuf
    const uint8_t* body
    size_t n

# -- numbers ---------------------------------------------------------------------------------

cdef extern from *:
    """
    #include <float.h>
    #include <locale.h>
    #include <stdlib.h>
    /* strtod reads the decimal point of the process's locale, which the host program may change. */
    static locale_t fields_c_locale;
    __attribute__((constructor)) static void fields_open_locale(void) {
        fields_c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    }
    static double fields_strtod(const char *s) {
        return fields_c_locale ? strtod_l(s, NULL, fields_c_locale) : strtod(s, NULL);
    }
    static const double fields_power[] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    };
    #define MANTISSA_MAX ((uint64_t)1 << 53)  /* whole numbers up to here are doubles */
    #define UNSET_INT ((uint64_t)2147483647)
    """
    double fields_strtod(const char* s) nogil
    const double* fields_power
    double DBL_MAX
    const uint64_t MANTISSA_MAX
    const uint64_t UNSET_INT


cdef inline bint spelled(
    const uint8_t* s, size_t n, const char* word, size_t length
) noexcept nogil:
    return n == length and memcmp(s, word, length) == 0


cdef inline Fault read_integer(const uint8_t* s, size_t n, int64_t* out) noexcept nogil:
    """Decimal digits with an optional sign, nothing else; the whole of int64."""
    cdef uint64_t value = 0, limit = INT64_MAX
    cdef size_t i = 0
    cdef uint8_t digit
    cdef bint negative = False
    if n and (s[0] == c"-" or s[0] == c"+"):
        negative = s[0] == c"-"
        limit += negative
        i = 1
    if i == n:
        return GARBAGE
    while i < n:
        digit = <uint8_t>(s[i] - c"0")
        if digit > 9 or value > (limit - digit) // 10:
            return GARBAGE
        value = value * 10 + digit
        i += 1
    out[0] = <int64_t>(0 - value) if negative else <int64_t>value
    return FINE


cdef inline Fault read_double_slowly(const uint8_t* s, size_t n, double* out) noexcept nogil:
    cdef char text[NUMBER_BYTES_MAX + 1]
    memcpy(text, s, n)
    text[n] = 0
    out[0] = fields_strtod(text)
    if out[0] >= DBL_MAX or out[0] <= -DBL_MAX:
        out[0] = NAN
    return FINE


cdef inline Fault read_double(const uint8_t* s, size_t n, double* out) noexcept nogil:
    """The double nearest to the decimal, as Python's float() finds it; NaN if it says "absent".

    A mantissa below 2**53 times or over an exact power of ten is rounded once by the
    processor, hence exact (Clinger 1990); everything else goes to strtod.
    """
    cdef uint64_t mantissa = 0
    cdef int64_t exponent = 0, power = 0
    cdef size_t i = 0, digits = 0, exponent_from
    cdef uint8_t digit
    cdef bint negative = False, fraction = False, power_negative = False, exact = True
    if n == 0:
        out[0] = NAN
        return FINE
    if s[0] == c"-" or s[0] == c"+":
        negative = s[0] == c"-"
        i = 1
    while i < n:
        digit = <uint8_t>(s[i] - c"0")
        if digit <= 9:
            digits += 1
            exponent -= fraction
            if mantissa < 1000000000000000000ULL:
                mantissa = mantissa * 10 + digit
            else:
                exact = False
        elif s[i] == c"." and not fraction:
            fraction = True
        else:
            break
        i += 1
    if digits == 0:
        if spelled(s, n, "Infinity", 8) or spelled(s, n, "-Infinity", 9) or spelled(s, n, "NaN", 3):
            out[0] = NAN
            return FINE
        return GARBAGE
    if n > NUMBER_BYTES_MAX:
        return GARBAGE
    if i < n:
        if s[i] != c"e" and s[i] != c"E":
            return GARBAGE
        i += 1
        if i < n and (s[i] == c"-" or s[i] == c"+"):
            power_negative = s[i] == c"-"
            i += 1
        exponent_from = i
        while i < n:
            digit = <uint8_t>(s[i] - c"0")
            if digit > 9:
                return GARBAGE
            if power < 100000:
                power = power * 10 + digit
            i += 1
        if i == exponent_from:
            return GARBAGE
        exponent += -power if power_negative else power
    if not exact or mantissa > MANTISSA_MAX or exponent < -22 or exponent > 22:
        return read_double_slowly(s, n, out)
    out[0] = <double>mantissa
    if exponent < 0:
        out[0] /= fields_power[-exponent]
    else:
        out[0] *= fields_power[exponent]
    if negative:
        out[0] = -out[0]
    return FINE


cdef inline Fault read_size(const uint8_t* s, size_t n, double* out) noexcept nogil:
    """A quantity of market data: like read_double, and the integer sentinels are absent too."""
    if n >= 10 and (
        spelled(s, n, "2147483647", 10)
        or spelled(s, n, "9223372036854775807", 19)
        or spelled(s, n, "-9223372036854775808", 20)
    ):
        out[0] = NAN
        return FINE
    return read_double(s, n, out)


# -- text: every field ends with a NUL -------------------------------------------------------

cdef struct Text:
    const uint8_t* p
    const uint8_t* end
    Fault fault


cdef inline Piece text_piece(Text* t) noexcept nogil:
    """The next field. One without its NUL was cut off, and is MISSING."""
    cdef Piece piece
    cdef const uint8_t* q = t.p
    piece.s = t.p
    piece.n = 0
    if t.fault:
        return piece
    while q < t.end and q[0]:
        q += 1
    if q == t.end:
        t.fault = MISSING
        return piece
    piece.n = q - t.p
    t.p = q + 1
    return piece


cdef inline void text_skip(Text* t, int64_t count) noexcept nogil:
    """Pass over `count` fields; a count that the peer made up ends with the payload."""
    cdef const uint8_t* q
    while count > 0 and not t.fault:
        q = <const uint8_t*>memchr(t.p, 0, t.end - t.p) if t.p < t.end else NULL
        if q is NULL:
            t.fault = MISSING
            return
        t.p = q + 1
        count -= 1


# Nearly every number is one to eighteen digits with a point among them or without: those are read
# while the end of their field is looked for. Everything else is left as it was, for who reads
# slowly; what both read, they read alike.
cdef inline bint text_digits(Text* t, uint64_t* mantissa, uint32_t* decimals) noexcept nogil:
    cdef const uint8_t* q = t.p
    cdef const uint8_t* point = NULL
    cdef const uint8_t* end = t.end if t.end - t.p < 20 else t.p + 20
    cdef uint64_t value = 0
    cdef size_t digits
    cdef uint8_t digit
    if t.fault:
        return False
    while q < end:
        digit = <uint8_t>(q[0] - c"0")
        if digit <= 9:
            value = value * 10 + digit
        elif q[0] == c"." and point is NULL:
            point = q
        else:
            break
        q += 1
    digits = (q - t.p) - (point is not NULL)
    if q == end or q[0] or not 0 < digits <= 18:
        return False
    mantissa[0] = value
    decimals[0] = 0 if point is NULL else <uint32_t>(q - point - 1)
    t.p = q + 1
    return True


cdef inline int64_t text_long(Text* t) noexcept nogil:
    """An integer; empty is 0."""
    cdef int64_t value = 0
    cdef uint64_t digits
    cdef uint32_t decimals
    cdef const uint8_t* began = t.p
    cdef Piece piece
    if text_digits(t, &digits, &decimals) and not decimals and (t.p - 2)[0] != c".":
        return <int64_t>digits
    t.p = began
    piece = text_piece(t)
    if not t.fault and piece.n:
        t.fault = read_integer(piece.s, piece.n, &value)
    return value


cdef inline int32_t text_int(Text* t) noexcept nogil:
    cdef int64_t value = text_long(t)
    if not t.fault and (value > INT32_MAX or value < INT32_MIN):
        t.fault = GARBAGE
    return 0 if t.fault else <int32_t>value


cdef inline int32_t text_id(Text* t) noexcept nogil:
    """An integer without which the message means nothing: empty is GARBAGE."""
    if not t.fault and t.p < t.end and not t.p[0]:
        t.fault = GARBAGE
    return text_int(t)


cdef inline double text_double(Text* t) noexcept nogil:
    cdef double value = NAN
    cdef uint64_t digits
    cdef uint32_t decimals
    cdef const uint8_t* began = t.p
    cdef Piece piece
    if text_digits(t, &digits, &decimals) and digits <= MANTISSA_MAX:
        value = <double>digits
        return value / fields_power[decimals] if decimals else value
    t.p = began
    piece = text_piece(t)
    if not t.fault:
        t.fault = read_double(piece.s, piece.n, &value)
    return value


cdef inline double text_size(Text* t) noexcept nogil:
    cdef double value = NAN
    cdef uint64_t digits
    cdef uint32_t decimals
    cdef const uint8_t* began = t.p
    cdef Piece piece
    if text_digits(t, &digits, &decimals) and digits <= MANTISSA_MAX and digits != UNSET_INT:
        value = <double>digits
        return value / fields_power[decimals] if decimals else value
    t.p = began
    piece = text_piece(t)
    if not t.fault:
        t.fault = read_size(piece.s, piece.n, &value)
    return value


# -- protobuf --------------------------------------------------------------------------------

cdef enum Wire:
    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    FIXED32 = 5

# One value of a message. `there` tells a field that was sent from one that was not.
cdef struct Value:
    bint there
    uint8_t wire
    uint64_t number        # VARINT and FIXED: the bits; BYTES: the length
    const uint8_t* s       # BYTES


cdef inline Fault read_varint(const uint8_t** p, const uint8_t* end, uint64_t* out) noexcept nogil:
    cdef uint64_t value = 0
    cdef unsigned int shift = 0
    cdef uint8_t byte
    if p[0] < end and p[0][0] < 0x80:  # most of them
        out[0] = p[0][0]
        p[0] += 1
        return FINE
    while p[0] < end:
        byte = p[0][0]
        p[0] += 1
        if shift == 63 and byte > 1:
            return OVERLONG
        value |= <uint64_t>(byte & 0x7F) << shift
        if byte < 0x80:
            out[0] = value
            return FINE
        shift += 7
    return TRUNCATED


# Written out, so that compilers see one load in it.
cdef inline uint64_t little_endian(const uint8_t* p) noexcept nogil:
    return (
        <uint64_t>p[0] | <uint64_t>p[1] << 8 | <uint64_t>p[2] << 16 | <uint64_t>p[3] << 24
    )


cdef inline Fault read_fixed(
    const uint8_t** p, const uint8_t* end, int size, uint64_t* out
) noexcept nogil:
    if end - p[0] < size:
        return TRUNCATED
    out[0] = little_endian(p[0])
    if size == 8:
        out[0] |= little_endian(p[0] + 4) << 32
    p[0] += size
    return FINE


cdef inline Fault collect(const uint8_t* p, size_t n, Value* values, uint32_t count) noexcept nogil:
    """Fill values[1..count-1] by field number; higher numbers are unknown to us and passed over.

    The last of several wins, as protobuf has it for what is not repeated.
    """
    cdef const uint8_t* end = p + n
    cdef uint64_t key, number
    cdef uint32_t field
    cdef uint8_t wire
    cdef const uint8_t* s
    cdef Fault fault
    memset(values, 0, count * sizeof(Value))
    while p < end:
        fault = read_varint(&p, end, &key)
        if fault:
            return fault
        if key >> 32 or not key >> 3:
            return WIRE_TYPE
        field = <uint32_t>(key >> 3)
        wire = key & 7
        s = NULL
        if wire == VARINT or wire == BYTES:
            fault = read_varint(&p, end, &number)
        elif wire == FIXED64:
            fault = read_fixed(&p, end, 8, &number)
        elif wire == FIXED32:
            fault = read_fixed(&p, end, 4, &number)
        else:
            return WIRE_TYPE
        if fault:
            return fault
        if wire == BYTES:
            if number > <uint64_t>(end - p):
                return TRUNCATED
            s = p
            p += number
        if field < count:
            values[field].there = True
            values[field].wire = wire
            values[field].number = number
            values[field].s = s
    return FINE


cdef inline int64_t value_long(const Value* value, Fault* fault) noexcept nogil:
    if not value.there:
        return 0
    if value.wire != VARINT:
        fault[0] = WIRE_TYPE
        return 0
    return <int64_t>value.number


cdef inline int32_t value_int(const Value* value, Fault* fault) noexcept nogil:
    cdef int64_t number = value_long(value, fault)
    if number > INT32_MAX or number < INT32_MIN:
        fault[0] = GARBAGE
        return 0
    return <int32_t>number


cdef inline int32_t value_id(const Value* value, Fault* fault) noexcept nogil:
    """An integer without which the message means nothing."""
    if not value.there:
        fault[0] = MISSING
    return value_int(value, fault)


cdef inline double value_double(const Value* value, Fault* fault) noexcept nogil:
    cdef double number
    if not value.there:
        return NAN
    if value.wire != FIXED64:
        fault[0] = WIRE_TYPE
        return NAN
    memcpy(&number, &value.number, sizeof(double))
    return number if -DBL_MAX < number < DBL_MAX else NAN


cdef inline Piece value_piece(const Value* value, Fault* fault) noexcept nogil:
    """The bytes of a string or of a message within; empty if it was not sent."""
    cdef Piece piece
    piece.s = value.s
    piece.n = 0
    if value.there:
        if value.wire != BYTES:
            fault[0] = WIRE_TYPE
        else:
            piece.n = <size_t>value.number
    return piece


cdef inline double value_size(const Value* value, Fault* fault) noexcept nogil:
    """A Decimal, which protobuf carries as text."""
    cdef double number = NAN
    cdef Piece piece = value_piece(value, fault)
    cdef Fault bad = read_size(piece.s, piece.n, &number)
    if bad:
        fault[0] = bad
    return number
