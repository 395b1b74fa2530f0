"""The figures of a report, against plain folds over what it lists."""

import csv
import io
import statistics
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest.figures import figures
from engine.backtest.ledger import LedgerTrade, as_csv
from engine.backtest.report import report

KINDS = ("BUY", "SHORT", "SELL", "BUY", "SHORT", "BUY", "SHORT", "BUY", "SELL")
MORNING = [
    (f"09:{32 + 2 * number}:00", symbol, kind)
    for number, kind in enumerate(KINDS)
    for symbol in ("IBM", "SPY")
]


def folded(rows):
    """Everything from scratch, over (result, commission) in order."""
    trades = wins = losses = 0
    realised = commission = profit = loss = peak = fall = squares = Decimal(0)
    best = worst = None
    for result, paid in rows:
        trades += 1
        realised += result
        commission += paid
        squares += result * result
        if result > 0:
            wins += 1
            profit += result
        if result < 0:
            losses += 1
            loss -= result
        if realised > peak:
            peak = realised
        if peak - realised > fall:
            fall = peak - realised
        best = result if best is None or result > best else best
        worst = result if worst is None or result < worst else worst
    downs = sum((one * one for one, _ in rows if one < 0), Decimal(0))
    spread = squares * trades - realised * realised  # n (n - 1) times the variance
    return {
        "trades": trades,
        "wins": wins,
        "losses": losses,
        "win_rate": Decimal(wins) / trades if trades else None,
        "realised": realised,
        "commission": commission,
        "gross_profit": profit,
        "gross_loss": loss,
        "best": best,
        "worst": worst,
        "expectancy": realised / trades if trades else None,
        "profit_factor": profit / loss if loss else None,
        "drawdown_max": fall,
        "sharpe": realised / trades / (spread / (trades * (trades - 1))).sqrt()
        if trades > 1 and spread
        else None,
        "sortino": realised / (trades * downs).sqrt() if trades > 1 and downs else None,
    }


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value is None:
            assert found[name] is None, name
        else:
            assert float(found[name]) == pytest.approx(float(value), rel=1e-9, abs=1e-9), name


def trade(result, commission=Decimal(2)):
    return LedgerTrade(
        symbol="IBM", side="long", quantity=Decimal(100), entry=Decimal(10), exit=Decimal(10),
        reason="target", realised=result, commission=commission, mae=0.0, mfe=0.0,
        opened_ns=0, closed_ns=1,
    )  # fmt: skip


def test_a_ledger_by_hand():
    made = figures([trade(Decimal(one)) for one in (10, -4, -2, 0, 6)])

    assert (made.trades, made.wins, made.losses) == (5, 2, 2)
    assert made.win_rate == Decimal("0.4")
    assert (made.realised, made.commission) == (10, 10)
    assert (made.gross_profit, made.gross_loss) == (16, 6)
    assert (made.best, made.worst, made.expectancy) == (10, -4, 2)
    assert made.profit_factor == Decimal(16) / 6
    assert made.drawdown_max == 6  # from 10 to 4
    assert made.sharpe == Decimal(2) / Decimal(34).sqrt()
    assert made.sortino == Decimal(1)  # 2 over the root of (16 + 4) / 5


def test_where_there_is_nothing_to_divide_by_there_is_no_figure():
    none, one, alike = (figures([trade(Decimal(5))] * count) for count in (0, 1, 3))

    assert (none.win_rate, none.expectancy, none.best, none.sharpe) == (None,) * 4
    assert (one.sharpe, one.profit_factor, one.drawdown_max) == (None, None, 0)
    assert alike.sharpe is None


def test_a_loss_at_the_very_beginning_is_a_drawdown():
    assert figures([trade(Decimal(-7)), trade(Decimal(3))]).drawdown_max == 7


money = st.decimals(-10_000, 10_000, places=4, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(money, money.map(abs)), max_size=40))
def test_any_ledger_is_folded_alike(rows):
    made = figures([trade(*row) for row in rows])
    expected = folded(rows)
    same({name: getattr(made, name) for name in expected}, expected)
    results = [Fraction(result) for result, _ in rows]
    if made.sharpe is not None:  # and by the standard library's exact variance
        spread = statistics.variance(results)
        assert float(made.sharpe) ** 2 == pytest.approx(
            float(statistics.mean(results) ** 2 / spread), rel=1e-9
        )


