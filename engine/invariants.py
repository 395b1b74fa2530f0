"""What must hold whenever money moves, asserted in production as well.

A broken one is a defect of ours, and the picture that the engine acts on is wrong: it stops
there, with everything that is held protected by its orders at the broker, rather than send one
more. Numbers are those of the catalogue in docs/verification.md. What concerns one order is
checked before its bytes can exist; what concerns a trade, when it is counted and when it ends.
"""

from __future__ import annotations

from engine.commands import OrderSpec
from engine.contexts import Context
from engine.money import ZERO
from engine.orders import OPENING_ROLES, Order, Role, stated_price
from engine.state import State


def before_placing(state: State, order: Order) -> None:
    """10 ids only rise, 25 orders leave a live session only, 29 and under our reference."""
    assert state.live, f"order {order.order_id} would leave a session that is not live"
    assert order.order_id > state.highest_sent, f"order id {order.order_id} does not rise"
    assert state.ours(order.spec.order_ref), f"order {order.order_id} without our reference"
    before_sending(state, order, order.spec)


def before_sending(state: State, order: Order, spec: OrderSpec) -> None:
    """32 sizes and prices are exact, above zero and on the instrument's grid."""
    assert state.live, f"order {order.order_id} would be changed in a session that is not live"
    assert spec.quantity > ZERO, f"order {order.order_id} of {spec.quantity} shares"
    price = stated_price(spec)
    if price is not None and spec.order_type != "TRAIL":
        grid = state.instruments[order.symbol].grid
        assert price > ZERO and grid.on(price), f"order {order.order_id} at {price}, off its grid"


def after_counting(context: Context) -> None:
    """1 what is held is what the orders of all tranches have brought and taken."""
    own = sum((tranche.own for tranche in context.tranches), ZERO)
    assert own == context.held, f"context {context.number} holds {context.held}, orders say {own}"


def at_rest(context: Context) -> None:
    """16 a trade that has ended holds nothing, and nothing of it lives."""
    assert context.held == ZERO, f"context {context.number} ends with {context.held} held"
    assert context.all_dead, f"context {context.number} ends with a living order"


def before_adding(context: Context) -> None:
    """18 an add goes to shares of its side whose exits rest, and never beside another that has
    begun to fill."""
    assert context.held * context.side > ZERO, f"context {context.number} holds nothing to add to"
    assert not context.exits_traded, f"context {context.number} is leaving, and would add"
    begun = [o for o in context.of(Role.ADD) if o.filled and not o.dead]
    assert not begun, f"add {begun[0].order_id} is still filling"


def attached(parent: Order, child: Order) -> None:
    """5 exits that wait for an entry are for no more than it can bring."""
    assert parent.role in OPENING_ROLES
    assert child.spec.quantity <= parent.spec.quantity, f"order {child.order_id} exceeds its parent"
