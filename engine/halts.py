"""The kill switch: three levels, latched until a person takes them back.

1  nothing new is opened or added.
2  and what would open or add is taken back; stops and targets stay.
3  and everything that is held is closed, each symbol by its own process.

A level is only ever raised; it survives a restart with the journal, and only a resume with a
reason lowers it. Stops are never cancelled first: at level 3 they go with the closing fill, as in
every close. Whoever asked, and why, is on record.
"""

from __future__ import annotations

from typing import Final

from engine.events import TradingHaltedEvent, TradingResumedEvent
from engine.inputs import HaltRequested, ResumeRequested
from engine.intents import close, give_up_reversals
from engine.outbox import Outbox
from engine.reasons import Reason
from engine.state import Halt, State

NO_ENTRIES, TAKE_BACK, FLATTEN = 1, 2, 3
LEVELS: Final = {NO_ENTRIES: "no entries", TAKE_BACK: "entries taken back", FLATTEN: "flatten"}


def on_halt(state: State, out: Outbox, asked: HaltRequested) -> None:
    """Raise the level; asking again for the same or a lower one only tells it again."""
    known = state.halt
    level = max(asked.level, known.level if known is not None else 0)
    if known is None or level > known.level:
        state.halt = Halt(level, asked.who, asked.why, out.now_ns)
    out.say(TradingHaltedEvent, level=level, who=asked.who, why=asked.why)
    out.alert("critical", f"halted at level {level} ({LEVELS[level]}) by {asked.who}: {asked.why}")
    enforce(state, out)


def on_resume(state: State, out: Outbox, asked: ResumeRequested) -> None:
    if state.halt is None:
        out.refuse(Reason.NOT_HALTED, "", "resume", asked.who)
        return
    state.halt = None
    out.say(TradingResumedEvent, who=asked.who, why=asked.why)
    out.alert("warning", f"resumed by {asked.who}: {asked.why}")
    state.touch_all()  # what was kept back may come


def enforce(state: State, out: Outbox) -> None:
    """Bring what is under way to the level that holds; also when a run begins with one."""
    if state.halt is None or state.halt.level < TAKE_BACK:
        return
    give_up_reversals(state)
    for context in state.current.values():
        context.entry_over = context.adds_over = True
        if state.halt.level >= FLATTEN:
            close(state, out, context, "halt")
        state.dirty.add(context.number)
    state.dirty.update(state.groups)  # what was placed directly is settled like everything
