"""Faults that somebody could really make in the core, each a small change of its source.

``tests.campaign.mutants`` makes each of them, one at a time, and looks who finds it. Every one
breaks a promise that matters with real money. A text that does not occur exactly once any more
is to be mended here, with whatever the change of the source has made of it.
"""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class Fault:
    """``old`` becomes ``new`` in ``file``; ``what`` says in one line what is wrong then.

    ``situation`` is where ``engine verify`` would meet it first; without one it looks in all.
    """

    name: str
    what: str
    file: str
    old: str
    new: str
    situation: str = ""


_COVER: Final = (
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
        "engine/exits.py",
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
        "at_ns = max(part.tranche.retry_ns, _entry_gone_ns(part))",
        "at_ns = part.tranche.retry_ns",
        "close-long",
    ),
    Fault(
        "close-retries-at-once",
        "a refused close is sent again without a pause",
        "engine/exits.py",
        "at_ns = max(part.tranche.retry_ns, _entry_gone_ns(part))",
        "at_ns = _entry_gone_ns(part)",
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

_GROUPS: Final = (
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

_PRICES: Final = (
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

_FILLS: Final = (
    Fault(
        "counted-twice",
        "an execution that is told twice is counted twice",
        "engine/positions.py",
        "known = self.revisions.get(identity)",
        "known = None",
        "bracket-long",
    ),
    Fault(
        "known-by-full-id",
        "executions are told apart by the whole id, so a correction is another one",
        "engine/positions.py",
        "return (head, int(tail)) if head and tail.isdigit() else (execution_id, 0)",
        "return (execution_id, 0)",
    ),
    Fault(
        "correction-added",
        "a correction is added to what it corrects",
        "engine/positions.py",
        "self.position = fold(self.fills.values())",
        "self.position.apply(signed(fill), fill.price)",
    ),
    Fault(
        "older-revision-wins",
        "an older revision that arrives late replaces the newer one",
        "engine/positions.py",
        "if known is not None and number <= known:",
        "if known is not None and number == known:",
    ),
    Fault(
        "short-profit-reversed",
        "the profit of a short trade has the wrong sign",
        "engine/positions.py",
        "direction = 1 if held > 0 else -1",
        "direction = 1",
    ),
    Fault(
        "commission-free",
        "a trade is told without its commissions",
        "engine/settlement.py",
        "realised=realised - commission,",
        "realised=realised,",
    ),
    Fault(
        "late-fill-ignored",
        "a fill that comes after the cancel is not counted",
        "engine/executions.py",
        "    if owner.ledger.add(fill, order.order_id) is None:",
        "    if order.reported == OrderReport.CANCELLED:\n"
        "        return\n"
        "    if owner.ledger.add(fill, order.order_id) is None:",
        "close-long",
    ),
    Fault(
        "late-shares-kept",
        "late shares are kept although the policy says that they go",
        "engine/executions.py",
        "    if event == ContextEvent.LATE_FILLED:\n        out.advance",
        "    if event == ContextEvent.LATE_FILLED and keeps:\n        out.advance",
    ),
    Fault(
        "late-shares-mixed",
        "late shares are kept beside a newer trade of the symbol",
        "engine/executions.py",
        'keeps = context.plan.trade.late_fill == "protect" and current is context',
        'keeps = context.plan.trade.late_fill == "protect"',
    ),
    Fault(
        "side-flip-ignored",
        "a position that has turned over is treated like one of its side",
        "engine/contexts.py",
        "if held * context.side < 0:\n        return ContextEvent.SIDE_FLIPPED",
        "if held * context.side < 0:\n        return ContextEvent.EXIT_PART_FILLED",
        "bracket-long",
    ),
    Fault(
        "status-fills",
        "a status that says filled ends an order whose executions have not come",
        "engine/reports.py",
        "if order.filled >= seen.filled > 0 and not order.dead:",
        "if not order.dead:",
        "bracket-long",
    ),
    Fault(
        "any-client-is-us",
        "an execution of another client with an order id like ours is counted as ours",
        "engine/state.py",
        "if client_id == self.client_id and not order_ref:",
        "if not order_ref:",
    ),
    Fault(
        "foreign-shares-lost",
        "shares that others trade are not counted apart",
        "engine/foreign.py",
        "state.foreign[fill.con_id] += signed(fill)\n    if (looked",
        "state.foreign[fill.con_id] += 0\n    if (looked",
    ),
)

_DOUBT: Final = (
    Fault(
        "silence-is-death",
        "an order that is not answered in time is taken for dead",
        "engine/core.py",
        "reports.report(state, out, order, OrderEvent.ANSWER_OVERDUE)",
        "reports.report(state, out, order, OrderEvent.PROVEN_ABSENT)",
        "close-short",
    ),
    Fault(
        "lost-link-is-death",
        "orders are taken for dead when the link is lost",
        "engine/truth.py",
        "report(state, out, order, OrderEvent.LINK_LOST)",
        "report(state, out, order, OrderEvent.PROVEN_ABSENT)",
    ),
    Fault(
        "absent-after-one",
        "one snapshot that does not list an order proves it absent",
        "engine/orders.py",
        "ABSENCES_TO_PROVE: Final = 2",
        "ABSENCES_TO_PROVE: Final = 1",
    ),
    Fault(
        "absent-though-filled",
        "an order that a status has called filled is taken for absent",
        "engine/truth.py",
        "elif order.status_filled <= order.filled:",
        "elif order.status_filled >= order.filled:",
    ),
    Fault(
        "young-order-judged",
        "an order that was placed after the question is missed in the answer",
        "engine/truth.py",
        "if order.placed_ns >= state.round.started_ns:",
        "if order.placed_ns > out.now_ns:",
    ),
    Fault(
        "other-epoch-believed",
        "the end of a snapshot of another epoch is believed",
        "engine/truth.py",
        "if not current.running or ended.epoch != current.epoch or ended.epoch != state.epoch:",
        "if not current.running:",
    ),
    Fault(
        "half-a-round-believed",
        "a round of questions is judged when the first answer is complete",
        "engine/truth.py",
        "if not current.waiting and state.live:",
        "if state.live:",
    ),
    Fault(
        "lost-cancel-trusted",
        "a cancel that got lost on its way is waited for without end",
        "engine/truth.py",
        "report(state, out, order, OrderEvent.CANCEL_REFUSED)",
        "order.absences = 0",
        "close-long",
    ),
    Fault(
        "difference-overlooked",
        "a position that the broker does not confirm does not freeze the symbol",
        "engine/truth.py",
        "    freeze(state, out, symbol, why)",
        "    state.suspects.pop(symbol)",
    ),
    Fault(
        "closes-the-unconfirmed",
        "shares that the broker does not confirm are closed",
        "engine/core.py",
        "if not state.live or (context.held and state.unexplained(context.symbol)):",
        "if not state.live:",
    ),
    Fault(
        "frozen-trades-on",
        "entries are made on a frozen symbol",
        "engine/risk.py",
        "    if standing.frozen:\n",
        "    if standing.frozen and not standing.defined:\n",
    ),
    Fault(
        "refused-change-kills",
        "an order whose amendment is refused is taken for dead",
        "engine/reports.py",
        "report(state, out, order, OrderEvent.AMEND_REFUSED, why)",
        "report(state, out, order, OrderEvent.REJECTED, why)",
        "slipped-long",
    ),
    Fault(
        "pending-cancel-is-death",
        "an order whose cancel is pending is taken for cancelled",
        "engine/orders.py",
        '"PendingCancel": OrderEvent.CANCEL_PENDED,',
        '"PendingCancel": OrderEvent.CANCELLED,',
    ),
    Fault(
        "the-risen-live-on",
        "an order that was given up and lives after all is left alone",
        "engine/reports.py",
        "    if not stays:\n        out.commands.append(Cancel(seen.order_id))",
        "    if stays:\n        out.commands.append(Cancel(seen.order_id))",
    ),
)

_ORDERS: Final = (
    Fault(
        "ids-from-the-broker",
        "after a restart the broker's next order id is taken although it was used",
        "engine/state.py",
        "self.next_order_id = max(self.next_order_id, number + 1)",
        "self.next_order_id = number + 1",
        "bracket-long",
    ),
    Fault(
        "ids-fall",
        "the order ids of a bracket reach the broker in falling order",
        "engine/entries.py",
        "    for order in orders:\n        out.place(order)",
        "    for order in (parent, *reversed(orders[1:])):\n        out.place(order)",
        "bracket-long",
    ),
    Fault(
        "parent-transmits-first",
        "the entry reaches the market before its stop is at the broker",
        "engine/entries.py",
        "action, quantity, price, order_type, transmit=not legs",
        "action, quantity, price, order_type, transmit=True",
    ),
    Fault(
        "stop-for-the-day",
        "the stop ends with the day",
        "engine/entries.py",
        'Role.STOP: "GTC"',
        'Role.STOP: "DAY"',
    ),
    Fault(
        "reversal-before-flat",
        "a reversal enters the other side while the old one is held",
        "engine/intents.py",
        "    out.advance(context, ContextEvent.REVERSE_REQUESTED, call.identity, call.rule.id)\n"
        "    state.dirty.add(context.number)\n"
        "    return None",
        "    out.advance(context, ContextEvent.REVERSE_REQUESTED, call.identity, call.rule.id)\n"
        "    state.dirty.add(context.number)\n"
        "    return reverse(state, out, context, call.market)",
        "held-reversal-long",
    ),
    Fault(
        "reversal-never-old",
        "a reversal is carried out however long the old side took to go",
        "engine/intents.py",
        "if out.now_ns > context.reverse_before_ns:",
        "if out.now_ns < context.opened_ns:",
    ),
    Fault(
        "rest-with-orders-alive",
        "a trade is over as soon as it is flat, whatever of it still lives",
        "engine/contexts.py",
        "if state in ENDING_STATES and context.held == 0 and context.all_dead:",
        "if state in ENDING_STATES and context.held == 0:",
        "close-long",
    ),
    Fault(
        "bracket-on-a-trade",
        "a bracket is placed beside a trade of the same symbol",
        "engine/direct.py",
        "if request.symbol in state.current:",
        "if request.symbol in state.references:",
    ),
    Fault(
        "reference-twice",
        "the same request of a host is carried out twice",
        "engine/direct.py",
        "    if state.used(request.reference):\n        return Reason.DUPLICATE_REFERENCE\n    rea",
        "    if state.frozen:\n        return Reason.DUPLICATE_REFERENCE\n    rea",
    ),
)

_ADDS: Final = (
    Fault(
        "add-beyond-the-stop",
        "a double-down is sent at a price behind the stop",
        "engine/adds.py",
        "if (price - stop) * context.side <= 0:",
        "if price <= 0:",
    ),
    Fault(
        "add-beside-an-add",
        "a double-down is sent while an earlier one may still fill",
        "engine/adds.py",
        "if order.may_fill and not (resting",
        "if order.active and not (resting",
    ),
    Fault(
        "add-after-an-exit",
        "shares are added to a trade that has begun to end",
        "engine/adds.py",
        "if context.held * context.side <= 0 or context.exits_traded:",
        "if context.held * context.side <= 0:",
    ),
    Fault(
        "add-unprotected",
        "shares are added to shares that no stop protects",
        "engine/adds.py",
        "if covered < abs(held):",
        "if covered < 0:",
    ),
    Fault(
        "level-repeated",
        "one level of a double-down is sent again when it has filled",
        "engine/adds.py",
        "context.levels_used = level + 1",
        "context.levels_used = level",
    ),
    Fault(
        "scale-in-repeats",
        "a scale-in is made once more than the rule allows",
        "engine/adds.py",
        "if done >= settings.times_max:",
        "if done > settings.times_max:",
    ),
    Fault(
        "risk-of-adds-unchecked",
        "what is lost at the stops after an add is not limited",
        "engine/risk.py",
        "if proposal.risk > limits.position_risk_max else None",
        'if proposal.kind == "entry" and proposal.risk > limits.position_risk_max else None',
    ),
    Fault(
        "add-moves-the-stop",
        "an add moves stop and target although the policy keeps them",
        "engine/contexts.py",
        "        if intent.reanchors:\n",
        '        if intent.kind != "entry":\n',
    ),
)

_RISK: Final = (
    Fault(
        "entries-not-counted",
        "exposure forgets what entries may still bring",
        "engine/portfolio.py",
        "return Exposure(held + rest, held) if context.side > 0 else Exposure(held, held - rest)",
        "return Exposure(held, held)",
    ),
    Fault(
        "one-position-more",
        "one position more than allowed is opened",
        "engine/risk.py",
        "standing.positions + 1 > limits.positions_max",
        "standing.positions > limits.positions_max",
    ),
    Fault(
        "halted-trades-on",
        "entries are made although the kill switch is thrown",
        "engine/risk.py",
        "    if standing.halted:\n",
        "    if standing.halted and not standing.defined:\n",
    ),
    Fault(
        "stale-price-taken",
        "a decision rests on a quote that is too old",
        "engine/risk.py",
        "if age_ns is None or age_ns > limits.quote_age_max_s * SECOND_NS:",
        "if age_ns is None:",
    ),
    Fault(
        "size-rounded-up",
        "a size is rounded up to whole lots: more is spent than said",
        "engine/sizing.py",
        "return (shares / lot).quantize(Decimal(1), ROUND_FLOOR) * lot",
        'return (shares / lot).quantize(Decimal(1), "ROUND_CEILING") * lot',
    ),
)

_RULES: Final = (
    Fault(
        "signal-consumed-twice",
        "a signal acts again when it is delivered again",
        "engine/decisions.py",
        "    state.consume(signal.identity, out.now_ns)\n    if reason is None:",
        "    if reason is None:",
    ),
    Fault(
        "threshold-exclusive",
        "a signal exactly at the threshold does not act",
        "engine/rules/templates.py",
        'confidence = Comparison("confidence", ">=", confidence_min)',
        'confidence = Comparison("confidence", ">", confidence_min)',
    ),
    Fault(
        "cooldown-on-request",
        "the cooldown begins with the request, not with an execution",
        "engine/intents.py",
        "    if context is None:\n        return enter(state, out, wish, call.market)",
        "    if context is None:\n"
        "        from engine.rulebook import count\n\n"
        "        count(state, call.rule.id, call.symbol, out.now_ns)\n"
        "        return enter(state, out, wish, call.market)",
    ),
    Fault(
        "cooldown-after-stop-out",
        "a stop-out leaves the cooldown in force",
        "engine/settlement.py",
        'if context.exit_reason in ("stop", "stop_unfilled"):',
        'if context.exit_reason == "stop_out":',
    ),
    Fault(
        "cooldown-of-all-cleared",
        "a stop-out clears the cooldown of every symbol",
        "engine/rulebook.py",
        'for name in [one for one in state.cooldown_until if one.endswith(f"{_APART}{symbol}")]:',
        "for name in [one for one in state.cooldown_until if symbol]:",
    ),
    Fault(
        "close-all-closes-one",
        "close-all closes the first symbol and abandons the rest",
        "engine/decisions.py",
        "contexts = list(state.current.values())",
        "contexts = list(state.current.values())[:1]",
    ),
    Fault(
        "end-of-day-of-one",
        "the end of the day comes for the first symbol only",
        "engine/rulebook.py",
        "for symbol in rule.symbols or state.config.strategy.symbols:\n                yield",
        "for symbol in (rule.symbols or state.config.strategy.symbols)[:1]:\n                yield",
    ),
    Fault(
        "deadline-fires-twice",
        "what was to happen at a time happens twice",
        "engine/core.py",
        "            _DEADLINES[kind](self.state, out, subject)",
        "            _DEADLINES[kind](self.state, out, subject)\n"
        "            _DEADLINES[kind](self.state, out, subject)",
    ),
    Fault(
        "priority-reversed",
        "the rule with the lowest priority is asked first",
        "engine/rules/rule.py",
        "key=lambda rule: -rule.priority",
        "key=lambda rule: rule.priority",
    ),
    Fault(
        "disabled-rule-runs",
        "a rule that is disabled is asked like any other",
        "engine/rules/rule.py",
        "if not rule.enabled or (rule.symbols and scene.symbol not in rule.symbols):",
        "if rule.symbols and scene.symbol not in rule.symbols:",
    ),
)

_ARMED: Final = (
    Fault(
        "armed-sends-twice",
        "what has left by the reader's hand is sent once more when the core takes its step",
        "engine/runtime.py",
        "if orders and shot is None:",
        "if orders:",
    ),
    Fault(
        "armed-stays-in-the-reader",
        "a step of the core leaves in the reader what was armed before it",
        "engine/armory.py",
        "            reader.armed.clear()\n",
        "            pass\n",
    ),
    Fault(
        "armed-outlives-a-step",
        "the core takes an intent as armed although something has happened since",
        "engine/core.py",
        "state.armed = ()  # what was decided ahead was of the state before",
        "pass",
    ),
    Fault(
        "armed-doubt-forgotten",
        "after a crash it is not asked whether what was armed has left",
        "engine/core.py",
        "        _doubt_armed(state, out)\n",
        "        pass\n",
    ),
    Fault(
        "armed-same-names",
        "two intents of a set have the same order ids",
        "engine/armory.py",
        "order_id, context = fork.state.next_order_id, fork.state.next_number",
        "context = fork.state.next_number",
    ),
    Fault(
        "armed-in-doubt",
        "an intent is armed although the engine does not know what is at the broker",
        "engine/armory.py",
        "if state.doubts or state.looking or state.asked_rules or state.dirty:",
        "if state.looking or state.asked_rules or state.dirty:",
    ),
)

FAULTS: Final[tuple[Fault, ...]] = (
    *_COVER,
    *_GROUPS,
    *_PRICES,
    *_FILLS,
    *_DOUBT,
    *_ORDERS,
    *_ADDS,
    *_RISK,
    *_RULES,
    *_ARMED,
)
