"""A bracket of which the last leg, the one that sets the others free, never arrived."""

from __future__ import annotations

import pytest

from engine.commands import Command, Place
from engine.config import from_mapping
from engine.inputs import Input
from tests.core.desk import CLIENT, Desk

CONFIG = from_mapping({"strategy": {"symbols": ["AAPL"], "sizing": {"shares": 100}}})


class Torn(Desk):
    """The line breaks before the leg that transmits."""

    torn = False

    def carry_out(self, command: Command) -> list[Input]:
        if isinstance(command, Place) and command.spec.parent_id and command.spec.transmit:
            self.torn = True
            return []
        return super().carry_out(command)


@pytest.mark.parametrize("signal", ["BUY", "SHORT"])
@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_never_transmitted_is_taken_back(signal: str, restarts: bool) -> None:
    """TWS keeps the other legs to itself, for ever: the symbol would stay blocked by an entry
    that cannot fill."""
    desk = Torn(CONFIG)
    desk.quote("AAPL", 99.99, 100.0)
    desk.signal("AAPL", signal)
    assert desk.torn
    assert [order.status for order in desk.exchange.open_orders()] == ["PendingSubmit"] * 2
    desk.lose()
    desk.wait(1)
    if restarts:
        desk.restart()
    else:
        desk.connect()
    desk.wait(60)

    assert desk.exchange.open_orders() == []
    assert desk.context_state("AAPL") == "flat"


def test_a_refused_last_leg_ends_the_bracket_too() -> None:
    desk = Desk(CONFIG)
    desk.quote("AAPL", 99.99, 100.0)
    desk.refusals["LMT"] = 1
    desk.signal("AAPL", "BUY")
    assert [order.status for order in desk.exchange.open_orders()] == ["PendingSubmit"] * 2
    desk.wait(60)

    assert desk.exchange.open_orders() == []
    assert desk.context_state("AAPL") == "flat"


def test_an_entry_that_was_transmitted_goes_on_without_its_target() -> None:
    """It works at the exchange: its last leg has died since."""
    strategy = {
        "symbols": ["AAPL"],
        "sizing": {"shares": 100},
        "entry": {"type": "limit", "offset": {"amount": 0.5}},
    }
    desk = Desk(from_mapping({"strategy": strategy}))
    desk.quote("AAPL", 99.99, 100.0)
    desk.signal("AAPL", "BUY")
    target = next(o for o in desk.exchange.open_orders() if "-T" in o.order_ref)
    desk.deliver(desk.exchange.cancel(CLIENT, target.order_id))
    desk.wait(60)
    assert "BUY 100 LMT 99.50" in desk.live("AAPL")
    desk.quote("AAPL", 99.40, 99.41)
    desk.wait(5)
    assert desk.context_state("AAPL") == "protected"
    assert sum("STP" in line for line in desk.live("AAPL")) == 1
