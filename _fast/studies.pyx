"""Indicators of an instrument, kept up with its bars; see studies.pxd."""

cimport cython
from libc.math cimport NAN, isnan
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memmove

from _fast.averages cimport Ema, Sma, Wma, sma_push, smooth_push, wma_push
from _fast.averages cimport SmaState, Smooth, WmaState
from _fast.channels cimport (
    Bollinger, BollingerState, Donchian, DonchianState, Keltner, KeltnerState, Lines,
    bollinger_push, donchian_push, keltner_push,
)
from _fast.conditions cimport UNSURE, Condition, watch_add
from _fast.deviations cimport DeviationState, StdDev, deviation_push
from _fast.oscillators cimport (
    Macd, MacdLines, MacdState, Roc, RocState, Rsi, RsiState, Stochastic, StochasticLines,
    StochasticState, macd_push, roc_push, rsi_push, stochastic_push,
)
from _fast.ranges cimport Atr, AtrState, atr_push
from _fast.trend cimport Adx, AdxState, Trend, adx_push
from _fast.types cimport NUMBER_MAX, fast_assert
from _fast.volume cimport VolumeAverage
from _fast.windows cimport Stream

_MADE = {
    "open": (OPEN, 1, None),
    "high": (HIGH, 1, None),
    "low": (LOW, 1, None),
    "close": (CLOSE, 1, None),
    "volume": (VOLUME, 1, None),
    "sma": (SMA, 1, Sma),
    "ema": (EMA, 1, Ema),
    "wma": (WMA, 1, Wma),
    "rsi": (RSI, 1, Rsi),
    "roc": (ROC, 1, Roc),
    "stddev": (STDDEV, 1, StdDev),
    "atr": (ATR, 1, Atr),
    "volume_average": (VOLUME_AVERAGE, 1, VolumeAverage),
    "macd": (MACD, 3, Macd),
    "stochastic": (STOCHASTIC, 2, Stochastic),
    "adx": (ADX, 3, Adx),
    "bollinger": (BOLLINGER, 3, Bollinger),
    "keltner": (KELTNER, 3, Keltner),
    "donchian": (DONCHIAN, 3, Donchian),
}
FAMILIES = {name: lines for name, (_, lines, _) in _MADE.items()}


cdef inline void put(Study* study, Lines lines) noexcept nogil:
    study.values[0] = lines.upper
    study.values[1] = lines.middle
    study.values[2] = lines.lower


cdef void study_push(Study* study, const Bar* bar) noexcept nogil:
    cdef void* state = study.state
    cdef double* value = &study.values[0]
    cdef int32_t family = study.family
    cdef MacdLines macd
    cdef StochasticLines place
    cdef Trend trend
    memcpy(&study.before[0], value, sizeof(study.values))
    study.bars += 1
    if family == EMA:
        value[0] = smooth_push(<Smooth*>state, bar.close)
    elif family == SMA:
        value[0] = sma_push(<SmaState*>state, bar.close)
    elif family == WMA:
        value[0] = wma_push(<WmaState*>state, bar.close)
    elif family == CLOSE:
        value[0] = bar.close
    elif family == OPEN:
        value[0] = bar.open
    elif family == HIGH:
        value[0] = bar.high
    elif family == LOW:
        value[0] = bar.low
    elif family == VOLUME:
        value[0] = bar.volume
    elif family == RSI:
        value[0] = rsi_push(<RsiState*>state, bar.close)
    elif family == ROC:
        value[0] = roc_push(<RocState*>state, bar.close)
    elif family == STDDEV:
        value[0] = deviation_push(<DeviationState*>state, bar.close)
    elif family == ATR:
        value[0] = atr_push(<AtrState*>state, bar.high, bar.low, bar.close)
    elif family == VOLUME_AVERAGE:
        value[0] = sma_push(<SmaState*>state, bar.volume)
    elif family == MACD:
        macd = macd_push(<MacdState*>state, bar.close)
        value[0], value[1], value[2] = macd.line, macd.signal, macd.histogram
    elif family == STOCHASTIC:
        place = stochastic_push(<StochasticState*>state, bar.high, bar.low, bar.close)
        value[0], value[1] = place.k, place.d
    elif family == ADX:
        trend = adx_push(<AdxState*>state, bar.high, bar.low, bar.close)
        value[0], value[1], value[2] = trend.adx, trend.plus, trend.minus
    elif family == BOLLINGER:
        put(study, bollinger_push(<BollingerState*>state, bar.close))
    elif family == KELTNER:
        put(study, keltner_push(<KeltnerState*>state, bar.high, bar.low, bar.close))
    elif family == DONCHIAN:
        put(study, donchian_push(<DonchianState*>state, bar.high, bar.low))


