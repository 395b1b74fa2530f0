"""The session as the broker layer may tell of it, event by event."""

from __future__ import annotations

from typing import Final

from statecharts.vocabulary import SessionEvent, SessionState

_S, _E = SessionState, SessionEvent
_ENDS: Final = (_E.HEARTBEAT_MISSED, _E.SOCKET_CLOSED, _E.STOP)
_UPSTREAM: Final = (_E.UPSTREAM_LOST, _E.UPSTREAM_RESTORED)

# What comes by itself; of these, the first if all goes well. A sync is more than an event.
USUAL: Final[dict[int, tuple[SessionEvent, ...]]] = {
    _S.IDLE: (_E.START,),
    _S.CONNECTING: (_E.SOCKET_OPENED,),
    _S.HANDSHAKING: (_E.HANDSHAKE_DONE,),
    _S.DEGRADED: (_E.UPSTREAM_RESTORED, _E.RETRY),
    _S.LOST: (_E.RETRY,),
}
FAULTS: Final[dict[int, tuple[SessionEvent, ...]]] = {
    _S.IDLE: (_E.STOP,),
    _S.CONNECTING: (_E.CONNECT_FAILED, _E.SOCKET_CLOSED, _E.STOP),
    _S.HANDSHAKING: (_E.HANDSHAKE_FAILED, *_UPSTREAM, *_ENDS),
    _S.SYNCING: (_E.SYNC_OVERDUE, *_UPSTREAM, *_ENDS),
    _S.LIVE: (*_UPSTREAM, *_ENDS),
    _S.DEGRADED: (_E.SYNC_OVERDUE, _E.UPSTREAM_LOST, *_ENDS),
    _S.LOST: _ENDS,
}
CUTS: Final = frozenset({_E.CONNECT_FAILED, _E.HANDSHAKE_FAILED, *_ENDS})  # the socket is gone
