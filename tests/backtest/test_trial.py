"""The engine over days of ticks: every day a run of its own, the same start the same bytes."""

from datetime import date
from decimal import Decimal

import orjson
import pytest

from engine.backtest.ledger import as_csv
from engine.backtest.plan import planned
from engine.backtest.report import lines, report
from engine.backtest.trial import Backtest
from engine.config import from_mapping
from engine.errors import DataFileError, UserError
from engine.sim import instruments
from engine.sim.market import read_ticks
from engine.sim.policies import Policies
from tests.backtest.conftest import SETTINGS

FIRST, SECOND = date(2024, 1, 3), date(2024, 1, 4)
STRATEGY = "s.toml"
MORNING = (
    ("09:32:00", "IBM", "BUY"),
    ("09:36:00", "IBM", "SHORT"),
    ("09:40:00", "IBM", "BUY"),
    ("09:44:00", "IBM", "SELL"),
)


def bytes_of(outcome):
    return orjson.dumps(report(outcome, STRATEGY)), as_csv(outcome.trades), lines(outcome)


def test_signals_become_trades_of_the_ledger(played, ticks, signals):
    outcome = played([ticks()], signals(*MORNING))

    assert outcome.whole
    assert [one.side for one in outcome.trades[:2]] == ["long", "short"]
    assert len(outcome.trades) >= 3
    for one in outcome.trades:
        sign = 1 if one.side == "long" else -1
        assert one.quantity == 300
        # What was made is the way from entry to exit, less commission: no cent is lost.
        gained = (one.exit - one.entry) * sign * one.quantity - one.commission
        assert round(gained, 6) == round(one.realised, 6)
        assert one.commission == 3  # 2 x 300 shares at half a cent
        assert one.opened_ns < one.closed_ns
    assert outcome.exchange["position"] == {"IBM": 0}


def test_the_same_inputs_give_the_same_bytes_and_another_latency_does_not(played, ticks, signals):
    data, plan = ticks(), signals(*MORNING)
    one, again, later = (played([data], plan, latency_ms=ms) for ms in (5, 5, 400))

    assert bytes_of(one) == bytes_of(again)
    assert one.journal != later.journal
    assert report(one, STRATEGY)["trades"] != report(later, STRATEGY)["trades"]


@pytest.mark.parametrize("latency_ms", [4_000, 30_000])
def test_a_long_way_to_the_exchange_is_no_dialog_in_its_window(played, ticks, signals, latency_ms):
    """Every latency that may be said connects."""
    wide = {"stop": {"percent": 30}, "target": []}
    outcome = played([ticks()], signals(("09:40:00", "IBM", "BUY")), wide, latency_ms=latency_ms)

    assert outcome.exchange["position"] == {"IBM": 300}


@pytest.mark.parametrize("quoted", [True, False])
def test_excursions_are_those_of_every_tick_between_entry_and_exit(played, ticks, signals, quoted):
    """By a plain look at the file: what the bid (long) or ask (short) did while it was held, or
    the last trade where there are no quotes."""
    data = ticks()
    if not quoted:
        rows = data.read_text().splitlines(keepends=True)
        data.write_text("".join([rows[0], *(row for row in rows if ",T," in row)]))
    outcome = played([data], signals(*MORNING), latency_ms=0)
    assert len(outcome.trades) >= 3
    for one in outcome.trades:
        sign, side = (1, "B") if one.side == "long" else (-1, "A")
        seen = [
            (tick.price - float(one.entry)) * sign
            for tick in read_ticks(data)
            if tick.kind == (side if quoted else "T")
            and one.opened_ns + 10**9 < tick.time_ns < one.closed_ns - 10**9
        ]
        assert len(seen) > 10
        against, with_it = -min(0.0, *seen), max(0.0, *seen)
        # Seen are also the fills themselves, and the second on either side.
        assert round(against, 6) - 1e-6 <= one.mae <= against + 0.10
        assert round(with_it, 6) - 1e-6 <= one.mfe <= with_it + 0.10


def test_every_day_is_a_run_of_its_own_and_what_is_held_is_carried(played, ticks, signals):
    """Held overnight: the second day begins with the position and its stop, and closes it."""
    wide = {"stop": {"percent": 30}, "target": [], "close_before_end_s": None}
    files = [ticks(minutes=5, day=FIRST), ticks(minutes=8, day=SECOND, seed=1)]
    outcome = played(files, signals((60, "IBM", "BUY"), (400, "IBM", "SELL")), wide)

    (trade,) = outcome.trades
    assert (outcome.days, outcome.record.sessions) == (2, 2)
    # The BUY of the second day met what was held.
    assert outcome.record.refusals == {"same_side": 1}
    assert trade.closed_ns - trade.opened_ns > 20 * 3600 * 10**9
    assert outcome.exchange["position"] == {"IBM": 0}
    held = outcome.exposure.data()
    # Nights do not count: 4 + 1 minutes of the first day, 6 min 40 s of the second, of all 15.
    assert held["held_s"] == pytest.approx(5 * 60 + 400, abs=5)
    assert held["held_share"] == pytest.approx(700 / 900, abs=0.02)
    assert held["notional_max"] == pytest.approx(float(trade.entry * 300))


