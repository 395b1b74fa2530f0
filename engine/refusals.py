"""How a request of somebody was refused, found among the events of the step that took it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.events import BaseEvent, RefusalEvent
from engine.inputs import (
    BracketRequested,
    CancelRequested,
    Input,
    OcoRequested,
    OrderRequested,
    ResumeRequested,
    RuleChanged,
    SettingsChanged,
)

# Requests that carry a reference, and how a refusal calls them.
REFERENCED: Final = {
    BracketRequested: "bracket",
    OcoRequested: "oco",
    OrderRequested: "order",
    CancelRequested: "cancel",
    RuleChanged: "rule",
    SettingsChanged: "settings",
    ResumeRequested: "resume",
}


def refusal_of(request: Input, events: Sequence[BaseEvent]) -> RefusalEvent | None:
    """How the step that took ``request`` refused it, if it carries a reference and was refused.

    The one who asks learns it from the answer, because events may be late or dropped.
    """
    kind = REFERENCED.get(type(request))
    if kind is None:
        return None
    asked = (kind, _name(request))
    for event in events:
        if isinstance(event, RefusalEvent) and (event.detail, event.identity) == asked:
            return event
    return None


def _name(request: Input) -> str:
    """What a refusal calls a request by."""
    if isinstance(request, RuleChanged):
        return request.rule_id
    if isinstance(request, SettingsChanged):
        return request.digest
    return (
        request.who if isinstance(request, ResumeRequested) else getattr(request, "reference", "")
    )
