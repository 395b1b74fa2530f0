"""The ledger of a journal, against plain arithmetic over the fills that are in it."""

import itertools
import json
from collections import defaultdict
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from engine.backtest.ledger import as_csv
from engine.errors import JournalError
from engine.inputs import CommissionReported, ExecutionReported, SignalArrived
from engine.journal import Journal
from engine.journal_chain import JournalReader
from engine.report.groups import BY, summary
from engine.report.reading import Reading, Wanted
from engine.report.trade import ReportTrade
from engine.report.words import facts
from engine.retrace import Retrace
from engine.sim.launch import generated
from tests.report.conftest import SIGNALS, told, traded
from tests.sim.test_virtual import SYMBOLS


def inputs(place, kind):
    with JournalReader(place) as reader:
        return [
            (record.now_ns, one)
            for record in reader.records()
            for one in record.inputs
            if isinstance(one, kind)
        ]


@pytest.fixture(scope="module")
def folded(place):
    """Of each symbol its trades from flat to flat, in order of their ends, and those that are
    open: rows of signed shares, price, commission, time."""
    charged = {one.execution_id: one.commission for _, one in inputs(place, CommissionReported)}
    executions = {one.execution_id: (at, one) for at, one in inputs(place, ExecutionReported)}
    trades, open_rows = [], defaultdict(list)
    for identity, (at, one) in executions.items():
        signed = one.quantity if one.side == "BUY" else -one.quantity
        rows = open_rows[one.symbol]
        rows.append((float(signed), float(one.price), float(charged[identity]), at))
        if abs(sum(row[0] for row in rows)) < 1e-9:
            trades.append((one.symbol, np.array(rows)))
            del open_rows[one.symbol]
    return trades, dict(open_rows)


@pytest.fixture(scope="module")
def raw(folded):
    return folded[0]


def test_every_trade_is_what_its_fills_say(found, raw):
    assert len(raw) == len(found.trades) > 10
    assert {one.reason for one in found.trades} >= {"stop", "target", "reversal", "signal"}
    for trade, (symbol, rows) in zip(found.trades, raw, strict=True):
        shares, prices, fees, times = rows.T
        opening = np.sign(shares) == np.sign(shares[0])
        assert trade.symbol == symbol
        assert trade.side == ("long" if shares[0] > 0 else "short")
        assert float(trade.quantity) == shares[opening].sum() * np.sign(shares[0])
        assert float(trade.entry) == pytest.approx(
            np.average(prices[opening], weights=shares[opening])
        )
        assert float(trade.exit) == pytest.approx(
            np.average(prices[~opening], weights=shares[~opening])
        )
        assert float(trade.commission) == pytest.approx(fees.sum())
        assert float(trade.realised) == pytest.approx(-(shares @ prices) - fees.sum())
        assert trade.held_s == pytest.approx((times[-1] - times[0]) / 1e9, abs=1e-6)
        assert trade.opened_ns <= times[0]
        assert trade.closed_ns >= times[-1]


def net(raw):
    return np.array([-(rows[:, 0] @ rows[:, 1]) - rows[:, 2].sum() for _, rows in raw])


def test_the_figures_are_those_of_the_fills(found, raw):
    made = net(raw)
    figures = found.total.data()
    sums = np.concatenate([[0.0], np.cumsum(made)])
    expected = {
        "trades": made.size,
        "wins": np.count_nonzero(made > 1e-9),
        "win_rate": np.mean(made > 1e-9),
        "realised": made.sum(),
        "commission": sum(rows[:, 2].sum() for _, rows in raw),
        "expectancy": made.mean(),
        "profit_factor": np.clip(made, 0, None).sum() / -np.clip(made, None, 0).sum(),
        "drawdown_max": (np.maximum.accumulate(sums) - sums).max(),
        "sharpe": made.mean() / made.std(ddof=1),
        "sortino": made.mean() / np.sqrt(np.mean(np.minimum(made, 0) ** 2)),
        "best": made.max(),
        "worst": made.min(),
    }
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, abs=1e-9), name


