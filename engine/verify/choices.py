"""What may happen next: everything, or only what is fair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from engine.commands import Watch
from engine.core import Core
from engine.verify import sessions
from engine.verify.broker import Broker
from engine.verify.prints import FAR_NS, STEADY_NS
from engine.verify.situation import Situation
from engine.verify.tickets import (
    CANCELLED,
    ENDING,
    FILLED,
    HELD,
    INACTIVE,
    PENDING,
    REJECTED,
    STOPS,
    UNSENT,
    WORKING,
    Ticket,
)
from statecharts.vocabulary import SessionState

# A step is a verb with its arguments; the words are also those of a saved scenario.
Step = tuple[str | int, ...]

# What the broker layer vouches for: it comes whole and once, or is asked for again.
_WHOLE: Final = frozenset({"snapshot", "synced"})

# Words on an order that were true once or that nobody knows, by its phase: 201 also comes for a
# request that crossed the end of the order, and is often followed by "Cancelled".
_UNKNOWN: Final = ("Odd", 9999)
_STALE: Final = ("PendingSubmit", "PreSubmitted", "Submitted")
_HEARSAY: Final[dict[str, tuple[str | int, ...]]] = {
    PENDING: _UNKNOWN,
    ENDING: (*_UNKNOWN, *_STALE),
    INACTIVE: (*_UNKNOWN, *_STALE),
    FILLED: (*_UNKNOWN, *_STALE, "PendingCancel", "Inactive", 201, 202),
    CANCELLED: (*_UNKNOWN, *_STALE, "PendingCancel", "Inactive", 201),
    REJECTED: (*_UNKNOWN, *_STALE, "PendingCancel", "Inactive", "Cancelled"),
}


class Standing(Protocol):
    """The part of a world that decides what may happen in it."""

    situation: Situation
    broker: Broker
    prompted: int
    faults: int
    patience: int
    stops_refused: int
    fires: int
    strangers: int
    watched: dict[int, Watch]

    @property
    def core(self) -> Core: ...
    @property
    def now_ns(self) -> int: ...


def actions(world: Standing) -> list[Step]:
    """All that may happen next, in a fixed order."""
    broker, state = world.broker, world.core.state
    found: list[Step] = []
    if world.prompted < len(world.situation.prompts) and state.live:
        found.append(("prompt",))
    found += _linking(world)
    if broker.requests:
        found.append(("take",))
    if broker.messages:
        found.append(("deliver",))
        if len(broker.messages) > 1:
            found.append(("deliver", "all"))
    if broker.aside and broker.linked:
        found.append(("release",))
    for ticket in broker.live():
        if ticket.phase in (PENDING, INACTIVE):
            found.append(("accept", ticket.order_id))
        elif ticket.phase == ENDING:
            found.append(("finish", ticket.order_id))
        most = broker.fillable(ticket)
        found += [("fill", ticket.order_id, shares) for shares in sorted({1, most}) if most]
    if _may_wait(world):
        found.append(("wait",))
    if world.stops_refused and _next_is_stop(broker):
        found.append(("refuse", "stop"))
    if world.fires:
        found += [("reach", number) for number in world.watched]
    if world.strangers:
        found += [("stranger", "buys"), ("stranger", "sells"), ("stranger", "orders")]
    else:
        found += _strangers_end(world)
    return found + ([*_faults(world)] if world.faults else [])


def _linking(world: Standing) -> list[Step]:
    broker, session = world.broker, world.core.state.session
    if world.situation.sessions:
        if session == SessionState.STOPPED:
            return [("begin",)]
        usual = sessions.USUAL.get(session)
        if usual is not None:
            return [("session", event.name) for event in usual]
    elif not broker.linked:
        return [("connect",)]
    return [] if broker.synced else [("sync",)]


def _next_is_stop(broker: Broker) -> bool:
    request = broker.requests[0] if broker.requests else ()
    return bool(request) and request[0] == "place" and request[4] in STOPS


def _may_wait(world: Standing) -> bool:
    """For a deadline, and beside what is on its way for none that is minutes away: no socket holds
    anything for so long."""
    at_ns = world.core.next_deadline_ns
    if at_ns is None or at_ns - world.now_ns >= FAR_NS:
        return False
    near = at_ns - world.now_ns <= STEADY_NS or not (world.broker.requests or world.broker.messages)
    return world.broker.idle or (world.patience > 0 and near)


def _strangers_end(world: Standing) -> list[Step]:
    """They take their order back, and when a symbol is frozen they trade back to where they
    were: that is how a person mends it."""
    broker = world.broker
    found: list[Step] = [("stranger", "ends")] if broker.strange_open else []
    if world.core.state.frozen and (more := sum(broker.strange)) != 0:
        found.append(("stranger", "sells" if more > 0 else "buys"))
    return found


def _faults(world: Standing) -> Iterator[Step]:
    broker, extra = world.broker, world.situation.extra
    if broker.requests:
        if broker.requests[0][0] != "ask":
            yield ("swallow",)
        if broker.refusable():
            yield ("refuse",)
        if "dialogs" in extra and broker.requests[0][0] == "place":
            yield ("aside",)
        yield from _refusals(broker, extra)
    if broker.messages and broker.messages[0][0] not in _WHOLE:
        yield ("repeat",)
        if broker.messages[0][0] != "position":  # all that may tell of strangers; it comes again
            yield ("lose",)
        if len(broker.messages) > 1:
            yield ("delay",)
    if world.situation.sessions:
        session = world.core.state.session
        yield from (("session", one.name) for one in sessions.FAULTS.get(session, ()))
    elif broker.linked:
        yield ("cut",)
        yield ("restart",)
    for ticket in broker.tickets.values():
        if ticket.phase != UNSENT:
            known = ticket.order_id in world.core.state.orders
            yield from _faults_of(broker, ticket, extra, known)


def _refusals(broker: Broker, extra: frozenset[str]) -> Iterator[Step]:
    """How the next request may fail otherwise than by a plain refusal."""
    if "denials" in extra and broker.target("cancel") is not None:
        yield ("deny",)
    if "revisions" in extra and (ticket := broker.target("amend")) is not None and ticket.group:
        yield ("revision", "kept")
        yield ("revision", "ended")
    if "omissions" in extra and broker.requests[0] == ("ask", "open_orders"):
        yield from (("omit", ticket.order_id) for ticket in broker.sent())


def _faults_of(
    broker: Broker, ticket: Ticket, extra: frozenset[str], known: bool
) -> Iterator[Step]:
    number = ticket.order_id
    if ticket.phase in (CANCELLED, REJECTED) and ticket.remaining > 0 and known:
        yield ("late", number)  # no later than has been seen: the core knows them for longer
    if "hearsay" in extra:
        yield from (("say", number, word) for word in _HEARSAY.get(ticket.phase, _UNKNOWN + _STALE))
    if "corrections" in extra and ticket.fills and ticket.fills[-1].revision == 1 and known:
        yield ("correct", number)
        if not ticket.live:
            yield ("bust", number)
    if not ticket.live:
        return
    yield ("drop", number)
    if "changes" in extra and ticket.phase in (HELD, WORKING) and ticket.price is not None:
        yield ("change", number, "larger")
        if ticket.remaining > 1:
            yield ("change", number, "smaller")
        if not ticket.percent:
            yield ("change", number, "moved")
    if not ticket.fills or "hearsay" in extra:
        yield ("reject", number)
    if ticket.phase == ENDING:
        yield ("accept", number)  # its cancel has failed
    elif "holds" in extra and ticket.phase != INACTIVE:
        yield ("hold", number)
    if ticket.group and broker.fillable(ticket):
        yield ("overfill", number)


def fair(world: Standing) -> Step | None:
    """What happens next when nothing goes wrong any more and nobody asks for anything: all
    arrives, market orders and entries fill, deadlines come. None: nothing is left."""
    broker = world.broker
    linking = _linking(world)
    if linking and linking[0] != ("sync",):
        return linking[0]
    if broker.requests:
        return ("take",)
    if broker.messages:
        return ("deliver",)
    if linking:
        return linking[0]
    if broker.aside:
        return ("release",)
    for ticket in broker.live():
        if ticket.phase in (PENDING, INACTIVE):
            return ("accept", ticket.order_id)
        if ticket.phase == ENDING:
            return ("finish", ticket.order_id)
        plain = ticket.kind == "MKT" or not ticket.group  # an exit is in one, but for a close
        if plain and (most := broker.fillable(ticket)):
            return ("fill", ticket.order_id, most)
    if world.core.state.frozen and (ends := _strangers_end(world)):
        return ends[0]
    return ("wait",) if _may_wait(world) else None
