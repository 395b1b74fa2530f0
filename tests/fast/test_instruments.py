"""Memory of one instrument: layout, first values, settings."""

import os

import pytest

from _fast.instruments import INSTRUMENT_DTYPE
from _fast.market import Market
from bench.processes import answer


def test_memory_is_laid_out_as_the_struct_says():
    names = ["bid", "ask", "last", "bid_size", "ask_size", "last_size", "volume", "atr"]
    names += ["spread", "mid", "quote_ns", "trade_ns", "ticks", "late_trades"]
    expected = {name: (8 * i, 8) for i, name in enumerate(names)}
    expected |= {"halted": (112, 2), "shortable": (114, 2)}
    small = ["data_type", "trades_from", "atr_ready"]
    expected |= {name: (116 + 4 * i, 4) for i, name in enumerate(small)}
    fields = INSTRUMENT_DTYPE.fields

    assert expected == {name: (offset, kind.itemsize) for name, (kind, offset) in fields.items()}
    assert INSTRUMENT_DTYPE.itemsize == 128


def test_nothing_is_known_at_first():
    market = Market()
    market.add()

    assert market.view(0) == (None, None, None, 0, 0, None, -1, 1, 0)


@pytest.mark.parametrize(("capacity", "kept"), [(1, 512), (2_340, 512), (10_000, 119)])
def test_the_rings_of_many_instruments_are_shorter(capacity, kept):
    assert Market(capacity=capacity).bars_max == kept
    assert Market(capacity=capacity, bars_max=7).bars_max == 7


@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="measures the sanitiser")
def test_ten_thousand_instruments_with_all_their_bars_stay_small():
    early, late = answer("bench.peers.memory")

    assert 5_000_000 < early < 110_000_000  # no huge pages behind the first bar of each
    assert early + 15_000_000 < late < 150_000_000


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"bar_seconds": 0}, "1 to 86400 seconds, not 0"),
        ({"bar_seconds": 86_401}, "1 to 86400"),
        ({"atr_period": 0}, "atr period"),
        ({"atr_mean": "x"}, "atr mean"),
        ({"trades_from": 3}, "trades_from is 0 last"),
        ({"bar_seconds": 7, "trades_from": 2}, "do not fill 7"),
    ],
)
def test_wrong_settings_add_nothing(settings, reason):
    market = Market()
    with pytest.raises(ValueError, match=reason):
        market.add(**settings)

    assert market.count == 0