def test_every_way_to_group_them_adds_up_to_all(found, raw):
    made, total = net(raw), found.total
    assert set(found.tables) == set(BY)
    for kind, table in found.tables.items():
        assert sum(one.figures.trades for one in table) == total.figures.trades, kind
        assert sum(one.figures.realised for one in table) == total.figures.realised, kind
        assert sum(one.slippage for one in table) == total.slippage, kind
    for one in found.tables["symbol"]:
        ours = np.array([symbol == one.name for symbol, _ in raw])
        assert float(one.figures.realised) == pytest.approx(made[ours].sum())
    for one in found.tables["side"]:
        long = np.array([rows[0, 0] > 0 for _, rows in raw])
        assert float(one.figures.realised) == pytest.approx(
            made[long == (one.name == "long")].sum()
        )
    assert {one.name for one in found.tables["rule"]} == {"pattern.buy", "pattern.short"}
    assert [one.name for one in found.tables["day"]] == ["2024-01-03"]
    assert [one.name for one in found.tables["hour"]] == ["09"]


def test_the_time_in_the_market_is_that_between_fills(found, folded):
    raw, still = folded
    last = found.reading.last_ns
    spans = [(rows[0, 3], rows[-1, 3]) for _, rows in raw]
    spans += [(rows[0][3], last) for rows in still.values()]
    assert still  # what is open is in no ledger, but in the market
    edges = sorted({edge for span in spans for edge in span})
    held = sum(
        later - earlier
        for earlier, later in itertools.pairwise(edges)
        if any(begin <= earlier and later <= end for begin, end in spans)
    )
    ran = found.reading.last_ns - found.reading.began_ns
    assert found.total.held_s == pytest.approx(held / 1e9, abs=1e-3)
    assert found.total.held_share == pytest.approx(held / ran, abs=1e-5)
    for one in found.tables["symbol"]:
        held = sum(rows[-1, 3] - rows[0, 3] for symbol, rows in raw if symbol == one.name)
        held += sum(last - rows[0][3] for symbol, rows in still.items() if symbol == one.name)
        assert one.held_s == pytest.approx(held / 1e9, abs=1e-3)


def test_what_is_open_is_told(found, folded):
    data = found.data()["open"]
    for symbol, rows in folded[1].items():
        held = sum(row[0] for row in rows)
        (one,) = [one for one in data if one["symbol"] == symbol]
        assert one["quantity"] == abs(held)
        assert one["side"] == ("long" if held > 0 else "short")
    assert len(data) == len(folded[1])
    assert any(line.startswith("open: ") for line in facts(found))


def test_slippage_of_an_entry_is_against_the_quote_it_was_decided_at(found, place):
    quotes = {
        (one.market.symbol, at): (one.market.bid, one.market.ask)
        for at, one in inputs(place, SignalArrived)
    }
    seen = 0
    for trade in found.trades:
        quote = quotes.get((trade.symbol, trade.opened_ns))
        if quote is None:
            continue  # a reversal looks at the market anew
        side = 1 if trade.side == "long" else -1
        decision = Decimal(repr(quote[1] if side > 0 else quote[0]))
        assert trade.decision == decision
        expected = float(trade.entry - decision) * side
        assert float(trade.entry_slippage) == pytest.approx(expected, abs=1e-9)
        seen += 1
    assert seen >= 4


def test_slippage_of_an_exit_is_against_where_its_order_acted(found):
    for one in found.reading.told:
        trade = one.trade
        side = 1 if trade.side == "long" else -1
        if trade.reason in ("stop", "target"):
            levels = one.path.stops if trade.reason == "stop" else one.path.targets
            level = [price for _, price in levels if price is not None][-1]
            expected = (level - float(trade.exit)) * side
            assert float(trade.exit_slippage) == pytest.approx(expected)
            assert trade.reason == "target" or expected >= 0  # a stop is not better than its price
        known = (trade.exit_slippage or 0) + trade.entry_slippage
        assert float(trade.slippage) == pytest.approx(float(known * trade.quantity))


def test_shares_that_came_late_do_not_cost_twice(place, found):
    """Their trade is told after the first one of the same context."""
    reading, again = Reading(Retrace()), []
    ended = reading._ended

    def twice(event):
        ended(event)
        again.append(reading.told[-1].trade)
        ended(event)

    reading._ended = twice
    with JournalReader(place) as reader:
        reading.take(reader.records())
    assert [one.slippage for one in again] == [one.slippage for one in found.trades]
    assert any(one.slippage for one in again)
    assert sum(one.trade.slippage for one in reading.told) == found.total.slippage