cdef void studies_push(Studies* studies, const Bar* bar) noexcept nogil:
    cdef int32_t i
    for i in range(studies.count):
        study_push(studies.items[i], bar)


cdef int studies_meet(
    Studies* studies, int32_t row, int64_t time_ns, Fire* out, int room, uint64_t* refused
) noexcept nogil:
    cdef Meeting* meeting
    cdef double left, right
    cdef bint truth
    cdef int fired = 0
    cdef int32_t i
    for i in range(studies.meeting_count):
        meeting = &studies.meetings[i]
        left = meeting.left[0]
        right = meeting.level if meeting.right is NULL else meeting.right[0]
        if isnan(left) or isnan(right):
            continue
        truth = left <= right if meeting.below else left >= right
        if meeting.strict and left == right:
            truth = False
        if truth == meeting.latched:
            continue
        if truth and meeting.latched != UNSURE:
            if fired == room:
                refused[0] += 1
                continue
            out[fired].value = left
            out[fired].time_ns = time_ns
            out[fired].condition_id = meeting.id
            out[fired].row = row
            fired += 1
        meeting.latched = truth
    return fired


cdef inline Condition* floated(const Floating* floating, Watch* watch) noexcept nogil:
    fast_assert(floating.place < watch.count and watch.items[floating.place].id == floating.id)
    return &watch.items[floating.place]


cdef uint32_t studies_float(Studies* studies, Watch* watch) noexcept nogil:
    cdef Condition* condition
    cdef uint32_t moved = 0
    cdef int32_t i
    for i in range(studies.float_count):
        condition = floated(&studies.floats[i], watch)
        condition.level = studies.floats[i].level[0]
        watch.quiet[condition.column].low = watch.quiet[condition.column].high = NAN
        moved |= <uint32_t>1 << condition.column
    return moved


cdef void unsure(Studies* studies, Watch* watch) noexcept nogil:
    cdef Meeting* meeting
    cdef Condition* condition
    cdef int32_t i
    for i in range(studies.meeting_count):
        meeting = &studies.meetings[i]
        if not isnan(meeting.left[0]) and (meeting.right is NULL or not isnan(meeting.right[0])):
            meeting.latched = UNSURE
    for i in range(studies.float_count):
        condition = floated(&studies.floats[i], watch)
        if not isnan(condition.level):
            condition.latched = UNSURE


# -- memory --------------------------------------------------------------------------------------


cdef void* grown(void* items, int32_t count, size_t size) except NULL:
    cdef void* more = realloc(items, (count + 1) * size)
    if more is NULL:
        raise MemoryError
    return more


cdef int meeting_add(Studies* studies, Meeting meeting) except -1:
    studies.meetings = <Meeting*>grown(studies.meetings, studies.meeting_count, sizeof(Meeting))
    studies.meetings[studies.meeting_count] = meeting
    studies.meeting_count += 1
    return 0


cdef int floating_add(
    Studies* studies, const double* level, Watch* watch, Condition condition
) except -1:
    studies.floats = <Floating*>grown(studies.floats, studies.float_count, sizeof(Floating))
    watch_add(watch, condition)
    studies.floats[studies.float_count] = Floating(level, condition.id, watch.count - 1)
    studies.float_count += 1
    return 0


cdef void studies_drop(Studies* studies, int32_t id, int32_t place) noexcept nogil:
    cdef int32_t i
    for i in range(studies.meeting_count):
        if studies.meetings[i].id == id:
            studies.meeting_count -= 1
            memmove(
                &studies.meetings[i], &studies.meetings[i + 1],
                (studies.meeting_count - i) * sizeof(Meeting),
            )
            return
    i = 0
    while i < studies.float_count:
        if studies.floats[i].id == id:
            studies.float_count -= 1
            memmove(
                &studies.floats[i], &studies.floats[i + 1],
                (studies.float_count - i) * sizeof(Floating),
            )
        else:
            studies.floats[i].place -= studies.floats[i].place > place
            i += 1


cdef inline bint points_into(const double* value, const Study* study) noexcept nogil:
    return &study.values[0] <= value < &study.values[0] + LINES_MAX


cdef bint study_is_read(const Studies* studies, const Study* study) noexcept nogil:
    cdef int32_t i
    for i in range(studies.meeting_count):
        if points_into(studies.meetings[i].left, study):
            return True
        if studies.meetings[i].right is not NULL and points_into(studies.meetings[i].right, study):
            return True
    for i in range(studies.float_count):
        if points_into(studies.floats[i].level, study):
            return True
    return False


cdef void studies_free(Studies* studies) noexcept nogil:
    if studies is not NULL:
        free(studies.items)
        free(studies.meetings)
        free(studies.floats)
        free(studies)


# -- what a study computes with ------------------------------------------------------------------


