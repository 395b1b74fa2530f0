"""The whole engine at a TWS in memory: the same code as live, in virtual time, without a thread."""

import select
import threading
from decimal import Decimal

import attrs
import pytest

from engine.config import from_mapping
from engine.engine import Engine
from engine.errors import ConfigError
from engine.events import FillEvent, RefusalEvent, SessionChangedEvent
from engine.inputs import OrderRequested
from engine.journal import Journal
from engine.sim.kept_journal import KeptJournal
from engine.sim.launch import generated
from engine.sim.memory import MemoryTws
from engine.sim.policies import Policies
from engine.sim.virtual import VirtualTransport

SECOND = 1_000_000_000
SYMBOLS = ("IBM", "SPY")
CONFIG = {
    "strategy": {
        "symbols": list(SYMBOLS),
        "sizing": {"shares": 100},
        "stop": {"percent": 2.0},
        "target": {"percent": 5.0},
    }
}


class Kept(Journal):
    """A journal whose records are still there when the engine has closed it."""

    def close(self) -> None:
        self.commit()


class Day:
    """A generated day, and an engine that trades it."""

    def __init__(self, *faults: str, latency_ms: int = 5, tws=None, journal=None, **more) -> None:
        if tws is None:
            exchange, market = generated(SYMBOLS, seed=7, ticks_per_s=0.5)
            tws = MemoryTws(exchange, market, latency_ns=latency_ms * 1_000_000)
            for line in faults:
                tws.fault(line)
        self.tws = tws
        self.transport = VirtualTransport(tws)
        self.journal = Kept.memory() if journal is None else journal
        self.engine = Engine(
            from_mapping(CONFIG | more), self.journal, transport=self.transport, run="a1b2c3"
        )
        self.fills, self.changes = [], []
        self.engine.subscribe(FillEvent, self.fills.append)
        self.engine.subscribe(SessionChangedEvent, self.changes.append)
        self.start_ns = tws.now_ns

    def signal(self, at_s, symbol, signal):
        said = {"ticker": symbol, "signal": signal, "confidence": 0.9}
        self.at(at_s, lambda: self.engine.publish(said))

    def at(self, at_s, action):
        self.transport.at(self.start_ns + round(at_s * SECOND), action)

    def run(self, seconds):
        self.at(seconds, self.engine.stop)
        self.engine.run()
        return self.engine.last_view


def test_a_signal_becomes_a_protected_position_in_virtual_time():
    day = Day()
    day.signal(60, "IBM", "BUY")
    day.signal(90, "SPY", "SHORT")
    threads = threading.active_count()
    view = day.run(120)
    assert threading.active_count() == threads
    assert [(one.symbol, one.state, one.side, one.quantity) for one in view.symbols] == [
        ("IBM", "protected", "long", 100),
        ("SPY", "protected", "short", 100),
    ]
    assert day.tws.report()["position"] == {"IBM": 100, "SPY": -100}
    assert len(day.tws.report()["open_orders"]) == 4
    fill = day.fills[0]
    # Two legs of the way, and less than a second of the exchange's clock that it does not know.
    assert 60 * SECOND < fill.time_ns - day.start_ns < 62 * SECOND


def test_the_same_start_gives_the_same_journal_and_another_way_another_one():
    def head(latency_ms):
        day = Day("+70s reset", "+100s stall for=2s", latency_ms=latency_ms)
        day.signal(60, "IBM", "BUY")
        day.signal(130, "IBM", "SELL")
        day.run(200)
        return day.journal.head_hash, day.journal.count

    assert head(5) == head(5)
    assert head(5) != head(7)