def test_a_path_has_what_the_journal_knows(found):
    for one in found.reading.told:
        times = [at for at, _ in one.path.prices.points]
        fills = list(one.path.fills.values())
        assert times == sorted(times)
        assert {float(fill.price) for fill in fills} <= {
            price for _, price in one.path.prices.points
        }
        assert [price for _, price in one.path.stops][-1] is None
        assert one.path.stops[0][1] is not None
        assert {fill.role for fill in fills} <= {"entry", "stop", "target", "close"}


def test_excursions_reach_the_exit_and_with_ticks_at_least_as_far(found, place):
    _, market = generated(SYMBOLS, seed=7, ticks_per_s=0.5)
    looked = told(place, ticks=market)
    assert looked.reading.ticks > 1000
    assert len(looked.trades) == len(found.trades)
    for known, seen in zip(found.trades, looked.trades, strict=True):
        gain = float(seen.exit - seen.entry) * (1 if seen.side == "long" else -1)
        assert known.mae >= max(-gain, 0) - 1e-6
        assert known.mfe >= max(gain, 0) - 1e-6
        assert seen.mae >= known.mae - 1e-6
        assert seen.mfe >= known.mfe - 1e-6
    assert sum(one.mae + one.mfe for one in looked.trades) > sum(
        one.mae + one.mfe for one in found.trades
    )


def test_trades_without_ticks_are_told(found, place):
    _, market = generated(["IBM"], seed=7, ticks_per_s=0.5)
    (said,) = [one for one in facts(told(place, ticks=market)) if one.startswith("mae and mfe")]
    blind = sum(one.symbol == "SPY" for one in found.trades)
    assert f"but of {blind} trades (SPY) there are none" in said


def test_only_what_is_wanted(found, place):
    ibm = told(place, Wanted(symbols=("IBM",)))
    assert ibm.trades == [one for one in found.trades if one.symbol == "IBM"]
    assert [one.name for one in ibm.tables["symbol"]] == ["IBM"]
    assert ibm.total.held_s == found.tables["symbol"][0].held_s
    assert told(place, Wanted(day=date(2024, 1, 3))).data() == found.data()
    none = told(place, Wanted(day=date(2024, 1, 4)))
    assert (none.trades, none.total.figures.trades, none.total.held_s) == ([], 0, 0.0)


def test_a_journal_is_read_while_an_engine_writes_it(tmp_path, found):
    place = tmp_path / "J"
    early = []
    journal = Journal.open(place)
    close = journal.close
    journal.close = lambda: (early.append(told(place)), close())
    traded(journal)
    assert early[0].trades == found.trades


def test_it_may_begin_with_a_snapshot(place, found):
    with JournalReader(place) as reader:
        reading = Reading(Retrace.of(reader, 0))  # of the end of the run
        assert reading.first == reader.count + 1
        reading.take(reader.records(reading.first - 1))
        reading.end()
    late = summary("late", reading)
    assert late.trades == []
    assert late.data()["open"] == found.data()["open"]
    assert any("begins with a snapshot" in line for line in facts(late))
    assert reading.accounts == found.reading.accounts


def test_a_record_that_is_decided_otherwise_ends_it(place):
    with JournalReader(place) as reader:
        records = list(reader.records())
    placing = next(n for n, one in enumerate(records) if one.commands)
    reading = Reading(Retrace())
    reading.take(records[:placing])
    with pytest.raises(JournalError, match="another version"):
        reading.feed(
            type(records[0])(
                records[placing].seq, records[placing].now_ns, (), records[placing].commands, b""
            )
        )


def test_csv_and_json_hold_the_ledger(found):
    lines = as_csv(found.trades, ReportTrade).decode().splitlines()
    assert len(lines) == 1 + len(found.trades)
    head, first = lines[0].split(","), lines[1].split(",")
    row = dict(zip(head, first, strict=True))
    assert row["rule"] == found.trades[0].rule
    assert Decimal(row["realised"]) == found.trades[0].realised
    assert row["opened"].startswith("2024-01-03 09:30:")
    data = json.loads(json.dumps(found.data()))
    assert len(data["trades"]) == len(found.trades) < 2 * len(SIGNALS)
    assert data["total"]["sortino"] == data["by_day"]["2024-01-03"]["sortino"]
