"""The clock and the playing of the market, against a real clock that the test moves."""

from __future__ import annotations

from engine.sim import instruments
from engine.sim.exchange import Exchange
from engine.sim.gateway import Gateway
from engine.sim.launch import DAY
from engine.sim.pace import TICKS_PER_TURN_MAX, Pace, Player
from engine.sim.policies import Policies
from engine.sim.records import MarketTick

OPEN_NS = instruments.session(DAY)[0]
SECOND_NS = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 5 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns


def player(seconds: list[float], speed: float = 2.0) -> tuple[Player, Exchange, Clock]:
    known = instruments.instruments(["IBM"], (instruments.session(DAY),))
    exchange = Exchange(known, "DU1", Policies(), 1, OPEN_NS, 1)
    ticks = [
        MarketTick(OPEN_NS + int(second * SECOND_NS), "IBM", "T", 100.0, 1) for second in seconds
    ]
    clock = Clock()
    pace = Pace(speed, OPEN_NS)
    return Player(Gateway(exchange), iter(ticks), pace, clock), exchange, clock


def test_pace_is_a_straight_line_between_holds() -> None:
    pace = Pace(2.5, 100)
    assert pace.now_ns(10**12) == 100
    pace.run(1000)
    pace.run(5000)  # runs already
    assert pace.now_ns(1010) == 125
    assert pace.real_until(100 + 5 * SECOND_NS, 1000) == 2.0
    assert pace.real_until(0, 1000) == 0.0
    pace.hold(1020)
    assert pace.now_ns(10**12) == 150
    pace.run(10**12)
    assert pace.now_ns(10**12 + 4) == 160


def test_ticks_come_when_they_are_due() -> None:
    play, exchange, clock = player([0.0, 1.0, 4.0])
    play.play()
    assert exchange.quote("IBM").volume == 0  # held: not even what is due at once
    play.pace.run(clock.now_ns)
    play.play()
    assert exchange.quote("IBM").volume == 1
    assert play.wait_s(9.0) == 0.5

    clock.now_ns += SECOND_NS // 2 - 1
    play.play()
    assert exchange.quote("IBM").volume == 1
    clock.now_ns += 1
    play.play()
    assert exchange.quote("IBM").volume == 2
    assert not play.over
    clock.now_ns += 10 * SECOND_NS
    play.play()
    assert exchange.quote("IBM").volume == 3
    assert play.over
    assert exchange.now_ns == OPEN_NS + 21 * SECOND_NS
    assert play.wait_s(0.25) == 0.25


def test_lateness_is_made_up_in_turns_and_no_tick_is_overtaken() -> None:
    count = TICKS_PER_TURN_MAX + 10
    play, exchange, clock = player([index * 0.001 for index in range(count)])
    play.pace.run(clock.now_ns)
    clock.now_ns += 100 * SECOND_NS

    play.play()

    assert exchange.quote("IBM").volume == TICKS_PER_TURN_MAX
    assert exchange.now_ns == OPEN_NS + TICKS_PER_TURN_MAX * SECOND_NS // 1000
    play.play()
    assert exchange.quote("IBM").volume == count
    assert exchange.now_ns == OPEN_NS + 200 * SECOND_NS