def test_a_lost_connection_is_opened_again_when_the_pause_is_over():
    day = Day("+70s reset")
    day.signal(60, "IBM", "BUY")
    view = day.run(120)
    changes = [(one.new, (one.time_ns - day.start_ns) // SECOND) for one in day.changes]
    assert [new for new, _ in changes] == [
        "connecting", "handshaking", "syncing", "live",
        "lost", "connecting", "handshaking", "syncing", "live",
        "stopped",
    ]  # fmt: skip
    assert all(69 <= at_s <= 75 for _, at_s in changes[4:-1])
    assert view.session == "live"
    assert view.symbols[0].state == "protected"


def test_a_silent_tws_is_given_up_after_the_limit_of_the_handshake():
    day = Day("+70s reset", "+69s refuse how=silent count=1")
    day.run(120)
    failed = [one for one in day.changes if one.cause.startswith("connect_failed")]
    assert "said nothing for" in failed[0].cause
    limit_ns = round(day.engine.config.broker.handshake_timeout_s * SECOND)
    lost = next(one for one in day.changes if one.new == "lost")
    assert failed[0].time_ns - lost.time_ns > limit_ns
    assert day.changes[-2].new == "live"


def test_an_engine_that_is_killed_goes_on_where_it_was():
    class Killed(BaseException):
        pass

    def kill():
        raise Killed

    first = Day()
    first.signal(60, "IBM", "BUY")
    first.at(90, kill)
    with pytest.raises(Killed):
        first.engine.run()
    first.transport.hang_up()
    again = Day(tws=first.tws, journal=Kept("memory", first.journal._store, None))
    view = again.run(60)
    assert (view.symbols[0].state, view.symbols[0].quantity) == ("protected", 100)
    assert again.tws.report()["position"] == {"IBM": 100}
    assert again.tws.report()["orders"] == 3


def test_a_wait_ends_when_something_planned_has_woken_the_engine():
    day = Day()
    day.at(31, day.engine._inbox.wake)
    waits = []
    day.transport.before_wait = lambda: waits.append(day.transport.now_ns - day.start_ns)
    day.run(40)
    assert 31 * SECOND in waits


def test_after_the_machine_was_suspended_everything_is_asked_anew():
    day = Day("+65s stall for=3600s")  # what the market did meanwhile arrives in one piece
    day.signal(60, "IBM", "BUY")
    before = []
    day.at(70, lambda: before.append(day.tws.report()))
    day.at(70, lambda: day.transport.suspend(1800 * SECOND))
    day.at(1900, lambda: before.append(day.tws.report()))
    view = day.run(1960)
    lost = [one for one in day.changes if one.new == "lost"]
    assert [one.cause for one in lost] == ["socket_closed: the machine was suspended for 1800 s"]
    # The exchange's time is right before it has told it again.
    assert lost[0].time_ns - day.start_ns >= 1869 * SECOND
    assert view.session == "live"
    assert view.symbols[0].state == "protected"
    assert before[0]["orders"] == before[1]["orders"] == 3


def test_a_position_that_was_stopped_out_while_the_machine_was_suspended_is_no_longer_held():
    day = Day(strategy=CONFIG["strategy"] | {"stop": {"percent": 0.3}})
    day.signal(60, "IBM", "SHORT")
    held = []
    day.at(62, lambda: held.append(day.tws.report()["position"]))
    day.at(62, lambda: day.transport.suspend(3600 * SECOND))
    view = day.run(3760)
    assert held == [{"IBM": -100}]
    assert not any(day.tws.report()["position"].values())
    assert [one.quantity for one in view.symbols] == [0, 0]
    assert len(day.fills) == 2
    assert day.fills[1].time_ns - day.start_ns < 3665 * SECOND  # learned seconds after waking


def test_steps_of_the_clock_of_the_machine_change_nothing(monkeypatch):
    """Time is the exchange's, carried on by a clock that nobody sets."""

    def journal(step_ns):
        day = Day()
        wall = day.transport.time_ns
        monkeypatch.setattr(
            day.transport,
            "time_ns",
            lambda: wall() + (step_ns if wall() - day.start_ns > 61 * SECOND else 0),
        )
        day.signal(60, "IBM", "BUY")
        day.signal(70, "SPY", "SHORT")
        day.signal(90, "IBM", "SELL")
        day.run(120)
        return day.journal.head_hash, day.journal.count

    undisturbed = journal(0)
    assert undisturbed[1] > 10
    assert journal(3600 * SECOND) == journal(-3600 * SECOND) == undisturbed


def test_a_moment_of_suspension_changes_nothing():
    day = Day()
    day.at(62, lambda: day.transport.suspend(3 * SECOND))
    day.run(100)
    assert [one.new for one in day.changes].count("lost") == 0


def test_nothing_comes_over_a_silent_connection_and_the_time_passes():
    exchange, market = generated(SYMBOLS, seed=7)
    tws = MemoryTws(exchange, market)
    tws.fault("start refuse how=silent")
    transport = VirtualTransport(tws)
    stream = transport.connect(from_mapping(CONFIG).broker, lambda: False)
    assert transport.ready(stream, select.POLLOUT, 1.0)
    before = transport.monotonic_ns()
    assert not transport.ready(stream, select.POLLIN, 1.5)
    assert transport.monotonic_ns() - before == 1_500_000_000
    with pytest.raises(BlockingIOError):
        stream.recv(100)


LOOKS = {
    "id": "look",
    "symbols": ["SPY"],
    "when": "last >= 1000000 and ema(3) > 1",
    "then": {"kind": "close"},
}


def two_symbols():
    day = Day(journal=KeptJournal.memory(), strategy=CONFIG["strategy"] | {"rules": [LOOKS]})
    day.signal(60, "SPY", "BUY")
    return day


def later(day, broker=None, **strategy):
    day.transport.hang_up()
    journal = day.journal.found_again()
    more = {} if broker is None else {"broker": broker}
    return Day(tws=day.tws, journal=journal, strategy=CONFIG["strategy"] | strategy, **more)


def test_settings_that_leave_out_what_is_held_are_refused():
    """Once the engine died of it, with a traceback, each time it was started."""
    day = two_symbols()
    assert day.run(120).symbols[1].quantity == 100
    with pytest.raises(ConfigError, match="leaves out SPY, of which the journal has shares or"):
        later(day, symbols=["IBM"])
    assert later(day).run(60).symbols[1].state == "protected"


def test_settings_that_leave_out_shares_that_were_ordered_directly_are_refused():
    """No order of ours is there any more, and they are held all the same: also in their account."""
    day = two_symbols()
    order = OrderRequested("mine", "SPY", "BUY", Decimal(10), "MKT", None, "DAY")
    day.signal(900, "SPY", "SELL")  # to end the trade of its own
    day.at(1000, lambda: day.engine.submit(order))
    assert day.run(2000).symbols[1].quantity == 10
    with pytest.raises(ConfigError, match="leaves out SPY, of which the journal has shares or"):
        later(day, symbols=["IBM"])
    with pytest.raises(ConfigError, match=r"broker\.account is DU9"):
        later(day, broker={"account": "DU9"})
    order = attrs.evolve(order, reference="back", side="SELL")
    day = later(day)
    day.at(60, lambda: day.engine.submit(order))
    assert not day.run(2000).symbols[1].quantity
    assert later(day, symbols=["IBM"]).run(60).session == "live"


def test_a_start_with_a_held_symbol_that_the_broker_knows_no_more():
    """It was delisted or renamed overnight, and settings that leave it out are refused while it is
    held: the start must not be refused as well, for the sake of all other symbols."""
    day = two_symbols()
    day.signal(61, "IBM", "BUY")
    day.run(120)
    day.tws.fault("start forget-contract SPY for=1000s")
    view = later(day).run(60)
    assert [(one.symbol, one.state) for one in view.symbols] == [
        ("IBM", "protected"),
        ("SPY", "protected"),
    ]
    assert view.session == "live"


def test_a_symbol_that_is_flat_may_be_left_out_with_all_that_was_watched_of_it():
    day = two_symbols()
    day.signal(90, "SPY", "SELL")
    day.run(150)
    assert "SPY" in day.engine.core.state.followed
    again = later(day, symbols=["IBM"])
    again.signal(1, "IBM", "BUY")
    view = again.run(60)
    assert [(one.symbol, one.state) for one in view.symbols] == [("IBM", "protected")]
    assert set(again.engine.core.state.followed) <= {"IBM"}
    assert {one.symbol for one in again.engine.core.state.watches.values()} == {"IBM"}


@pytest.mark.parametrize(
    ("shortable", "held", "refused"),
    [
        ("yes", {"SPY": -100}, []),
        ("locate", {"SPY": -100}, []),
        ("no", {}, ["not_shortable"]),
    ],
)
def test_who_wants_to_be_short_asks_first_whether_anybody_lends(shortable, held, refused):
    exchange, market = generated(
        SYMBOLS, seed=7, ticks_per_s=0.5, policies=Policies(shortable=shortable)
    )
    day = Day(tws=MemoryTws(exchange, market, latency_ns=5_000_000))
    refusals = []
    day.engine.subscribe(RefusalEvent, refusals.append)
    day.signal(60, "SPY", "SHORT")
    day.run(120)
    assert day.tws.report()["position"] == held
    assert [one.reason for one in refusals] == refused


def test_a_stock_that_nobody_lends_is_not_sold_short_by_the_broker_either():
    """An engine that asks nothing is refused by the broker, which counts."""
    exchange, market = generated(
        SYMBOLS, seed=7, ticks_per_s=0.5, policies=Policies(shortable="no")
    )
    day = Day(
        tws=MemoryTws(exchange, market, latency_ns=5_000_000), limits={"short_needs": "nothing"}
    )
    refusals = []
    day.engine.subscribe(RefusalEvent, refusals.append)
    day.signal(60, "SPY", "SHORT")
    day.run(120)
    assert not any(day.tws.report()["position"].values())
    assert [one.reason for one in refusals] == ["broker_rejected"]
