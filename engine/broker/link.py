"""One connection and what was made for it: it lives and dies with its socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from _fast.market import Market
from _fast.reader import Reader
from engine.broker.account_question import AccountQuestion
from engine.broker.connection import Connection
from engine.broker.inbound import Inbound
from engine.broker.pacing import Pacer, Priority
from engine.broker.requests import Requests
from engine.broker.sync import RequestIds, Snapshots
from engine.capture import Capture
from engine.commands import Amend, AskAccount, Cancel, Command, OrderSpec, Place
from engine.errors import UserError
from engine.inputs import ErrorReported, Instrument
from engine.loggers import logger

REFUSED_HERE: Final = 321  # TWS's own code for a request that fails its validation
_LOG = logger("engine.broker")


@attrs.define
class Link:
    connection: Connection
    reader: Reader
    requests: Requests
    inbound: Inbound
    snapshots: Snapshots
    account: AccountQuestion
    pacer: Pacer
    _owed: bytes = b""  # the rest of frames of which a part has left

    @classmethod
    def over(
        cls,
        connection: Connection,
        market: Market,
        wake_fd: int,
        messages_per_s_max: int,
        ids: RequestIds,
        capture: Capture | None = None,
    ) -> Link:
        version = connection.server_version
        requests = Requests(version)
        reader = connection.reader(market, wake_fd)
        if capture is not None:
            capture.connected(version, connection.leftover)
            if capture.going:
                reader.record(capture.fd)
        return cls(
            connection=connection,
            reader=reader,
            requests=requests,
            inbound=Inbound(version),
            snapshots=Snapshots(requests, ids),
            account=AccountQuestion(requests, ids),
            pacer=Pacer(messages_per_s_max),
        )

    def submit(self, priority: Priority, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self.pacer.submit(priority, frame)

    def carry_out(
        self, command: Command, instruments: Mapping[str, Instrument], priority: Priority | None
    ) -> list[ErrorReported]:
        """Queue what a command says; an error in TWS's own terms if it cannot be written."""
        if isinstance(command, Place | Amend):
            return self.place(command, instruments.get(command.symbol), priority)
        if isinstance(command, AskAccount):
            self.submit(Priority.QUERY, self.account.ask())
        else:
            told = f"{type(command).__name__} is no command for a broker"
            assert isinstance(command, Cancel), told
            self.cancel(command)
        return []

    def place(
        self, command: Place | Amend, instrument: Instrument | None, priority: Priority | None
    ) -> list[ErrorReported]:
        """Queue an order; an error in TWS's own terms if it cannot be written."""
        try:
            frame = self.order_frame(command, instrument)
        except (ValueError, UserError) as problem:
            _LOG.error("order %s was not sent: %s", command.order_id, problem)
            return [ErrorReported(command.order_id, REFUSED_HERE, f"not sent: {problem}")]
        chosen = _urgency(command.spec) if priority is None else priority
        self.pacer.submit(chosen, frame, command.order_id)
        return []

    def order_frame(self, command: Place | Amend, instrument: Instrument | None) -> bytes:
        """Raises ValueError or UserError: it cannot be written."""
        if instrument is None:
            raise ValueError(f"{command.symbol} is not defined by TWS")
        return self.requests.place(command.order_id, instrument, command.spec)

    def cancel(self, command: Cancel) -> None:
        """Queue a cancel: it overtakes everything but its own order. A number that TWS has told
        and nobody can send is not one of ours to cancel."""
        try:
            frame = self.requests.cancel(command.order_id)
        except ValueError as problem:
            _LOG.error("order %s cannot be cancelled: %s", command.order_id, problem)
            return
        held = command.order_id if self.pacer.holds(command.order_id) else None
        self.pacer.submit(Priority.CANCEL_PROTECT, frame, held)

    def room(self, mono_ns: int) -> int:
        """How many frames could leave at once now."""
        return self.pacer.room(mono_ns) if self.connection.writable else 0

    @property
    def room_max(self) -> int:
        """How many frames can leave at once at the very most."""
        return self.pacer.room_max

    @property
    def urgent(self) -> bool:
        """Whether an order or a cancel has not left yet."""
        return bool(self._owed) or self.pacer.urgent

    def left(self, frames: int, rest: bytes, mono_ns: int) -> None:
        """So many have left by the reader's hand, but for a ``rest``, which ``flush`` sends before
        anything else."""
        self.pacer.left(frames, mono_ns)
        self._owed += rest

    def flush(self, mono_ns: int) -> None:
        """Send what the pacing allows now. Raises LinkError if the peer does not take it."""
        if not (self._owed or len(self.pacer)):
            return
        data = self._owed + b"".join(self.pacer.release(mono_ns))
        self._owed = b""
        if data:
            self.connection.send(data)

    def close(self) -> int:
        """Close the socket; returns how many frames had not left."""
        self.connection.close()
        return self.pacer.clear()


def _urgency(spec: OrderSpec) -> Priority:
    """What protects goes first. Nothing here tells an entry from an exit, and an exit must not
    wait; floods of entries are the risk gate's to stop."""
    if spec.order_type.startswith(("STP", "TRAIL")):
        return Priority.CANCEL_PROTECT
    return Priority.EXIT
