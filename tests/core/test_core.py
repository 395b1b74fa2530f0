"""The step itself, and what other tests of the core ask it with."""

from __future__ import annotations

from decimal import Decimal

import attrs

from engine.commands import Cancel, Command, LookAtMarket, Place
from engine.config import Config, from_mapping
from engine.core import Core
from engine.events import (
    PositionCloseEvent,
    PositionOpenEvent,
    RefusalEvent,
)
from engine.inputs import (
    BracketRequested,
    CloseRequested,
    ErrorReported,
    ExecutionReported,
    MarketView,
    Started,
    Stopped,
)
from engine.orders import Role
from engine.reasons import Reason
from engine.sim.policies import Policies
from engine.sim.records import MarketTick
from tests.core.desk import ACCOUNT, CLIENT, OPEN_NS, SECOND, Desk

HOUR = 3600


def config(**strategy: object) -> Config:
    return from_mapping(
        {
            "strategy": {
                "symbols": ["AAPL", "MSFT", "TSLA"],
                "sizing": {"shares": 300},
                "cooldown_s": 0.0,
                **strategy,
            }
        }
    )


def desk(policies: Policies | None = None, **strategy: object) -> Desk:
    made = Desk(config(**strategy), policies)
    for symbol in made.instruments:
        made.quote(symbol, 99.99, 100.0)
    return made


def sent(one: Desk, kind: type[Command]) -> list[Command]:
    return [command for command in one.commands if isinstance(command, kind)]


def placed(one: Desk, role: Role | None = None) -> list[Place]:
    letter = {Role.ENTRY: "-E", Role.STOP: "-S", Role.TARGET: "-T", Role.CLOSE: "-C"}
    return [
        command
        for command in one.commands
        if isinstance(command, Place) and (role is None or letter[role] in command.spec.order_ref)
    ]


def reasons(one: Desk) -> list[str]:
    return [event.reason for event in one.events if isinstance(event, RefusalEvent)]


def bracket(
    symbol: str, entry: str | None, stop: str, reference: str = "b1", quantity: int = 300
) -> BracketRequested:
    return BracketRequested(
        reference, symbol, "BUY", Decimal(quantity), Decimal(stop), Decimal(104),
        None if entry is None else Decimal(entry), MarketView(symbol, 99.99, 100.0, 100.0, 0),
    )  # fmt: skip


# -- the step itself ---------------------------------------------------------------------------


def test_a_link_that_is_down_gets_no_bytes() -> None:
    """Everything that can be asked for, while the link is down: the desk refuses any command."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.feed(bracket("MSFT", "98", "94"))
    d.lose()
    d.signal("AAPL", "SHORT")
    d.signal("TSLA", "BUY")
    d.feed(CloseRequested("MSFT", "operator"))
    d.wait(10)
    d.connect()
    d.wait(1)
    assert (d.context_state("MSFT"), d.live("MSFT")) == ("flat", [])
    assert not d.core.state.held("TSLA")


def test_a_position_is_told_as_it_opens_and_closes() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.trade("AAPL", 104.02, 100_000)
    (opened,) = d.said(PositionOpenEvent)
    assert (opened.symbol, opened.side, opened.quantity) == ("AAPL", "long", 300)
    (closed,) = d.said(PositionCloseEvent)
    assert (closed.exit_price, closed.reason) == (104, "target")
    assert [e.sequence for e in d.events] == sorted({e.sequence for e in d.events})


def test_a_limit_far_from_the_market_is_outside_the_collar() -> None:
    d = desk()
    d.feed(bracket("AAPL", "80", "70"))
    assert reasons(d) == [Reason.OUTSIDE_COLLAR]
    assert not sent(d, Place)


def test_errors_about_nothing_of_ours_change_no_order() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    before = d.core.state.orders.copy()
    reports = [o.reported for o in before.values()]
    for code in (2104, 10197, 354, 1100, 162, 399, 10349, 2109):
        d.feed(ErrorReported(-1, code, "text"))
        d.feed(ErrorReported(2, code, "text") if code in (399, 10349, 2109) else Stopped("x"))
    assert [o.reported for o in d.core.state.orders.values()] == reports


def test_a_reversal_looks_at_the_market_of_its_own_moment() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "SHORT")
    d.quotes["AAPL"] = attrs.evolve(d.quotes["AAPL"], quote_age_ns=61 * SECOND)
    notices = d.exchange.on_tick(MarketTick(d.now_ns, "AAPL", "B", 99.99, 100_000))
    d.deliver(notices)
    assert sent(d, LookAtMarket)
    assert reasons(d)[-1] == Reason.STALE_PRICE
    assert d.context_state("AAPL") == "flat"


def test_a_reversal_that_took_too_long_is_given_up() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "SHORT")
    d.wait(31)
    d.quote("AAPL", 99.99, 100.0)
    assert reasons(d)[-1] == Reason.REVERSAL_TIMED_OUT


def test_a_core_without_inputs_has_nothing_to_do() -> None:
    core = Core(config())
    assert core.next_deadline_ns is None
    assert core.step((), OPEN_NS).commands == []
    core.step((Started("sx1", "test", _settings(), CLIENT, ACCOUNT),), OPEN_NS)
    fill = ExecutionReported(
        "x.01", 1, 0, CLIENT, "", ACCOUNT, 999, "ELSE", "BUY", Decimal(1), Decimal(1),
        Decimal(1), "ISLAND", "", False,
    )  # fmt: skip
    assert core.step((fill,), OPEN_NS).commands == []
    assert sent(desk(), Cancel) == []


def _settings() -> str:
    import orjson

    from engine.config import CONVERTER

    return orjson.dumps(CONVERTER.unstructure(config())).decode()
