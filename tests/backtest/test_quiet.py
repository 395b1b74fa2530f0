"""Many ticks at once are the same as one by one: the journal, the report and the ledger, byte for
byte, and the state of the exchange and of the engine's market at every day's end."""

import attrs
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.backtest.ledger import as_csv
from engine.backtest.plan import planned
from engine.backtest.report import report
from engine.backtest.trial import Backtest
from engine.commands import AskAccount
from engine.config import from_mapping
from engine.sim import instruments
from engine.sim.launch import DAY
from engine.sim.policies import Policies
from tests.backtest.conftest import SETTINGS

MORNING = (
    ("09:32:00", "BUY"),
    ("09:36:00", "SHORT"),
    ("09:40:00", "BUY"),
    ("09:44:00", "SELL"),
    ("09:45:30", "BUY"),
)


class Play:
    """One backtest, in stretches or tick by tick, and what it can be asked afterwards."""

    def __init__(self, ticks, signals, strategy, one_by_one, options):
        limits = options.pop("limits", {})
        data = {"strategy": {**SETTINGS["strategy"], **strategy}, "limits": limits}
        self.steps = []
        plan = planned(from_mapping(data), ticks, signals, **options)
        trial = Backtest(plan, read=self.steps.extend)
        self.quiet = trial._transport.quiet
        if one_by_one:
            trial._transport.quiet = None
        self.outcome = trial.run()
        self.exchange = trial._tws.exchange

    def words(self):
        """All that anybody can learn."""
        outcome, exchange = self.outcome, self.exchange
        told = report(outcome, "s.toml")
        at_ns = exchange.now_ns
        pasts = [
            exchange.bars(one.symbol, at_ns, "1 D", "5 secs", what)
            for one in exchange.instruments
            for what in ("TRADES", "MIDPOINT", "BID", "ASK")
        ]
        quotes = [exchange.quote(one.symbol) for one in exchange.instruments]
        # How long thinking took is the machine's.
        view = attrs.evolve(outcome.view, order_us=(), step_us=(), journal_us=())
        return orjson.dumps(told), as_csv(outcome.trades), repr(view), pasts, quotes


def alike(ticks, signals, strategy=None, **options):
    one, other = (Play(ticks, signals, strategy or {}, way, {**options}) for way in (True, False))
    assert one.steps == other.steps
    assert one.words() == other.words()
    assert one.outcome.journal == other.outcome.journal
    return other


@pytest.fixture
def plan(signals):
    def write(*symbols):
        symbols = symbols or ("IBM",)
        return signals(*((at, one, kind) for at, kind in MORNING for one in symbols))

    return write


@pytest.mark.parametrize("latency_ms", [0, 700])
def test_questions_about_the_account_are_asked_in_the_midst_of_stretches(ticks, plan, latency_ms):
    found = alike([ticks()], plan(), latency_ms=latency_ms, limits={"account_age_max_s": 40.0})
    asked = [one for step in found.steps for one in step.commands if isinstance(one, AskAccount)]
    assert len(asked) > 20
    assert len(found.outcome.trades) >= 3


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("latency_ms", [0, 5, 700])
def test_a_morning(ticks, plan, seed, latency_ms):
    found = alike([ticks(seed=seed)], plan(), latency_ms=latency_ms)
    assert len(found.outcome.trades) >= 3


@pytest.mark.parametrize(
    "strategy",
    [
        {"trailing": {"percent": 0.3}},
        {"trailing": {"amount": 0.2}},
        {"stop": {"atr": 3.0, "percent": 0.4}, "target": {"atr": 4.0, "percent": 0.4}},
        {"target": {"amount": 0.15}},
        {"bar_s": 5, "enter_when": "ema(3) > ema(5) or last >= 1"},
        {"sizing": {"dollars": 30000}, "cooldown_s": 60},
    ],
    ids=["trail", "trail by an amount", "atr", "an amount", "a condition", "dollars"],
)
def test_strategies(ticks, plan, strategy):
    found = alike([ticks(seed=4)], plan(), strategy)
    assert found.outcome.trades


def test_symbols_sizes_and_policies(ticks, plan):
    both = {"symbols": ["IBM", "SPY"]}
    files = [ticks(), ticks("SPY", seed=7, rate=3.0)]
    assert len(alike(files, plan("IBM", "SPY"), both).outcome.trades) >= 6
    assert alike(files, plan("IBM", "SPY"), both, size_share=0.1).outcome.trades
    slow = Policies(oca_delay_ns=200_000_000, cancel_delay_ns=5_000_000)
    assert alike(files[:1], plan(), policies=slow).outcome.trades


def test_a_dense_market_with_bytes_always_under_way(ticks, plan):
    assert alike([ticks(minutes=6, rate=60.0)], plan(), latency_ms=300).outcome.trades


def test_days_with_a_position_overnight(ticks, signals):
    wide = {"stop": {"percent": 30}, "target": [], "close_before_end_s": None}
    days = [ticks(minutes=5), ticks(minutes=8, day=DAY.replace(day=4))]
    found = alike(days, signals((60, "IBM", "BUY"), (400, "IBM", "SELL")), wide)
    assert len(found.outcome.trades) == 1


def test_trades_without_quotes(ticks, plan):
    data = ticks()
    rows = data.read_text().splitlines(keepends=True)
    data.write_text("".join([rows[0], *(row for row in rows if ",T," in row)]))
    assert len(alike([data], plan()).outcome.trades) >= 3


def test_most_ticks_are_played_many_at_once(ticks, plan, monkeypatch):
    """Else all of this would hold for nothing."""
    played = []
    data, signals = ticks(rate=20.0), plan()
    trial = Backtest(planned(from_mapping(SETTINGS), [data], signals))
    skip = trial._watch.skip
    monkeypatch.setattr(trial._watch, "skip", lambda rows: (played.append(rows), skip(rows))[1])
    outcome = trial.run()
    assert sum(played) > 0.9 * outcome.ticks
    assert max(played) > 80


row = st.tuples(
    st.sampled_from([0, 0, 1, 1, 2, 5, 40, 300, 1000, 4000, 20_000]),
    st.sampled_from("BATT"),
    st.integers(-6, 6),
    st.sampled_from([0, 1, 100, 300, 1000]),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(row, min_size=5, max_size=250), latency_ms=st.sampled_from([0, 1, 5, 400]))
def test_any_day(tmp_path, signals, rows, latency_ms):
    """Jumps, empty sizes, many ticks in one instant, quotes that cross, silence."""
    opens_ns, _ = instruments.session(DAY)
    time_ms = (opens_ns - instruments.midnight_ns(DAY)) // 1_000_000
    cents, text = 10_000, ["time_ms,kind,price,size\n"]
    for gap_ms, kind, move, size in rows:
        time_ms, cents = time_ms + gap_ms, cents + move
        away = {"B": -1, "A": 1, "T": 0}[kind]
        text.append(f"{time_ms},{kind},{(cents + away) / 100:.2f},{size}\n")
    path = tmp_path / f"IBM-{DAY:%Y%m%d}.csv"
    path.write_text("".join(text))
    told = signals(*((second, "IBM", kind) for second, kind in
                     zip((1, 3, 9, 20, 45, 90), ("BUY", "SHORT") * 3, strict=True)))  # fmt: skip
    tight = {"stop": {"percent": 0.05}, "target": {"percent": 0.05}, "cooldown_s": 1}
    alike([path], told, tight, latency_ms=latency_ms)