def test_the_figures_of_a_run_are_those_of_its_csv_and_its_executions(played, ticks, signals):
    outcome = played(
        [ticks(), ticks("SPY", seed=2)], signals(*MORNING), {"symbols": ["IBM", "SPY"]}
    )
    data = report(outcome, "s.toml")
    rows = list(csv.DictReader(io.StringIO(as_csv(outcome.trades).decode())))
    assert len(rows) >= 8

    def results(symbol=None):
        return [
            (Decimal(row["realised"]), Decimal(row["commission"]))
            for row in rows
            if symbol in (None, row["symbol"])
        ]

    same(data["total"], folded(results()))
    for symbol in ("IBM", "SPY"):
        same(data["symbols"][symbol], folded(results(symbol)))
    assert data["realised_pnl"] == pytest.approx(data["total"]["realised"])
    _check_money(data["executions"], data["total"])
    _check_exposure(data["executions"], data["exposure"], outcome)


def _check_money(executions, total):
    """What all shares cost and brought, which is all there is before commission."""
    cash = sum(
        Decimal(str(one["price"])) * one["quantity"] * (1 if one["side"] == "SELL" else -1)
        for one in executions
    )
    assert float(cash) - total["commission"] == pytest.approx(total["realised"], abs=1e-6)


def _check_exposure(executions, exposure, outcome):
    """The same sums from executions alone: seconds with shares, and dollars times seconds."""
    held, cost = {}, {}
    held_ns = weighted = 0
    for one, following in zip(executions, [*executions[1:], None], strict=True):
        symbol, shares = one["symbol"], one["quantity"] * (1 if one["side"] == "BUY" else -1)
        before = held.get(symbol, 0)
        after = held[symbol] = before + shares
        if before * shares >= 0:
            cost[symbol] = cost.get(symbol, 0.0) + one["price"] * abs(shares)
        elif after * before >= 0:
            cost[symbol] *= after / before if before else 0
        else:
            cost[symbol] = one["price"] * abs(after)
        if following is None:
            break
        lasts = following["time_ns"] - one["time_ns"]
        held_ns += lasts if any(held.values()) else 0
        weighted += sum(cost.values()) * lasts
    assert not any(held.values())
    played_s = outcome.exposure.played_ns / 1e9
    assert exposure["held_s"] == pytest.approx(held_ns / 1e9, abs=0.5)
    assert exposure["held_share"] == pytest.approx(held_ns / 1e9 / played_s, abs=1e-3)
    assert exposure["notional_mean"] == pytest.approx(weighted / 1e9 / played_s, rel=1e-3)
    assert played_s == pytest.approx(20 * 60 + 60, abs=3)


@given(st.lists(money, max_size=40))
def test_signs_and_bounds(results):
    made = figures([trade(one) for one in results])
    assert made.wins + made.losses <= made.trades == len(results)
    assert made.gross_profit - made.gross_loss == made.realised
    assert made.drawdown_max >= 0
    assert made.drawdown_max >= -made.realised  # it began at 0
    assert made.drawdown_max <= made.gross_loss
    if made.win_rate is not None:
        assert 0 <= made.win_rate <= 1
        assert made.worst <= made.expectancy + Decimal("1e-20")
        assert made.expectancy <= made.best + Decimal("1e-20")
    if made.profit_factor is not None:
        assert (made.profit_factor > 1) == (made.realised > 0)
    for ratio in (made.sharpe, made.sortino):
        if ratio is not None:
            assert (ratio > 0, ratio < 0) == (made.realised > 0, made.realised < 0)
    if made.sortino is not None:
        # No mean is lower than the root of the mean square.
        assert made.sortino >= -1 - Decimal("1e-20")
        assert made.losses > 0


@given(st.lists(money, min_size=2, max_size=20), st.integers(2, 9))
def test_ratios_do_not_depend_on_the_size_of_money(results, times):
    small = figures([trade(one) for one in results])
    large = figures([trade(one * times) for one in results])
    for name in ("sharpe", "sortino", "profit_factor", "win_rate"):
        one, other = getattr(small, name), getattr(large, name)
        assert (one is None) == (other is None), name
        assert one is None or float(one) == pytest.approx(float(other), rel=1e-9, abs=1e-12)
    assert large.drawdown_max == times * small.drawdown_max
