"""Faults of the core. What covers shares, and at which prices."""

from __future__ import annotations

from typing import Final

from tests.campaign.fault import Fault

COVER: Final = (
    Fault(
        "cover-one-short",
        "exits are one share smaller than what is held",
        "engine/exits.py",
        "return order.filled + part.size + _growing(part, order)",
        "return order.filled + part.size + _growing(part, order) - 1",
        "bracket-short",
    ),
    Fault(
        "cover-one-over",
        "exits are one share larger than what is held",
        "engine/exits.py",
        "return order.filled + part.size + _growing(part, order)",
        "return order.filled + part.size + _growing(part, order) + 1",
        "bracket-long",
    ),
    Fault(
        "cover-forgets-filled",
        "the size of an exit is what is held, not counting what it has filled itself",
        "engine/exits.py",
        "return order.filled + part.size + _growing(part, order)",
        "return part.size + _growing(part, order)",
        "larger-long",
    ),
    Fault(
        "growth-ignored",
        "attached exits are cut to what has filled while the entry still fills",
        "engine/exits.py",
        "return part.tranche.entry_rest if order.attached else ZERO",
        "return ZERO",
        "bracket-long",
    ),
    Fault(
        "exit-side-swapped",
        "exits of their own add to the position",
        "engine/wants.py",
        'return "SELL" if self.context.side > 0 else "BUY"',
        'return "BUY" if self.context.side > 0 else "SELL"',
        "held-long",
    ),
    Fault(
        "close-of-the-ordered",
        "a close is for the ordered quantity instead of the held one",
        "engine/exits.py",
        "return [PlaceExit(part.tranche, held, Role.CLOSE, action, part.size, None, part.on_side)]",
        "size = part.context.plan.quantity\n"
        "    return [PlaceExit(part.tranche, held, Role.CLOSE, action, size, None, part.on_side)]",
        "close-long",
    ),
    Fault(
        "close-does-not-wait",
        "a close is sent while the cancel of the entry is under way",
        "engine/exits.py",
        "at_ns = max(part.tranche.retry_ns, _gone_ns(part, OPENING_ROLES))",
        "at_ns = part.tranche.retry_ns",
        "close-long",
    ),
    Fault(
        "close-retries-at-once",
        "a refused close is sent again without a pause",
        "engine/exits.py",
        "at_ns = max(part.tranche.retry_ns, _gone_ns(part, OPENING_ROLES))",
        "at_ns = _gone_ns(part, OPENING_ROLES)",
    ),
    Fault(
        "close-sent-again",
        "a close that is not answered is sent a second time",
        "engine/exits.py",
        "alive = [o for o in living(part.tranche.orders) if o.role is Role.CLOSE]",
        "alive = [o for o in part.tranche.of(Role.CLOSE) if o.active]",
        "held-close-long",
    ),
    Fault(
        "stop-goes-before-close",
        "the stop is withdrawn before the close has filled",
        "engine/exits.py",
        "        found += _protect(part, Role.STOP)\n    elif part.held",
        "        found += [Withdraw(o) for o in tranche.of(Role.STOP) if _removable(o)]\n"
        "    elif part.held",
        "held-close-long",
    ),
    Fault(
        "stop-beside-market",
        "a stop that does not fill is closed by market before it is gone",
        "engine/exits.py",
        "return found if any(not order.dead for order in stops) else found + _close(part)",
        "return found + _close(part)",
        "unfilled-long",
    ),
    Fault(
        "withdrawals-forgotten",
        "siblings that are not wanted any more are left at the broker",
        "engine/core.py",
        "        out.cancel(want.order)\n",
        "        return\n",
        "close-long",
    ),
    Fault(
        "target-outlives-close",
        "a close leaves the target at the broker",
        "engine/exits.py",
        "for role in (Role.ENTRY, Role.ADD, Role.TARGET, Role.TRIM)",
        "for role in (Role.ENTRY, Role.ADD, Role.TRIM)",
    ),
    Fault(
        "entry-buys-into-the-fall",
        "the rest of an entry goes on after one of its exits has traded",
        "engine/exits.py",
        "if naked or traded or stopped:",
        "if naked:",
        "bracket-long",
    ),
    Fault(
        "entry-without-stop",
        "an entry goes on although its stop has died at the broker",
        "engine/exits.py",
        "if naked or traded or stopped:",
        "if traded or stopped:",
    ),
    Fault(
        "add-behind-the-stop",
        "an add rests on although the stop has come nearer than its limit",
        "engine/exits.py",
        "context.exits_traded or context.adds_over or _behind_stop(part, order)",
        "context.exits_traded or context.adds_over",
    ),
    Fault(
        "stop-sent-again",
        "a stop that is not answered is taken for missing, and another one is sent",
        "engine/exits.py",
        "        elif order.resting:\n            resting.append(order)",
        "        elif order.resting and order.reported != OrderReport.UNKNOWN:\n"
        "            resting.append(order)",
    ),
    Fault(
        "inactive-stop-trusted",
        "a stop that the broker has put aside counts as protection",
        "engine/exits.py",
        "if order.reported == OrderReport.INACTIVE and order.resting:",
        "if order.reported == OrderReport.INACTIVE and role is not Role.STOP and order.resting:",
    ),
    Fault(
        "naked-for-ever",
        "shares whose stop is refused again and again are never closed",
        "engine/reports.py",
        "if failures < timing.protect_attempts_max:",
        "if failures <= timing.protect_attempts_max:",
        "refused-long",
    ),
    Fault(
        "amendment-repeated",
        "an amendment that the broker has refused is asked for again and again",
        "engine/exits.py",
        "return [] if spec == order.refused else [AmendExit(order, spec)]",
        "return [AmendExit(order, spec)]",
    ),
    Fault(
        "exits-do-not-add-up",
        "the last gate looks at each exit by itself",
        "engine/core.py",
        "worst=want.quantity + others,",
        "worst=want.quantity,",
        "close-long",
    ),
    Fault(
        "old-terms-forgotten",
        "an order counts under its new terms before the broker has taken them",
        "engine/orders.py",
        "total = max(total, self.confirmed_quantity)",
        "total = min(total, self.confirmed_quantity)",
    ),
)

