"""What watches over the process from outside: systemd's notifications, and a heartbeat file.

Both beat only when the writer has answered: a process that hangs falls silent. A lost session is
no reason to be started again (protection works at the broker, and the session is opened anew), so
systemd hears of it in its status only; whoever must be woken reads it in the file.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from engine.view import EngineView

BEAT_S: Final = 1.0


class Supervision:
    """``heartbeat`` is a file that is replaced as a whole every second; ``environment`` names
    systemd's socket and how often it wants to hear, as it gives them to a service."""

    def __init__(
        self, heartbeat: Path | None = None, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._file = heartbeat
        self._address = environment.get("NOTIFY_SOCKET", "")
        watchdog_s = int(environment.get("WATCHDOG_USEC", "0") or 0) / 1e6
        # Twice in the time after which it would be taken for dead.
        self._every_s = min(BEAT_S, watchdog_s / 2) if watchdog_s else BEAT_S
        self._watched = watchdog_s > 0
        self._beat_s = 0.0
        self._ready = False

    @property
    def wanted(self) -> bool:
        return bool(self._address) or self._file is not None

    def seen(self, view: EngineView, now_s: float) -> None:
        """The writer has answered, at ``now_s`` on a monotonic clock."""
        if not self.wanted or (self._beat_s and now_s - self._beat_s < self._every_s):
            return
        self._beat_s = now_s
        words = [f"STATUS=session {view.session}{', halted' if view.halt else ''}"]
        if self._watched:
            words.append("WATCHDOG=1")
        if view.session == "live" and not self._ready:
            self._ready = True
            words.append("READY=1")
        self._write(view)
        self._notify(words)

    def stopping(self) -> None:
        self._notify(["STOPPING=1"])
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.unlink()

    def _notify(self, words: list[str]) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        # Nobody may be held up, or fall, because the one who watches does not listen.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock,
        ):
            sock.setblocking(False)
            sock.sendto("\n".join(words).encode(), address)

    def _write(self, view: EngineView) -> None:
        if self._file is None:
            return
        beat = {
            "time": time.time(),
            "pid": os.getpid(),
            "session": view.session,
            "halted": bool(view.halt),
            "frozen": [one.symbol for one in view.symbols if one.frozen],
            "held": sum(bool(one.quantity) for one in view.symbols),
            "open_orders": len(view.orders),
        }
        draft = self._file.with_name(self._file.name + "-new")
        with contextlib.suppress(OSError):  # a full disk must not end what guards positions
            draft.write_bytes(orjson.dumps(beat) + b"\n")
            draft.replace(self._file)