cdef void* state_of(int32_t family, object stream) except? NULL:
    if family == SMA:
        return &(<Sma>stream).state
    if family == EMA:
        return &(<Ema>stream).state
    if family == WMA:
        return &(<Wma>stream).state
    if family == RSI:
        return &(<Rsi>stream).state
    if family == ROC:
        return &(<Roc>stream).state
    if family == STDDEV:
        return &(<StdDev>stream).state
    if family == ATR:
        return &(<Atr>stream).state
    if family == VOLUME_AVERAGE:
        return &(<VolumeAverage>stream).state
    if family == MACD:
        return &(<Macd>stream).state
    if family == STOCHASTIC:
        return &(<Stochastic>stream).state
    if family == ADX:
        return &(<Adx>stream).state
    if family == BOLLINGER:
        return &(<Bollinger>stream).state
    if family == KELTNER:
        return &(<Keltner>stream).state
    return &(<Donchian>stream).state


@cython.final
cdef class Follower:
    """One indicator of one instrument."""

    def __cinit__(self, family, parameters=()):
        if family not in _MADE:
            raise ValueError(f"an indicator is one of {', '.join(_MADE)}, not {family!r}")
        number, lines, made = _MADE[family]
        if made is None and parameters:
            raise ValueError(f"{family} takes no parameters")
        try:
            self.stream = None if made is None else made(*parameters)
        except TypeError as problem:
            raise ValueError(f"{family}: {problem}") from None
        self.warmup = 1 if made is None else (<Stream>self.stream).warmup
        self.study.family = number
        self.study.lines = lines
        self.study.state = NULL if made is None else state_of(number, self.stream)
        self.begin()

    cdef void begin(self):
        """As if no bar had come."""
        cdef int i
        if self.stream is not None:
            self.stream.reset()
        self.study.bars = 0
        for i in range(LINES_MAX):
            self.study.values[i] = self.study.before[i] = NAN


cdef dict followers_of(Studies** studies, dict known, object wanted):
    cdef Follower follower
    cdef Study** items
    cdef int32_t count = 0
    made = {}
    for key in wanted:
        if key not in made:
            made[key] = known[key] if key in known else Follower(*key)
    for key, follower in known.items():
        if key not in made and study_is_read(studies[0], &follower.study):
            raise ValueError(f"a condition reads {key[0]}{key[1]}: drop it first")
    if studies[0] is NULL:
        studies[0] = <Studies*>calloc(1, sizeof(Studies))
        if studies[0] is NULL:
            raise MemoryError
    items = <Study**>calloc(len(made) + 1, sizeof(Study*))
    if items is NULL:
        raise MemoryError
    for follower in made.values():
        items[count] = &follower.study
        count += 1
    free(studies[0].items)
    studies[0].items = items
    studies[0].count = count
    return made


cdef int feed(list followers, const Bar[::1] bars) except -1:
    cdef Follower follower
    cdef Py_ssize_t i
    for follower in followers:
        for i in range(bars.shape[0]):
            study_push(&follower.study, &bars[i])
    return 0


cdef int begin(dict followers, Studies* studies, Watch* watch) except -1:
    cdef Follower follower
    if studies is not NULL:
        unsure(studies, watch)
    for follower in followers.values():
        follower.begin()
    return 0


cdef const double* line_of(dict followers, object operand) except NULL:
    cdef Follower follower
    try:
        family, parameters, line = operand if isinstance(operand, tuple) else ()
        follower = followers.get((family, parameters))
        there = follower is not None and 0 <= line < follower.study.lines
    except (TypeError, ValueError):
        raise ValueError(f"an indicator is (family, parameters, line), not {operand!r}") from None
    if follower is None:
        raise ValueError(f"{family}{parameters} is not followed")
    if not there:
        raise ValueError(f"{family} has the lines 0 to {follower.study.lines - 1}, not {line}")
    return &follower.study.values[<int>line]


cdef Meeting meeting_of(
    dict followers, object left, object right, Condition condition
) except *:
    cdef Meeting meeting
    meeting.left = line_of(followers, left)
    meeting.right = NULL
    meeting.level = NAN
    if isinstance(right, (int, float)):
        meeting.level = right
        if not -NUMBER_MAX < meeting.level < NUMBER_MAX:
            raise ValueError(f"a condition's level is a finite number, not {right}")
    else:
        meeting.right = line_of(followers, right)
    meeting.id = condition.id
    meeting.below = condition.below
    meeting.strict = condition.strict
    meeting.latched = condition.latched
    return meeting


cdef list shown(dict followers):
    cdef Follower follower
    cdef int i
    found = []
    for follower in followers.values():
        lines = range(follower.study.lines)
        values = tuple([follower.study.values[<size_t>i] for i in lines])
        before = tuple([follower.study.before[<size_t>i] for i in lines])
        found.append((values, before, follower.study.bars, follower.warmup))
    return found
