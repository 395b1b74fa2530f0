"""A fingerprint looks at everything that may make a difference, or says why it does not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from engine.commands import OrderSpec, Watch
from engine.contexts import Context, Wish
from engine.copies import copy_state
from engine.groups import Group, Past
from engine.orders import Order
from engine.positions import Ledger, Position
from engine.recent import Recent
from engine.state import Asked, Early, Halt, Round, State, Suspicion
from engine.tranches import Intent, Tranche
from engine.verify.prints import LEFT_OUT, fingerprint
from engine.verify.situations import find
from engine.verify.world import START_NS, World
from statecharts.vocabulary import OrderReport

SECOND = 10**9


def rich() -> World:
    """A trade that is held and to be reversed, with an add of its own, beside an OCO, while a
    round of questions runs."""
    (situation,) = find("double-down-long")
    world = World(situation)
    state = world.core.state
    context = state.contexts[1]
    context.reverse_to = Wish("XYZ", -1, context.plan.trade, "signal", "s")
    context.reverse_before_ns = world.now_ns + SECOND
    entry = next(iter(context.orders.values()))
    leg = attrs.evolve(entry, order_id=99, owner=7, reported=OrderReport.WORKING)
    state.orders[99] = leg
    state.groups[7] = Group(7, "XYZ", "g", orders={99: leg})
    state.round = Round(state.epoch, world.now_ns - SECOND, {"positions"}, {1}, running=True)
    for tranche in context.tranches:
        tranche.retry_ns = world.now_ns + SECOND
    state.ask_from_ns = world.now_ns + SECOND
    return world


# What a field becomes where adding one to it, or an x, does not make another of its kind.
OTHERWISE: dict[tuple[type, str], Any] = {
    (State, "symbols"): {7: "XYZ", 8: "ABC"},
    (State, "references"): {"direct": 3},
    (State, "used_references"): Recent(0, {"direct": "order"}),
    (State, "shares"): {"XYZ": Decimal(5)},
    (State, "direct_past"): {"XYZ": Past(Decimal(5), Decimal(100))},
    (State, "execution_owner"): Recent(0, {"x99.1": 0}),
    (State, "looking"): {"XYZ": ("reverse:1",)},
    (State, "asked_rules"): {"XYZ": (Asked("rule", None, ()),)},
    (State, "watches"): {"stop:1": Watch(1, "XYZ", "last", "above", 1.0, True)},
    (State, "halt"): Halt(1, "somebody", "some reason", 0),
    (State, "frozen"): {"XYZ": "why"},
    (State, "suspects"): {"XYZ": Suspicion(Decimal(1), Decimal(0), 0, 0)},
    (State, "foreign"): {7: Decimal(5)},
    (State, "foreign_found"): {7: Decimal(5)},
    (State, "foreign_early"): {7: Early((Decimal(5),))},
    (State, "foreign_fills"): Recent(0, {"x99.1": (2, Decimal(5))}),
    (State, "foreign_orders"): {5: ("XYZ", "BUY")},
    (State, "dirty"): {1},
    (State, "deadlines"): {"ask": 1},
    (State, "orders"): {},
    (State, "contexts"): {},
    (State, "current"): {},
    (State, "groups"): {},
    (State, "round"): Round(),
    (Order, "role"): "other",
    (Order, "perm_ids"): (1, 2, 3),
    (Order, "refused"): OrderSpec("BUY", Decimal(1), "MKT", None, None, "DAY", False, "", ""),
    (Order, "confirmed_price"): Decimal(77),
    (Context, "tranches"): [],
    (Context, "intents"): [Intent("adjust")],
    (Context, "anchors"): (0, 1),
    (Context, "ledger"): Ledger(),
    (Context, "reverse_to"): None,
    (Context, "trail_level"): Decimal(94),
    (Context, "trail_told_ns"): START_NS,
    (Tranche, "failures"): {"stop": 1},
    (Tranche, "aim"): 5,
    (Group, "ledger"): Ledger({}, {"x1.0": 1}),
    (Ledger, "revisions"): {"x1.0": 2},
    (Ledger, "totals"): {1: (Decimal(1), Decimal(1))},
    (Ledger, "retracted"): {"BUY": Decimal(1)},
    (Ledger, "commissions"): {"x9.0": Decimal(1)},
    (Ledger, "position"): Position(Decimal(9)),
    (Round, "waiting"): {"executions"},
    (Round, "seen"): {5},
    (Round, "positions"): {7: Decimal(3)},
}


def another(kind: type, name: str, value: Any) -> Any:
    if (kind, name) in OTHERWISE:
        return OTHERWISE[kind, name]
    if isinstance(value, bool):
        return not value
    if name == "deadline_ns":
        return 0 if value else 1  # whether there is one: when, the state's deadlines tell
    if name.endswith("_ns"):
        return value + SECOND // 2
    if isinstance(value, (int, float, Decimal)):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    raise AssertionError(f"say in OTHERWISE what else {kind.__name__}.{name} may be")


def part(state: State, kind: type) -> Any:
    """One object of a kind, within a state."""
    context = state.contexts[1]
    stop = next(order for order in context.orders.values() if not order.dead)
    return {
        State: state,
        Order: stop,
        Context: context,
        Tranche: context.tranches[0],
        Group: state.groups[7],
        Ledger: context.ledger,
        Position: context.ledger.position,
        Round: state.round,
    }[kind]


LOOKED_AT = [
    (kind, field.name)
    for kind, left_out in LEFT_OUT.items()
    for field in attrs.fields(kind)
    if field.name not in left_out and (kind, field.name) not in {(Order, "spec"), (Context, "plan")}
]


@pytest.fixture(scope="module")
def world() -> World:
    return rich()


@pytest.mark.parametrize(
    ("kind", "name"), LOOKED_AT, ids=[f"{kind.__name__}.{name}" for kind, name in LOOKED_AT]
)
def test_what_may_matter_is_looked_at(world: World, kind: type, name: str) -> None:
    state = copy_state(world.core.state)
    before = fingerprint(state, world.now_ns)
    one = part(state, kind)
    setattr(one, name, another(kind, name, getattr(one, name)))
    assert fingerprint(state, world.now_ns) != before


@pytest.mark.parametrize("name", ["quantity", "aux_price", "limit_price", "oca_group", "action"])
def test_what_an_order_says_is_looked_at(world: World, name: str) -> None:
    state = copy_state(world.core.state)
    before = fingerprint(state, world.now_ns)
    order = part(state, Order)
    other = {"quantity": Decimal(9), "oca_group": "z", "action": "?"}.get(name, Decimal("1.23"))
    order.spec = attrs.evolve(order.spec, **{name: other})
    assert fingerprint(state, world.now_ns) != before


@pytest.mark.parametrize("name", ["side", "quantity", "decision_price", "stop_distance"])
def test_what_a_plan_says_is_looked_at(world: World, name: str) -> None:
    state = copy_state(world.core.state)
    before = fingerprint(state, world.now_ns)
    context = part(state, Context)
    context.plan = attrs.evolve(context.plan, **{name: Decimal("1.23")})
    assert fingerprint(state, world.now_ns) != before


def test_what_is_left_out_is_there() -> None:
    for kind, left_out in LEFT_OUT.items():
        names = {field.name for field in attrs.fields(kind)}
        assert sorted(left_out.keys() - names) == [], kind
        assert all(left_out.values())
