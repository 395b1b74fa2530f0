"""Parents, children and one-cancels-all groups under every policy that IB leaves open."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

ACTIVATIONS = ("on_full", "on_partial_full_size", "on_partial_filled_size")


def bracket(t, quantity=300, first=1, **legs):
    """A market entry with a target at 105 and a stop at 95, sent as TWS wants it."""
    t.place(first, "BUY", quantity, "MKT", transmit=False)
    t.place(
        first + 1,
        "SELL",
        quantity,
        "LMT",
        limit_price="105",
        parent_id=first,
        transmit=False,
        **legs,
    )
    return t.place(first + 2, "SELL", quantity, "STP", aux_price="95", parent_id=first, **legs)


def test_nothing_leaves_before_the_last_leg_transmits(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 500)
    assert t.place(1, "BUY", 300, "MKT", transmit=False) == []
    assert read.fills(t.quote(99.9, 100.1, 500)) == []
    assert t.live(1).status == "PendingSubmit"
    said = t.place(2, "SELL", 300, "STP", aux_price="95", parent_id=1)
    assert read.statuses(said)[:2] == [(1, "Submitted", ""), (2, "PreSubmitted", "child,trigger")]
    assert read.fills(said) == [(1, 300, 100.1)]
    assert read.statuses(said)[2:] == [(1, "Filled", ""), (2, "PreSubmitted", "trigger")]


def test_sending_an_untransmitted_order_again_with_transmit_releases_it(trial, read):
    t = trial()
    t.place(1, "BUY", 300, "LMT", limit_price="90", transmit=False)
    said = t.place(1, "BUY", 200, "LMT", limit_price="91", transmit=True)
    assert read.statuses(said) == [(1, "Submitted", "")]
    assert (t.live(1).quantity, t.live(1).limit_price) == (200, 91)


def test_children_are_held_and_tied_by_the_gateway(trial):
    t = trial()
    bracket(t)
    target, stop = t.live(2), t.live(3)
    assert (target.why_held, stop.why_held) == ("child", "child,trigger")
    assert target.oca_group == stop.oca_group == str(t.live(1).perm_id)
    assert target.oca_type == stop.oca_type == 3


def test_a_group_that_the_client_names_is_kept(trial):
    t = trial()
    bracket(t, oca_group="mine", oca_type=1)
    assert (t.live(2).oca_group, t.live(3).oca_type) == ("mine", 1)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_children_after_a_partial_fill_of_the_parent(trial, read, activation):
    t = trial(child_activation=activation)
    bracket(t)
    t.quote(99.98, 100.0, 100)
    assert t.position() == 100
    held = activation == "on_full"
    assert t.live(2).why_held == ("child" if held else "")
    assert t.live(3).why_held == ("child,trigger" if held else "trigger")
    assert t.live(3).quantity == 300  # totals never shrink for a partial parent
    t.tick("A", 200.0, 0)
    t.tick("B", 94.0, 1000)
    said = t.trade(94.0, 1000)
    sold = sum(quantity for order, quantity, _ in read.fills(said) if order == 3)
    assert (
        sold
        == {"on_full": 0, "on_partial_full_size": 300, "on_partial_filled_size": 100}[activation]
    )
    t.check()


def test_a_child_that_waits_for_size_fills_as_the_parent_does(trial, read):
    t = trial(child_activation="on_partial_filled_size")
    bracket(t)
    t.quote(94.0, 100.0, 100)
    t.tick("B", 94.0, 250)
    assert read.fills(t.trade(94.0)) == [(3, 100, 94.0)]
    assert t.live(3).remaining == 200
    said = t.tick("A", 94.1, 120)
    assert read.fills(said) == [(1, 120, 94.1), (3, 120, 94.0)]
    assert read.fills(t.tick("A", 94.1, 500)) == [(1, 80, 94.1), (3, 30, 94.0)]
    assert read.fills(t.tick("B", 93.9, 500)) == [(3, 50, 93.9)]
    assert t.position() == 0
    t.check()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("fate", ["cancel", "keep_filled_size"])
@pytest.mark.parametrize("filled", [0, 100, 200])
def test_children_when_the_parent_is_cancelled(trial, read, activation, fate, filled):
    t = trial(child_activation=activation, children_on_parent_cancel=fate)
    bracket(t)
    if filled:
        t.quote(99.98, 100.0, filled)
    said = t.cancel(1)
    kept = filled > 0 and fate == "keep_filled_size"
    assert read.errors(said) == ([202] if kept else [202, 202, 202])
    assert [o.quantity for o in t.exchange.open_orders()] == ([filled, filled] if kept else [])
    if kept:
        t.quote(94.0, 94.1, 900)
        assert read.fills(t.trade(94.0)) == [(3, filled, 94.0)]
        assert t.position() == 0
        assert t.exchange.open_orders() == []
    t.check()


def test_a_child_of_an_ended_parent_is_rejected(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.place(1, "BUY", 100, "MKT")
    said = t.place(2, "SELL", 100, "STP", aux_price="95", parent_id=1)
    assert read.errors(said) == [201]
    assert "Parent order is being cancelled" in said[0].text
    assert read.statuses(said) == [(2, "Inactive", "")]


def test_a_child_may_be_forced_to_the_size_of_its_parent(trial):
    t = trial(child_quantity="force_parent")
    t.place(1, "BUY", 300, "LMT", limit_price="90", transmit=False)
    t.place(2, "SELL", 100, "STP", aux_price="80", parent_id=1)
    assert t.live(2).quantity == 300


def test_a_day_parent_takes_its_children_with_it(trial, read, hours):
    t = trial()
    t.place(1, "BUY", 100, "LMT", limit_price="90", tif="DAY", transmit=False)
    t.place(2, "SELL", 100, "STP", aux_price="80", parent_id=1)
    said = t.exchange.advance(hours[0][1])
    assert read.statuses(said) == [(1, "Cancelled", ""), (2, "Cancelled", "")]


# -- one cancels all -----------------------------------------------------------------------------


def pair(t, kind, target=100, stop=100, **more):
    """Long 100, with a target and a stop in one group of the given type."""
    t.quote(99.98, 100.0, 1000)
    t.place(1, "BUY", 100, "MKT")
    t.place(2, "SELL", target, "LMT", limit_price="101", oca_group="g", oca_type=kind, **more)
    t.place(3, "SELL", stop, "STP", aux_price="99", oca_group="g", oca_type=kind, **more)


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_a_full_fill_cancels_the_other_and_uses_the_name_up(trial, read, kind):
    t = trial()
    pair(t, kind)
    said = t.tick("B", 101.0, 100)
    assert read.fills(said) == [(2, 100, 101.0)]
    assert read.statuses(said)[-1] == (3, "Cancelled", "")
    assert read.errors(said) == [202]
    again = {"limit_price": "101", "oca_group": "g", "oca_type": kind}
    assert read.errors(t.place(4, "SELL", 100, "LMT", **again)) == [201]
    t.check()


def test_a_name_whose_orders_were_only_cancelled_may_return_and_reuse_may_be_allowed(trial, read):
    t = trial()
    again = {"limit_price": "101", "oca_group": "g", "oca_type": 1}
    t.place(1, "SELL", 100, "LMT", **again)
    t.cancel(1)
    assert read.errors(t.place(2, "SELL", 100, "LMT", **again)) == []
    lenient = trial(oca_reuse="allow")
    pair(lenient, 1)
    lenient.tick("B", 101.0, 100)
    assert read.errors(lenient.place(4, "SELL", 100, "LMT", **again)) == []
    assert lenient.live(4).oca_type == 1


@pytest.mark.parametrize(
    ("kind", "policy", "left"),
    [
        (1, {"oca1_partial": "cancel_all"}, None),
        (1, {"oca1_partial": "keep"}, 100),
        (2, {}, 60),
        (3, {}, 60),
    ],
)
def test_a_partial_fill_rebalances_the_group(trial, read, kind, policy, left):
    t = trial(**policy)
    pair(t, kind)
    said = t.tick("B", 101.0, 40)
    assert read.fills(said) == [(2, 40, 101.0)]
    stop = t.live(3)
    assert (stop.quantity if stop else None) == (None if left is None else left)
    if left == 60:
        assert read.statuses(said)[-1] == (3, "PreSubmitted", "trigger")
        t.quote(98.5, 98.6, 500)
        assert read.fills(t.trade(98.5)) == [(3, 60, 98.5)]
        assert t.exchange.open_orders() == []
        assert t.position() == 0
    t.check()


@pytest.mark.parametrize(("reduction", "left"), [("proportional", 100), ("by_quantity", 150)])
def test_orders_of_different_size_are_reduced_as_the_policy_says(trial, reduction, left):
    t = trial(oca_reduction=reduction)
    pair(t, 2, target=100, stop=200)
    t.tick("B", 101.0, 50)
    assert t.live(3).quantity == left


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("same_tick", ["reduce", "overfill"])
def test_only_a_group_without_block_can_overfill_in_one_tick(trial, kind, same_tick):
    t = trial(oca3_same_tick=same_tick)
    t.quote(99.98, 100.0, 1000)
    t.place(1, "BUY", 100, "MKT")
    t.tick("B", 99.98, 0)
    for order_id in (2, 3):
        t.place(order_id, "SELL", 100, "MKT", oca_group="g", oca_type=kind)
    t.tick("B", 99.98, 1000)
    assert t.position() == (-100 if (kind, same_tick) == (3, "overfill") else 0)
    assert t.exchange.open_orders() == []
    t.check()


@pytest.mark.parametrize(("kind", "position"), [(1, 0), (2, 0), (3, -100)])
def test_a_slow_cancel_of_the_sibling_overfills_only_without_block(trial, read, kind, position):
    t = trial(oca_delay_ns=1_000_000_000)
    pair(t, kind)
    t.tick("B", 101.0, 100)
    t.quote(98.5, 98.6, 500)
    t.trade(98.5)
    assert t.position() == position
    t.wait(2)
    assert t.exchange.open_orders() == []
    t.check()


def test_a_sibling_may_be_forgotten(trial):
    t = trial(oca_siblings="forget")
    pair(t, 1)
    t.tick("B", 101.0, 100)
    assert t.live(3) is not None


@pytest.mark.parametrize(("policy", "live"), [("keep", [3]), ("cancel_all", [])])
def test_cancelling_one_member_by_request(trial, policy, live):
    t = trial(oca_on_cancel=policy)
    pair(t, 1)
    t.cancel(2)
    assert [o.order_id for o in t.exchange.open_orders()] == live


@pytest.mark.parametrize(
    ("policies", "fields", "codes", "price"),
    [
        ({}, {"oca_group": "g", "oca_type": 1}, [], 98),
        ({"oca_modify": "refuse_keep"}, {"oca_group": "g", "oca_type": 1}, [10326], 99),
        ({"oca_modify": "refuse_cancel"}, {"oca_group": "g", "oca_type": 1}, [10326, 202], None),
        ({"oca_modify": "refuse_cancel"}, {}, [], 98),
        ({"oca_modify": "refuse_keep", "oca_modify_stripped": "refuse"}, {}, [10326], 99),
    ],
)
def test_modifying_a_member_of_a_group(trial, read, policies, fields, codes, price):
    t = trial(**policies)
    pair(t, 1)
    said = t.place(3, "SELL", 100, "STP", aux_price="98", **fields)
    assert read.errors(said) == codes
    stop = t.live(3)
    assert (stop.aux_price if stop else None) == (None if price is None else Decimal(price))
    if stop:
        assert stop.oca_group == "g"


@pytest.mark.parametrize(
    ("policy", "parent", "codes", "price"),
    [("allow", 1, [], 94), ("refuse", 1, [135], 95), ("refuse", 0, [], 94)],
)
def test_a_child_may_only_be_modified_without_naming_its_parent(
    trial, read, policy, parent, codes, price
):
    """Once the parent has filled there is no order of its number any more."""
    t = trial(child_modify=policy)
    t.quote(99.98, 100.0, 1000)
    bracket(t, 100)
    said = t.place(3, "SELL", 100, "STP", aux_price="94", parent_id=parent)
    assert read.errors(said) == codes
    assert t.live(3).aux_price == price


def test_a_child_of_a_living_parent_can_be_modified(trial, read):
    t = trial(child_modify="refuse")
    t.place(1, "BUY", 100, "LMT", limit_price="90", transmit=False)
    t.place(2, "SELL", 100, "STP", aux_price="85", parent_id=1)
    assert read.errors(t.place(2, "SELL", 100, "STP", aux_price="84", parent_id=1)) == []
    assert t.live(2).aux_price == 84


@pytest.mark.parametrize(
    ("activation", "kind", "first", "second", "exit_size", "fate"),
    [
        *itertools.product(
            ACTIVATIONS,
            (0, 1, 2, 3),
            (0, 1, 50, 99),
            (0, 1, 50),
            (1, 30, 100, 500),
            ("cancel", "keep_filled_size"),
        )
    ],
)
def test_every_bracket_keeps_its_books(trial, activation, kind, first, second, exit_size, fate):
    """Partial entries, partial target, parent cancelled, stop hit: whatever the policies, fills
    come from what was shown, and the account is the fold of the executions."""
    t = trial(child_activation=activation, children_on_parent_cancel=fate)
    legs = {"oca_group": "g", "oca_type": kind} if kind else {}
    bracket(t, 100, **legs)
    shown = 0
    for size in (first, second):
        t.tick("A", 100.0, size)
        shown += size
        t.check()
    assert t.position() == min(shown, 100)
    entered = t.position()
    t.tick("A", 200.0, 0)
    t.tick("B", 105.0, exit_size)
    t.check()
    sold = entered - t.position()
    assert 0 <= sold <= exit_size
    if activation != "on_partial_full_size":
        assert t.position() >= 0  # nothing protective fills before its entry did
    t.cancel(1)
    t.check()
    t.tick("B", 94.0, 1000)
    t.trade(94.0, 10)
    t.check()
    if activation != "on_partial_full_size" and fate == "keep_filled_size" and kind != 1:
        assert t.position() == 0
        assert t.exchange.open_orders() == []


@pytest.mark.parametrize("transmit", [True, False])
def test_a_chain_of_parents_has_an_end(trial, read, transmit):
    """One without an end could not be cancelled: each order takes its children with it."""
    t = trial(active_orders_max=10_000)
    t.place(1, "BUY", 100, "LMT", limit_price="90", transmit=transmit)
    refused = []
    for order_id in range(2, 1500):
        parent = order_id - 1 - len(refused)
        said = t.place(
            order_id, "BUY", 100, "LMT", limit_price="90", parent_id=parent, transmit=transmit
        )
        refused += read.errors(said)
        if len(refused) == 2:
            break
    assert refused == [321, 321]
    chain = [order.order_id for order in t.exchange.open_orders()]
    assert chain == list(range(1, 12))
    assert read.errors(t.cancel(1)) == [202] * 11
    assert t.exchange.open_orders() == []