def test_a_half_day_ends_at_one(played, ticks, signals):
    """Nobody is left with a position because the exchange closed three hours early."""
    wide = {"stop": {"percent": 30}, "target": []}
    data = ticks(minutes=210, day=date(2013, 11, 29), rate=0.2)
    outcome = played([data], signals(("12:30:00", "IBM", "BUY")), wide)

    (trade,) = outcome.trades
    assert f"{instruments.local_time(trade.closed_ns):%H:%M}" == "12:59"
    assert outcome.exchange["position"] == {"IBM": 0}


def test_an_account_that_nothing_has_changed_for_an_hour_is_not_too_old_for_an_entry(
    played, ticks, signals
):
    wide = {"stop": {"percent": 30}, "target": []}
    limits = {"account_age_max_s": 300.0}
    data, late = [ticks(minutes=70, rate=0.2)], signals(("10:35:00", "IBM", "BUY"))
    outcome = played(data, late, wide, limits)

    assert outcome.record.refusals == {}
    assert outcome.exchange["position"] == {"IBM": 300}


def test_what_is_open_at_the_end_is_told(played, ticks, signals):
    wide = {"stop": {"percent": 30}, "target": []}
    data = report(played([ticks(minutes=3)], signals((60, "IBM", "SHORT")), wide), STRATEGY)

    assert (data["trades"], data["total"]["trades"]) == ([], 0)
    (held,) = data["open_positions"]
    assert (held["side"], held["quantity"]) == ("short", 300)
    assert data["uncovered_share_seconds"] == 0


def test_signals_whose_time_does_not_come_are_counted(played, ticks, signals):
    """As those of a file in UTC, five hours late."""
    data = [ticks(minutes=5), ticks(minutes=5, day=SECOND)]
    plan = signals(("09:32:00", "IBM", "BUY"), ("14:36:00", "IBM", "SELL"), (7_000, "IBM", "BUY"))
    outcome = played(data, plan)

    assert report(outcome, STRATEGY)["signals_unheard"] == 4
    assert "4 signals: their time is not within that of the ticks" in " ".join(lines(outcome))


def test_policies_are_those_of_the_exchange(played, ticks, signals):
    dear = Policies(commission_per_share=Decimal("0.1"), commission_max_fraction=Decimal(1))
    outcome = played([ticks(minutes=10)], signals(*MORNING[:2]), policies=dear)

    assert {one.commission for one in outcome.trades} == {Decimal(60)}


def test_an_early_end_keeps_what_was_done(ticks, signals):
    config = from_mapping(SETTINGS)
    told = []

    def show(progress):
        told.append(progress)
        trial.stop()

    plan = planned(config, [ticks(minutes=60, rate=4.0)], signals(*MORNING))
    trial = Backtest(plan, show)
    outcome = trial.run()

    assert not outcome.whole
    assert len(told) == 1
    assert told[0].ticks == 4096
    assert 4096 < outcome.ticks < 4400
    assert len(outcome.trades) >= 1
    assert report(outcome, STRATEGY)["exit"] == "ended early"


def test_ticks_that_are_not_of_the_strategy_are_left_out_and_missing_ones_refused(
    played, ticks, signals
):
    given = [ticks(minutes=2), ticks("SPY", minutes=2)]
    data = report(played(given), STRATEGY)
    assert data["left_out"] == [given[1].name]
    assert list(data["symbols"]) == ["IBM"]

    both = {"symbols": ["IBM", "AAPL"]}
    with pytest.raises(UserError, match="no ticks of AAPL, which the strategy trades"):
        played(given, strategy=both)
    assert played(given, strategy=both, symbols=("IBM",)).whole
    with pytest.raises(UserError, match="SPY is not among the strategy's: IBM, AAPL"):
        played(given, strategy=both, symbols=("SPY",))


def test_nothing_of_the_settings_reaches_outside(ticks, tmp_path):
    """Sources of signals, TWS and the halt file are those of the live engine."""
    halt_file = tmp_path / "halt"
    halt_file.write_text("level 3\n")
    config = from_mapping(
        {
            **SETTINGS,
            "broker": {"host": "10.0.0.1", "remote_ok": True, "account": "U1", "live": True},
            "guards": {"halt_file": str(halt_file)},
            "signals": {"max_age_s": 7, "webhook": {}, "tail": {"path": str(tmp_path / "t")}},
        }
    )
    plan = planned(config, [ticks(minutes=1)])
    outcome = Backtest(plan).run()

    assert plan.config.signals.max_age_s == 7
    assert (outcome.view.halt, outcome.view.account) == ("", "DU0000001")
    assert halt_file.read_text() == "level 3\n"


def test_a_damaged_file_is_told_with_its_line(played, ticks):
    data = ticks(minutes=2)
    data.write_text(data.read_text() + "36000000,B,-1,100\n")
    with pytest.raises(DataFileError, match=r"line \d+: price -1.0 is not above 0"):
        played([data])


@pytest.mark.parametrize(
    ("options", "words"),
    [({"latency_ms": -1}, "0 to 60000"), ({"latency_ms": float("nan")}, "0 to 60000")],
)
def test_mistakes_are_refused(played, ticks, options, words):
    with pytest.raises(UserError, match=words):
        played([ticks(minutes=1)], **options)
    with pytest.raises(UserError, match="name the tick files"):
        played([])
