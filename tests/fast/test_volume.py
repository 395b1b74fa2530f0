"""On-balance volume, session VWAP, average volume."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _fast.volume import Obv, VolumeAverage, Vwap, obv, volume_average, vwap
from tests.fast.indicators import walk

NAN = math.nan
PRICES = st.floats(0.01, 1e6)
TRADES = st.lists(
    st.tuples(PRICES | st.just(NAN), st.integers(0, 10**6) | st.just(NAN), st.integers(0, 3)),
    max_size=60,
)


def test_vwap_by_hand():
    stream = Vwap()

    assert stream.push(10.0, 100.0) == 10.0
    assert stream.push(13.0, 200.0) == 12.0
    assert stream.push(12.0, 0.0) == 12.0
    assert stream.push(8.0, 100.0) == 11.0


@given(TRADES)
def test_vwap_equals_the_plain_sums_of_each_session(trades):
    sessions = np.cumsum([step == 3 for *_, step in trades])
    result = vwap([p for p, *_ in trades], [v for _, v, _ in trades], sessions)
    stream = Vwap()
    for i, (price, size, _) in enumerate(trades):
        so_far = [t for t, s in zip(trades[: i + 1], sessions, strict=False) if s == sessions[i]]
        traded = [(p, v) for p, v, _ in so_far if v != 0]
        volume = math.fsum(v for _, v in traded)
        expected = math.fsum(p * v for p, v in traded) / volume if volume else NAN
        mine = stream.push(price, size, sessions[i])

        assert mine == result[i] or (math.isnan(mine) and math.isnan(result[i]))
        assert mine == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_a_new_session_begins_anew():
    result = vwap(
        [10.0, 20.0, 30.0, 50.0], [1.0, 1.0, 1.0, 1.0], [20240102, 20240102, 20240103, 20240103]
    )

    assert result.tolist() == [10.0, 15.0, 30.0, 40.0]


def test_nothing_traded_is_no_price():
    assert np.isnan(vwap([10.0, 11.0], [0.0, 0.0])).all()
    assert vwap([NAN, 11.0], [0.0, 5.0]).tolist()[1] == 11.0


@pytest.mark.parametrize(
    ("price", "volume"), [(NAN, 1.0), (10.0, NAN), (math.inf, 1.0), (10.0, math.inf), (10.0, -1.0)]
)
def test_a_vwap_that_lacks_a_trade_is_none_until_the_next_session(price, volume):
    prices, volumes = [10.0, price, 12.0, 13.0], [1.0, volume, 1.0, 1.0]

    assert np.isnan(vwap(prices, volumes)[1:]).all()
    assert vwap(prices, volumes, [1, 1, 1, 2])[3] == 13.0


def test_a_session_without_a_name_has_no_vwap():
    result = vwap([10.0, 11.0, 12.0], [1.0, 1.0, 1.0], [1.0, NAN, 2.0])

    assert np.isnan(result[1])
    assert result[2] == 12.0


def test_a_thousand_trades_at_one_price_have_that_price():
    sizes = np.random.default_rng(1).integers(1, 500, 1000)

    assert (vwap(np.full(1000, 0.1), sizes) == 0.1).all()


def test_obv_by_hand():
    close, volume = [10.0, 11.0, 11.0, 9.0, 9.5], [5.0, 3.0, 100.0, 4.0, 0.0]

    assert obv(close, volume).tolist() == [5.0, 8.0, 8.0, 4.0, 4.0]


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("odd", [NAN, math.inf, -math.inf])
def test_an_obv_that_lacks_a_bar_is_none_until_reset(column, odd):
    data = walk(50, seed=2)
    columns = [data["close"], data["volume"]]
    columns[column][20] = odd
    stream = Obv()
    pushed = [stream.push(*row) for row in zip(*columns, strict=True)]

    np.testing.assert_array_equal(pushed, obv(*columns))
    assert np.isfinite(pushed[:20]).all()
    assert np.isnan(pushed[20:]).all()
    assert not stream.ready
    stream.reset()
    assert stream.push(10.0, 7.0) == 7.0


def test_before_the_first_number_nothing_is_lost():
    close, volume = [NAN, NAN, 10.0, 11.0], [1.0, NAN, 5.0, 2.0]

    assert np.array_equal(obv(close, volume), [NAN, NAN, 5.0, 7.0], equal_nan=True)


def test_no_volume_averages_to_nothing():
    volumes = np.concatenate([np.random.default_rng(3).integers(0, 10**6, 500), np.zeros(60)])

    assert (volume_average(volumes, 20)[-40:] == 0.0).all()
    assert volume_average(volumes[:40], 20)[39] == volumes[20:40].sum() / 20


def test_the_average_goes_on_after_a_missing_volume():
    stream = VolumeAverage(2)

    assert [stream.push(v) for v in (4.0, 6.0)][1] == 5.0
    assert math.isnan(stream.push(NAN))
    assert math.isnan(stream.push(8.0))
    assert stream.push(10.0) == 9.0