GROUPS: Final = (
    Fault(
        "group-cancels",
        "a part-filled target takes the whole stop away: the group cancels, not reduces",
        "engine/exits.py",
        "OCA_REDUCE_WITH_BLOCK = 2",
        "OCA_REDUCE_WITH_BLOCK = 1",
    ),
    Fault(
        "tranches-share-a-group",
        "all tranches of a trade have one OCA group, so their stops do not add up",
        "engine/contexts.py",
        'name = stem if number == 1 else f"{stem}t{number}"',
        "name = stem",
        "targets-long",
    ),
    Fault(
        "group-name-reused",
        "a new exit takes the name of a group that has traded and is gone",
        "engine/tranches.py",
        "if members and all(order.dead for order in members):",
        "if not members:",
    ),
    Fault(
        "oco-sibling-kept",
        "an OCO keeps its second leg after the first has filled",
        "engine/settlement.py",
        "group.state in (OcoState.ONE_FILLED, OcoState.PART_FILLED, OcoState.FAILED)",
        "group.state == OcoState.FAILED",
        "oco-long",
    ),
    Fault(
        "overfill-stays",
        "shares that one tranche sold too many are not taken from the others",
        "engine/tranches.py",
        "    if lack:\n",
        "    if lack < 0:\n",
        "targets-long",
    ),
)

PRICES: Final = (
    Fault(
        "stop-rounded-away",
        "the stop is rounded away from the entry: more is lost than planned",
        "engine/tranches.py",
        'self.side * self.stop_distance, "up" if self.side > 0 else "down"',
        'self.side * self.stop_distance, "down" if self.side > 0 else "up"',
    ),
    Fault(
        "target-rounded-away",
        "the target is rounded away from the entry: it is reached later than planned",
        "engine/tranches.py",
        'self.side * wanted.distance, "down" if self.side > 0 else "up"',
        'self.side * wanted.distance, "up" if self.side > 0 else "down"',
    ),
    Fault(
        "limit-rounded-up",
        "a limit entry is rounded to the worse side: it costs more than asked for",
        "engine/entries.py",
        'return instrument.grid.round(price, "down" if (side > 0) == better else "up")',
        'return instrument.grid.round(price, "up" if (side > 0) == better else "down")',
    ),
    Fault(
        "target-from-decision",
        "the target counts from the price of the decision instead of the fills",
        "engine/exits.py",
        "return plan.target_at(tranche.aim, context.basis, grid)",
        "return plan.target_at(tranche.aim, plan.decision_price, grid)",
    ),
    Fault(
        "stop-from-decision",
        "the stop counts from the price of the decision instead of the fills",
        "engine/contexts.py",
        "max(self.plan.stop_at(self.basis, grid)",
        "max(self.plan.stop_at(self.plan.decision_price, grid)",
    ),
    Fault(
        "basis-from-last-fill",
        "protection counts from the last fill instead of the average",
        "engine/contexts.py",
        "return value / quantity if quantity else self.plan.decision_price",
        "last = list(self.ledger.fills.values())[-1:]\n"
        "        return last[0].price if quantity else self.plan.decision_price",
    ),
    Fault(
        "trail-restarts-looser",
        "a new trailing stop begins at the planned distance, not where the old one was",
        "engine/entries.py",
        "context.stop_level(state.instruments[context.symbol].grid)\n            if trail",
        "context.plan.stop_at(context.basis, state.instruments[context.symbol].grid)\n"
        "            if trail",
    ),
    Fault(
        "trail-follows-back",
        "what a trailing stop has reached is forgotten when a lower level is told",
        "engine/reports.py",
        "if known is None or (level - known) * context.side > 0:",
        "if known is None or level != known:",
    ),
)
