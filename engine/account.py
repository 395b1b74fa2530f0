"""What the broker says of the account, and that it is asked again before that is too old.

TWS tells only values that have changed, so its silence is no age: on a quiet morning nothing
changes. Where the settings want values that are young, the core asks for them in time. What counts
is that the broker has answered.
"""

from __future__ import annotations

from typing import Final

from engine.commands import AskAccount
from engine.config import SECOND_NS
from engine.inputs import AccountReported
from engine.outbox import Outbox
from engine.state import State

_DUE: Final = "account"  # the deadline
_PACE_S: Final = 1.0  # from one question to the next, at least


def on_account(state: State, out: Outbox, seen: AccountReported) -> None:
    for told in seen.values:
        state.account_values[f"{seen.account}:{told.key}:{told.currency}"] = told.value
    if seen.account == state.account:
        state.account_told_ns = out.now_ns
        watch_account(state, out)


def watch_account(state: State, out: Outbox) -> None:
    """Ask when what is known has half of its age, so that the answer has the other half."""
    limit_s = state.config.limits.account_age_max_s
    if limit_s is None or not state.live:
        state.deadlines.pop(_DUE)
        return
    half_ns = max(int(limit_s * SECOND_NS) // 2, state.scaled(_PACE_S))
    state.deadlines[_DUE] = max(state.account_told_ns + half_ns, out.now_ns)


def ask_account(state: State, out: Outbox, _: str) -> None:
    """Its time has come. Until there is an answer it is asked again."""
    limit_s = state.config.limits.account_age_max_s
    if limit_s is None or not state.live:
        return
    out.commands.append(AskAccount())
    limit_ns = int(limit_s * SECOND_NS)
    again_ns = max(limit_ns // 4, state.scaled(max(state.config.timing.answer_s, _PACE_S)))
    state.deadlines[_DUE] = out.now_ns + again_ns
    age_ns = out.now_ns - state.account_told_ns
    if limit_ns <= age_ns < limit_ns + again_ns and state.account_told_ns:
        silent_s = f"{age_ns / SECOND_NS:.0f} s"
        out.alert(
            "warning",
            f"the broker has said nothing of the account for {silent_s}; nothing is opened",
        )
