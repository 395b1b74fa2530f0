"""Faults of the core. Orders and adds, the gate before them, rules, and what is armed."""

from __future__ import annotations

from typing import Final

from tests.campaign.fault import Fault

ORDERS: Final = (
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

ADDS: Final = (
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

RISK: Final = (
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

RULES: Final = (
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

ARMED: Final = (
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
