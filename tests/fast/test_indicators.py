"""The laws that all indicators share; they are written down in _fast/windows.pxd."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from _fast.averages import Sma, Wma, sma, wma
from _fast.channels import bollinger
from _fast.deviations import StdDev, stddev
from _fast.windows import PERIODS_MAX, Stream
from tests.fast.indicators import CASES, cut, troubled, walk

EACH = pytest.mark.parametrize("case", CASES, ids=str)
ANY = st.sampled_from(CASES)
ANY_ANEW = st.sampled_from([case for case in CASES if case.anew])
ANY_OF_DEGREE = st.sampled_from([case for case in CASES if case.degree is not None])
MANY = settings(max_examples=150)


@MANY
@given(case=ANY, data=troubled())
def test_stream_equals_array_to_the_last_bit(case, data):
    np.testing.assert_array_equal(case.pushed(case.new(), data), case.over(data))


@EACH
def test_long_arrays_equal_the_stream(case):
    data = walk(5_000, seed=11, tick=0.01)

    np.testing.assert_array_equal(case.pushed(case.new(), data), case.over(data))


@EACH
def test_split_anywhere_the_beginning_is_the_same(case):
    data = walk(333, seed=5)
    data["close"][200] = math.nan
    whole = case.over(data)

    for end in range(len(whole) + 1):
        np.testing.assert_array_equal(case.over(cut(data, slice(end))), whole[:end])


@EACH
def test_reset_anywhere_makes_it_as_new(case):
    data = walk(250, seed=6)
    expected = case.over(data)
    stream = case.new()
    for end in (0, 1, case.warmup - 1, case.warmup, case.warmup + 1, 200):
        case.pushed(stream, cut(data, slice(end)))
        stream.reset()

        assert not stream.ready
        assert np.isnan(np.atleast_1d(stream.value)).all()
        np.testing.assert_array_equal(case.pushed(stream, data), expected)
        stream.reset()


@EACH
def test_it_is_ready_when_its_warm_up_says(case):
    data = walk(2 * case.warmup + 5, seed=7)
    stream = case.new()
    ready = []
    for i in range(len(data["close"])):
        values = case.pushed(stream, cut(data, slice(i, i + 1)))
        ready.append(stream.ready)
        assert np.isnan(values).any() == (not stream.ready)

    assert stream.warmup == case.warmup
    assert ready == [i + 1 >= case.warmup for i in range(len(ready))]


@MANY
@given(case=ANY_ANEW, data=troubled())
def test_what_is_no_number_begins_anew(case, data):
    sound = np.all([np.isfinite(column) for column in case.columns(data)], axis=0)
    values = case.over(data)
    assert not np.isinf(values).any()
    for at in np.flatnonzero(~sound):
        assert np.isnan(values[at]).all()
        np.testing.assert_array_equal(values[at + 1 :], case.over(cut(data, slice(at + 1, None))))


@MANY
@given(case=ANY_ANEW, data=troubled())
def test_a_value_rests_on_as_many_numbers_as_the_warm_up(case, data):
    sound = np.all([np.isfinite(column) for column in case.columns(data)], axis=0)
    run = 0
    for ok, row in zip(sound, case.over(data), strict=True):
        run = run + 1 if ok else 0
        if run < case.warmup:
            assert np.isnan(row).any()
        elif case.stream.__name__ != "Imbalance":  # of no sizes at all there is none
            assert np.isfinite(row).all()


@MANY
@given(case=ANY, constant=st.floats(0.01, 1e6), n=st.integers(0, 600))
def test_a_constant_series_gives_exact_values(case, constant, n):
    flat = dict.fromkeys(("high", "low", "close", "volume", "size"), np.full(n, constant))
    values = case.over(flat)[case.warmup - 1 :]

    for column in values.T:
        assert np.isin(column, [constant, 0.0]).all()
        assert (column == column[0]).all() if len(column) else True


@EACH
def test_flat_bars_have_the_values_one_expects(case):
    n = case.warmup + 300
    flat = {
        "high": np.full(n, 3.5), "low": np.full(n, 3.0), "close": np.full(n, 3.25),
        "volume": np.full(n, 7.0), "size": np.full(n, 7.0),
    }  # fmt: skip

    assert (case.over(flat)[case.warmup - 1 :] == case.flat).all()


@MANY
@given(
    case=ANY_OF_DEGREE,
    seed=st.integers(0, 2**32 - 1),
    tick=st.sampled_from([0.0, 0.25]),
    power=st.integers(0, 400),
)
def test_a_power_of_two_scales_the_values_and_nothing_else(case, seed, tick, power):
    """Also at 1e120: nothing in here depends on prices being of a usual size."""
    data = walk(300, seed, tick)
    scaled = {name: np.ldexp(column, power) for name, column in data.items()}
    expected = np.ldexp(case.over(data), power * case.degree)

    np.testing.assert_array_equal(case.over(scaled), expected)


@MANY
@given(
    case=ANY,
    data=st.lists(st.sampled_from([0.0, 1.0, 1e-300, 1e154, 1e300, -1e308, 1.7e308])),
)
def test_at_the_limits_of_doubles_there_is_a_number_or_none(case, data):
    column = np.array(data, dtype=float)
    limits = {
        "high": np.maximum(column, column[::-1]), "low": np.minimum(column, column[::-1]),
        "close": column, "volume": np.abs(column), "size": np.ones(len(column)),
    }  # fmt: skip
    values = case.over(limits)

    np.testing.assert_array_equal(case.pushed(case.new(), limits), values)
    if case.stream.__name__ not in {"Obv", "Vwap"}:
        # Longer than a warm-up, because a seed may overflow, too, and begin anew.
        calm = np.full(3 * case.warmup, 2.0)
        later = {name: np.concatenate([column, calm]) for name, column in limits.items()}
        assert np.isfinite(case.over(later)[-1]).all()


@EACH
def test_an_empty_array_gives_an_empty_one(case):
    assert len(case.over(cut(walk(1, seed=1), slice(0)))) == 0


@EACH
def test_whatever_numpy_makes_an_array_of_will_do(case):
    data = {name: np.round(column * 4) / 4 for name, column in walk(100, seed=3).items()}
    expected = case.over(data)
    strided = {name: np.repeat(column, 2)[::2] for name, column in data.items()}
    frozen = {name: column.copy() for name, column in data.items()}
    for column in frozen.values():
        column.flags.writeable = False

    for other in (
        {name: column.tolist() for name, column in data.items()},
        {name: column.astype(np.float32) for name, column in data.items()},
        {name: column.astype(">f8") for name, column in data.items()},
        strided,
        frozen,
    ):
        np.testing.assert_array_equal(case.over(other), expected)


@EACH
def test_arrays_of_unequal_length_are_refused(case):
    columns = case.columns(walk(5, seed=1))
    if len(columns) == 1:
        with pytest.raises(ValueError, match="too deep"):
            case.array(columns[0].reshape(1, 5))
        return
    for short in range(len(columns)):
        given_ = [column[: 4 if i == short else 5] for i, column in enumerate(columns)]
        lengths = ", ".join(str(len(column)) for column in given_)
        with pytest.raises(ValueError, match=f" and .* are of equal length, not {lengths}$"):
            case.array(*given_)
    with pytest.raises(ValueError, match="object of too small depth"):
        case.array(columns[0], *[None] * (len(columns) - 1))


@pytest.mark.parametrize("period", [0, -1, PERIODS_MAX + 1, 10**30])
@EACH
def test_periods_out_of_range_are_refused(case, period):
    for position, value in enumerate(case.parameters):
        if not isinstance(value, int):
            continue
        wrong = (*case.parameters[:position], period, *case.parameters[position + 1 :])
        reason = f" period is 1 to {PERIODS_MAX} bars, not {period}$"
        with pytest.raises(ValueError, match=reason):
            case.stream(*wrong)
        with pytest.raises(ValueError, match=reason):
            case.array(*case.columns(walk(3, seed=1)), *wrong)


@pytest.mark.parametrize("period", [2.5, "14", None])
def test_a_period_is_a_whole_number(period):
    with pytest.raises(TypeError):
        Sma(period)


@pytest.mark.parametrize(
    "stream", sorted({case.stream for case in CASES if len(case.parameters) == 1}, key=str)
)
def test_the_longest_period_is_taken(stream):
    assert stream(PERIODS_MAX).warmup >= PERIODS_MAX


def test_a_stream_of_nothing_is_never_ready():
    assert not Stream().ready


@pytest.mark.parametrize("n", [5, 20, 200])
def test_sums_do_not_drift(n):
    values = walk(200_000, seed=9)["close"]
    windows = np.lib.stride_tricks.sliding_window_view(values, n)[-500:].astype(np.longdouble)
    weights = np.arange(1, n + 1)

    for mine, exact in (
        (sma(values, n), windows.mean(axis=1)),
        (wma(values, n), (windows * weights).sum(axis=1) / weights.sum()),
        (stddev(values, n), windows.std(axis=1)),
    ):
        np.testing.assert_allclose(mine[-500:], exact.astype(float), rtol=1e-12)


@pytest.mark.parametrize("make", [Sma, Wma, StdDev])
def test_a_spike_is_forgotten_to_the_last_digit(make):
    stream = make(14)
    for x in [100.0] * 20 + [1e9] + [100.25] * 400:
        stream.push(x)

    assert stream.value == (0.0 if make is StdDev else 100.25)


def test_the_mean_of_whole_numbers_is_exact():
    volumes = np.random.default_rng(4).integers(0, 10**6, 3_000).astype(float)
    expected = [volumes[i - 16 : i].sum() / 16 for i in range(16, 3_001)]

    assert sma(volumes, 16)[15:].tolist() == expected


@EACH
def test_arrays_may_be_computed_by_many_threads_at_once(case):
    data = walk(5_000, seed=2)
    expected = case.over(data)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: case.over(data), range(8)):
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("width", [-1.0, math.nan, math.inf, 1e7])
def test_a_width_out_of_range_is_refused(width):
    with pytest.raises(ValueError, match="bollinger width is 0 to 1e6, not"):
        bollinger([1.0], 1, width)
