"""One session with TWS or IB Gateway: from a socket to a state that may be traded on.

The law. Only ``live`` sends what is not a question. Nothing is live before every snapshot of
this epoch has ended and was reconciled, and after every break upstream that is done anew. A
missed heartbeat is a lost connection, because a half-open socket reports nothing.
"""

from typing import ClassVar

from statemachine import State, StateChart
from statemachine.model import Model

from statecharts.vocabulary import SessionEvent, SessionState


class SessionChart(StateChart[Model]):
    """The connection to the broker, over all its epochs."""

    REGIONS: ClassVar = (SessionState,)
    EVENTS: ClassVar = SessionEvent
    catch_errors_as_events = False
    allow_event_without_transition = False

    idle = State(initial=True)
    connecting = State()
    handshaking = State()
    syncing = State()
    live = State()
    degraded = State()
    lost = State()
    stopped = State(final=True)

    start = idle.to(connecting)
    socket_opened = connecting.to(handshaking)
    connect_failed = connecting.to(lost)
    handshake_done = handshaking.to(syncing)
    handshake_failed = handshaking.to(lost)
    synced = syncing.to(live)
    # Some builds never end a snapshot. The socket is kept, because executions still arrive on
    # it; the question is repeated by ``retry``.
    sync_overdue = degraded.from_(syncing, degraded)

    # 1100 repeats every few seconds, and may greet a client in its handshake: then the
    # snapshots do not end, and ``sync_overdue`` follows; or TWS answers from its memory, and
    # this follows their end.
    upstream_lost = handshaking.from_(handshaking) | degraded.from_(syncing, live, degraded)
    # Always a new sync, also without a loss that we have seen. 2110 has no closing code: a
    # probe that is answered counts as restored.
    upstream_restored = handshaking.from_(handshaking) | syncing.from_(syncing, live, degraded)

    # In ``lost``: the old socket's end, or a beat that was under way.
    heartbeat_missed = lost.from_(handshaking, syncing, live, degraded, lost)
    socket_closed = lost.from_(connecting, handshaking, syncing, live, degraded, lost)
    retry = lost.to(connecting) | degraded.to(syncing)
    stop = stopped.from_(idle, connecting, handshaking, syncing, live, degraded, lost)
