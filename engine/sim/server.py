"""The simulated TWS on the loopback interface: sockets, threads and the real clock.

One thread does everything: it waits for clients or for the next tick, whichever is first, acts on
all that clients sent, and flushes the answers at once. Nothing else in ``engine.sim`` touches the
outside.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, TypeVar

from engine.errors import UserError
from engine.loggers import logger
from engine.sim.delivery import BACKLOG_BYTES_MAX
from engine.sim.exchange import Exchange
from engine.sim.fault_plan import FaultPlan
from engine.sim.faults import Fault
from engine.sim.gateway import Gateway
from engine.sim.operations import Operations
from engine.sim.pace import Pace, Player
from engine.sim.peers import Peers, listening
from engine.sim.records import MarketTick
from engine.sim.wire_messages import TEXT_MAX, VERSION_MAX, VERSION_MIN
from engine.sim.wire_protobuf import preload

WAIT_S_MAX: Final = 0.05  # real seconds until the clock is looked at again
CALL_S_MAX: Final = 30.0
SPEED_MAX: Final = 1e6  # a year in half a minute; faster, and the clock leaves the calendar
PIECE_S: Final = 0.001  # between the pieces of a fragmented connection
_LOG: Final = logger("engine.sim")
Result = TypeVar("Result")


class SimServer:
    """A TWS that runs anywhere.

    Args:
        exchange: the broker behind it.
        source: its market, in order of time; when it ends, the clock runs on.
        host: where clients connect; loopback, because TWS knows no authentication.
        port: where clients connect; 0 takes a free one, see ``port``.
        speed: exchange seconds that pass in one real second, fewer than a million.
        hold: the exchange's clock stands still while no client is connected.
        max_server_version: 176 to 226.
        control_port: a second port for ``report``, ``clock`` and ``stop``; None for none, 0 free.
        backlog_bytes_max: of what waits for one connection; a slower one is disconnected.
        linger_s: end by itself this many seconds after the last client has left; None never.
        faults: what is to go wrong.
        seed: of the chances of faults.

    Raises:
        UserError: a setting is out of range.
    """

    def __init__(
        self,
        exchange: Exchange,
        source: Iterator[MarketTick],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1.0,
        hold: bool = False,
        max_server_version: int = VERSION_MAX,
        control_port: int | None = None,
        linger_s: float | None = None,
        backlog_bytes_max: int = BACKLOG_BYTES_MAX,
        faults: Sequence[Fault] = (),
        seed: int = 0,
    ) -> None:
        if not 0 < speed < SPEED_MAX:
            raise UserError(f"speed {speed:g}: must be above 0 and below {SPEED_MAX:g}")
        if not VERSION_MIN <= max_server_version <= VERSION_MAX:
            bounds = f"{VERSION_MIN} to {VERSION_MAX}"
            raise UserError(f"server version {max_server_version}: must be {bounds}")
        plan = FaultPlan(faults, seed, exchange.now_ns) if faults else None
        self.gateway = Gateway(exchange, max_server_version, backlog_bytes_max, plan)
        self._pace = Pace(speed, exchange.now_ns)
        self._player = Player(self.gateway, iter(source), self._pace, time.monotonic_ns)
        self.operations = Operations(
            self.gateway, self._player, self._pace, seed, time.monotonic_ns, self.end
        )
        self._host, self._wanted, self._wanted_control = host, port, control_port
        self._hold, self._linger_s = hold, linger_s
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._control: socket.socket | None = None
        self._wake_in, self._wake_out = socket.socketpair()
        self._peers = Peers(self._selector, self.gateway, self._player, self.operations)
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._empty_since_ns = 0  # real; 0: a client is there, or none has ever been
        self._stopping = self._closed = False

    # -- life ----------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        assert self._listener is not None, "the server does not listen yet"
        number: int = self._listener.getsockname()[1]
        return number

    @property
    def control_port(self) -> int | None:
        if self._control is None:
            return None
        number: int = self._control.getsockname()[1]
        return number

    @property
    def market_over(self) -> bool:
        """Whether the source has been played to its end; the clock runs on."""
        return self._player.over

    def listen(self) -> None:
        """Open the ports. Raises UserError naming the port that cannot be had, and the mend."""
        try:
            self._listener = listening(self._host, self._wanted)
            if self._wanted_control is not None:
                self._control = listening(self._host, self._wanted_control)
        except UserError:
            self._close()
            raise
        self._wake_in.setblocking(False)
        for waiting in (self._listener, self._control, self._wake_in):
            if waiting is not None:
                self._selector.register(waiting, selectors.EVENT_READ)
        if self.gateway.max_server_version > TEXT_MAX:
            # A quarter of a second of imports, which the first client would otherwise wait for.
            threading.Thread(target=self._preload, name="sim-preload", daemon=True).start()

    def _preload(self) -> None:
        if not preload():
            _LOG.warning("the installed ibapi has no complete protobuf schema: text only")
            self.gateway.max_server_version = TEXT_MAX

    def start(self) -> SimServer:
        """Listen, and serve from a thread of its own."""
        assert self._thread is None, "the server has been started"
        self.listen()
        self._thread = threading.Thread(target=self._run, name="sim-server", daemon=True)
        self._thread.start()
        return self

    def _run(self) -> None:
        try:
            self.serve()
        except BaseException as problem:  # raised again by stop(), in the thread that can act
            self._failure = problem

    def stop(self) -> None:
        """End serving and close everything. Raises what made the serving thread fail."""
        self._stopping = True
        self._wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._close()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def end(self) -> None:
        """Ask it to end, from any thread or a signal handler, without waiting for it."""
        self._stopping = True
        self._wake()

    @property
    def visited(self) -> bool:
        """Whether a client has ever introduced itself."""
        return self._empty_since_ns != 0

    def __enter__(self) -> SimServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._run_calls()
        for owned in (self._listener, self._control, self._wake_in, self._wake_out):
            if owned is not None:
                owned.close()
        self._peers.close()
        self._selector.close()

    # -- calls from other threads --------------------------------------------------------------

    def call(self, what: Callable[[], Result]) -> Result:
        """Do ``what`` in the serving thread, where the exchange may be touched; here, once that
        thread has come to its end."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return what()
        future: Future[Result] = Future()
        self._calls.append((what, future))
        self._wake()
        if self._closed:
            thread.join()
            self._run_calls()
        return future.result(CALL_S_MAX)

    def report(self) -> dict[str, Any]:
        """The oracle's report with the state of clock, market, faults and clients."""
        return self.call(lambda: self.operations.report(present=not self._closed))

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it wakes anyway; closed: nobody is there
            self._wake_out.send(b"\0")

    def _run_calls(self) -> None:
        while self._calls:
            what, future = self._calls.popleft()
            try:
                future.set_result(what())
            except Exception as problem:  # belongs to the caller, who gets it from the future
                future.set_exception(problem)

    # -- serving -------------------------------------------------------------------------------

    def serve(self) -> None:
        """Serve until stopped, by ``stop``, by the control channel, or by lingering alone.

        Raises:
            UserError: the market's source is damaged, or has a symbol the exchange does not know.
        """
        try:
            if not self._hold:
                self._pace.run(time.monotonic_ns())
            while not self._stopping:
                self._turn()
        finally:
            self._close()

    def _turn(self) -> None:
        """Wait, then clients first: an order must not queue behind a burst of ticks."""
        longest_s = PIECE_S if self._peers.in_pieces else WAIT_S_MAX
        for key, mask in self._selector.select(self._player.wait_s(longest_s)):
            if key.fileobj is self._wake_in:
                self._wake_in.recv(4096)
            elif key.fileobj is self._listener or key.fileobj is self._control:
                self._peers.accept(key.fileobj, key.fileobj is self._control)
            else:
                self._peers.serve(key.data, mask)
        self._run_calls()
        self._player.play()
        self._peers.flush_all()
        self._set_pace()

    def _set_pace(self) -> None:
        """Hold or run the clock, and end when it was agreed to."""
        real_ns = time.monotonic_ns()
        present = any(client.client_id is not None for client in self.gateway.clients)
        if self._hold and present != self._pace.running:
            if present:
                self._pace.run(real_ns)
            else:
                self._pace.hold(real_ns)
        if present:
            self._empty_since_ns = -1
        elif self._empty_since_ns == -1:
            self._empty_since_ns = real_ns
        lingers = self._linger_s is not None and self._empty_since_ns > 0
        if lingers and real_ns - self._empty_since_ns >= (self._linger_s or 0) * 1e9:
            self._stopping = True
