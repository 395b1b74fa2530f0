"""Faults of the core. Fills, and what is true when nobody can say."""

from __future__ import annotations

from typing import Final

from tests.campaign.fault import Fault

FILLS: Final = (
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
        "if client_id == self.client_id and not order_ref and order_id > 0:",
        "if not order_ref and order_id > 0:",
    ),
    Fault(
        "foreign-shares-lost",
        "shares that others trade are not counted apart",
        "engine/foreign.py",
        "state.foreign[fill.con_id] += signed(fill)\n    if (looked",
        "state.foreign[fill.con_id] += 0\n    if (looked",
    ),
)

DOUBT: Final = (
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
