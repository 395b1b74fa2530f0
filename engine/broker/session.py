"""The session with TWS: what drives its chart, and everything that crosses the socket.

It has no thread. The runtime's writer thread calls it with what arrived and with the time, and
gets inputs for the core back; all times here are CLOCK_MONOTONIC nanoseconds. Every change of
the chart's state is told as a SessionChanged, so the core steps the same table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from _fast.market import Market
from _fast.reader import Reader
from engine.broker import accounts, library
from engine.broker.clock import ExchangeClock, due, pause
from engine.broker.connection import Connection, LinkError
from engine.broker.feed import Feed
from engine.broker.handshake import shake
from engine.broker.inbound import (
    AccountNotice,
    BarsEnded,
    BarsReceived,
    ExecutionsEnded,
    Notice,
    TimeTold,
)
from engine.broker.link import Link
from engine.broker.order_messages import ACCOUNT_VALUE, PLAIN, Message, account_reported
from engine.broker.pacing import Priority
from engine.broker.sockets import SOCKETS
from engine.broker.sync import KINDS, ORDER_ID_FIRST, Definitions, RequestIds
from engine.broker.transport import Stopped, Transport
from engine.broker.upstream import Upstream
from engine.capture import Capture
from engine.commands import Command, Snapshot
from engine.config import Broker, Strategy
from engine.errors import ConnectError, DecodeError
from engine.inputs import (
    AccountsListed,
    ErrorReported,
    Input,
    OrderIdGranted,
    SessionChanged,
    SnapshotEnded,
    SnapshotKind,
)
from engine.loggers import logger
from engine.tws_errors import DATA_LOST
from statecharts.lower import table
from statecharts.session import SessionChart
from statecharts.vocabulary import SessionEvent, SessionState

SECOND_NS: Final = 1_000_000_000
SYNCS_OVERDUE_MAX: Final = 3  # in a row; then the socket itself is given up
QUERY_FIRST_S: Final = 0.5  # from an unreadable message to the question what is true
QUERY_MAX_S: Final = 60.0
_STATES: Final = {int(one): one for one in SessionState}  # asked several times a turn
_LOG = logger("engine.broker")


class Session:
    """One client of one TWS, over all its connections.

    Args:
        market: gets one row per symbol of ``strategy`` (``rows``), and all market data.
        wake_fd: passed to the reader; a wake-up during ``connect`` is swallowed, so look into
            the inbox after it.
        first_epoch: number of the latest connection of this journal; the next one counts on.
        transport: clock and connections; those of this machine, or of a simulation.
    """

    def __init__(
        self,
        broker: Broker,
        strategy: Strategy,
        market: Market,
        wake_fd: int,
        first_epoch: int,
        transport: Transport = SOCKETS,
    ) -> None:
        self.broker = broker
        self.epoch = first_epoch
        self.account = broker.account
        self.problem: ConnectError | None = None  # why the latest attempt to connect failed
        self.exchange_clock = ExchangeClock(broker.clock_rate)
        self.feed = Feed(strategy, broker.tick_by_tick_max, market)
        self.definitions = Definitions(strategy.symbols)
        self.upstream = Upstream()
        self.unreadable: Counter[str] = Counter()  # reason -> messages
        self.dropped = 0  # frames that were never sent because the connection was gone
        self.server_version = 0
        self.capture: Capture | None = None
        self.transport = transport
        self._market = market
        self._wake_fd = wake_fd
        self._ids = RequestIds()
        self._sees_others = strategy.foreign_orders != "ignore"
        self.link: Link | None = None  # the connection, while there is one
        self._table = table(SessionChart)
        self._state = self._table.initial
        # deadlines, None while nothing is due
        self._retry_ns: int | None = None
        self._sync_ns: int | None = None
        self._beat_ns: int | None = None
        self._answer_ns: int | None = None  # a beat is under way
        self._query_ns: int | None = None
        self._failures = self._overdue = self._queries = 0
        self._data_lost = False

    # -- what the runtime asks ----------------------------------------------------------------

    @property
    def state(self) -> SessionState:
        return _STATES[self._state[0]]

    @property
    def reader(self) -> Reader | None:
        """Reads the connection; None while there is none."""
        return None if self.link is None else self.link.reader

    @property
    def rows(self) -> dict[str, int]:
        """The market's row of every symbol."""
        return self.feed.rows

    @property
    def wants_connect(self) -> bool:
        """Whether ``connect`` is due: at the start, and when a retry has come."""
        return self.state in (SessionState.IDLE, SessionState.CONNECTING)

    def next_deadline_ns(self) -> int | None:
        """When ``on_time`` or ``flush`` has something to do, whatever arrives."""
        if self.link is None:
            return self._retry_ns
        times = [self._retry_ns, self._sync_ns, self._beat_ns, self._answer_ns, self._query_ns]
        times += [self.feed.proof_due_ns, self.link.pacer.next_release_ns()]
        if self._state[0] == SessionState.LIVE:
            times += [self.definitions.prepare_ns, self.feed.next_history_ns()]
        return min([due for due in times if due is not None], default=None)

    # -- connecting ---------------------------------------------------------------------------

    def connect(self, should_stop: Callable[[], bool]) -> list[Input]:
        """One attempt, within the time limits of the configuration. If TWS cannot be reached,
        ``problem`` says why, and ``on_time`` will ask for another attempt.

        Raises:
            ConfigError: the host, the ibapi installation, or a symbol is wrong.
        """
        out: list[Input] = []
        if self.state is SessionState.IDLE:
            out += self._step(SessionEvent.START)
        elif self.state is SessionState.LOST:
            out += self._step(SessionEvent.RETRY)
        assert self.state is SessionState.CONNECTING, self.state
        self.epoch += 1
        self.problem = self._retry_ns = None
        newest = library.load().max_client_version
        try:
            connection = Connection.open(self.broker, should_stop, newest, self.transport)
        except Stopped:
            return out + self._lost(SessionEvent.CONNECT_FAILED, "stopped while connecting")
        except ConnectError as problem:
            self.problem = problem
            return out + self._lost(SessionEvent.CONNECT_FAILED, str(problem))
        link = self._adopt(connection)
        out += self._step(SessionEvent.SOCKET_OPENED, f"server version {self.server_version}")
        return out + self._shake(link, should_stop)

    def _adopt(self, connection: Connection) -> Link:
        own = self.broker.messages_per_s_max, self._ids, self.capture
        link = self.link = Link.over(connection, self._market, self._wake_fd, *own)
        self.server_version = connection.server_version
        if self.exchange_clock.set:
            link.reader.set_clock(*self.exchange_clock.anchor, self.exchange_clock.rate)
        self.upstream = Upstream()
        self._overdue = self._queries = 0
        self._data_lost = False
        return link

    def _shake(self, link: Link, should_stop: Callable[[], bool]) -> list[Input]:
        seen: list[Input] = []
        self._answer_ns = self.transport.monotonic_ns() + SECOND_NS  # until a TimeTold
        try:
            own = self.transport, self.broker
            shake(link, *own, self.hear, lambda: self._answer_ns is None, seen, should_stop)
        except (ConnectError, LinkError) as problem:
            self.problem = ConnectError(str(problem))
            return seen + self._lost(SessionEvent.HANDSHAKE_FAILED, str(problem))
        try:
            listed = next(found.accounts for found in seen if isinstance(found, AccountsListed))
            self.account = accounts.choose(self.broker, listed, self.account)
        except ConnectError as problem:
            self.problem = problem
            return seen + self._lost(SessionEvent.HANDSHAKE_FAILED, str(problem))
        now = self.transport.monotonic_ns()
        seen += self._step(SessionEvent.HANDSHAKE_DONE, link.connection.connection_time)
        seen += self._start_sync(link, now)
        link.submit(Priority.QUERY, [link.requests.account_updates(True, self.account)])
        self._beat_ns = now + round(self.broker.heartbeat_s * SECOND_NS)
        return seen + self.flush(now)

    # -- messages -----------------------------------------------------------------------------

    def hear(self, messages: Iterable[tuple[int, Message]]) -> list[Input]:
        """What messages of ``reader.take`` mean for the core, each with its arrival; what they say
        of the account comes last and together. Raises ConfigError: TWS does not know a symbol of
        the strategy (first sync only).
        """
        out: list[Input] = []
        account: list[Message] = []
        for mono_ns, message in messages:
            if (link := self.link) is None:
                break  # the rest is of a connection that was closed meanwhile
            try:
                if (read := PLAIN.get(message[0])) is not None:
                    out.append(read(message))
                elif message[0] == ACCOUNT_VALUE:
                    account.append(message)
                else:
                    for found in link.inbound.inputs(message, self.epoch):
                        out += self._found(link, found, mono_ns)
                    out += self._synced(link)
            except DecodeError as problem:
                self._puzzled(problem, mono_ns)
        out += account_reported(account)
        return out

    def _found(self, link: Link, found: Input | Notice, mono_ns: int) -> list[Input]:
        if isinstance(found, Notice):
            return self._notice(link, found, mono_ns)
        if isinstance(found, SnapshotEnded):
            return link.snapshots.ended(found.kind, self.epoch)
        if isinstance(found, ErrorReported):
            return [found, *self._error(link, found, mono_ns)]
        if isinstance(found, OrderIdGranted):
            return [OrderIdGranted(max(found.next_order_id, ORDER_ID_FIRST))]
        return [found]

    def _notice(self, link: Link, notice: Notice, mono_ns: int) -> list[Input]:
        if isinstance(notice, TimeTold):
            self._answer_ns = None
            clock, told = self.exchange_clock, (notice.time_ns, notice.resolution_ns)
            return clock.follow(link.reader, mono_ns, *told)
        if isinstance(notice, ExecutionsEnded):
            return link.snapshots.executions_ended(notice.request_id, self.epoch)
        if isinstance(notice, BarsReceived):
            self.feed.bars(notice.request_id, notice.bars)
        elif isinstance(notice, BarsEnded):
            self.feed.bars_ended(notice.request_id, self.exchange_clock.now_ns(mono_ns))
        else:
            if isinstance(notice, AccountNotice):
                frames, out = link.account.heard(notice, self.account)
            else:
                frames, out = self.definitions.heard(notice, link.requests)
            link.submit(Priority.QUERY, frames)
            return out
        return []

    def _puzzled(self, problem: DecodeError, mono_ns: int) -> None:
        """An unreadable message may have been a fill: ask what is true, ever more slowly if the
        answer is unreadable too."""
        self.unreadable[str(problem)] += 1
        _LOG.error("a message of TWS cannot be read: %s", problem)
        if self._query_ns is None:
            self._query_ns = mono_ns + pause(QUERY_FIRST_S, QUERY_MAX_S, self._queries)
            self._queries += 1

    def _error(self, link: Link, error: ErrorReported, mono_ns: int) -> list[Input]:
        code, text = error.code, error.text
        change = self.upstream.heard(code, text)
        detail = f"{code} {text}"
        if change == "lost":
            self._sync_ns = self._retry_ns = None
            if self.state is SessionState.SYNCING:
                # Nothing is subscribed yet: without data that are asked for later, only a closing
                # code, which may never come, could say that the way is back.
                self.feed.demand_proof(mono_ns)
            return self._step(SessionEvent.UPSTREAM_LOST, detail)
        if change == "restored":
            return self._upstream_restored(link, mono_ns, detail, data_lost=code == DATA_LOST)
        if (told := self.definitions.failed(error.request_id, code, text)) is None:
            self.feed.failed(error.request_id, code, text, mono_ns)
        return told or []

    def _upstream_restored(
        self, link: Link, mono_ns: int, detail: str, data_lost: bool = False
    ) -> list[Input]:
        if data_lost:
            self._data_lost = True
        else:
            self.feed.demand_proof(mono_ns)
        out = self._step(SessionEvent.UPSTREAM_RESTORED, detail)
        return out + self._start_sync(link, mono_ns) if self.state is SessionState.SYNCING else out

    # -- sync ---------------------------------------------------------------------------------

    def _start_sync(self, link: Link, mono_ns: int) -> list[Input]:
        self._sync_ns = mono_ns + round(self.broker.sync_timeout_s * SECOND_NS)
        self._retry_ns = None
        out = [told for kind in KINDS for told in self._ask(link, kind, others=True)]
        link.submit(Priority.QUERY, self.definitions.start(link.requests, self._ids))
        return out

    def _ask(self, link: Link, kind: SnapshotKind, others: bool) -> list[Input]:
        frames, out = link.snapshots.ask(kind, self.epoch, others, self.transport.monotonic_ns())
        link.submit(Priority.QUERY, frames)
        return out

    def _synced(self, link: Link) -> list[Input]:
        if self._state[0] != SessionState.SYNCING or self._missing(link):
            return []
        self._sync_ns = None
        self._failures = self._overdue = 0
        if self._data_lost:
            self.feed.forget()
            self._data_lost = False
        # TWS may answer from memory without its server: that is nothing to trade on.
        out = self._step(SessionEvent.UPSTREAM_LOST if self.upstream.lost else SessionEvent.SYNCED)
        self.definitions.unprepared(self.transport.monotonic_ns())
        frames = self.feed.subscribe(self.definitions.instruments, link.requests, self._ids)
        link.submit(Priority.DATA, frames)
        return out

    def _missing(self, link: Link) -> list[str]:
        return [*link.snapshots.waiting, *self.definitions.waiting]

    def _sync_overdue(self, link: Link, mono_ns: int) -> list[Input]:
        if (known := self.definitions.overdue()) and not self._missing(link):
            return known + self._synced(link)
        self._overdue += 1
        detail = f"{', '.join(self._missing(link))} did not end in {self.broker.sync_timeout_s:g} s"
        if self._overdue >= SYNCS_OVERDUE_MAX:
            # Ends of older questions could then be taken for those of newer ones.
            return self._lost(SessionEvent.SOCKET_CLOSED, f"{detail}: connecting anew")
        self._sync_ns = None
        self._retry_ns = mono_ns + self._retry_pause(self._overdue - 1)
        return self._step(SessionEvent.SYNC_OVERDUE, detail)

    # -- time ---------------------------------------------------------------------------------

    def on_time(self, mono_ns: int) -> list[Input]:
        """Whatever is due: beats and their answers, the sync's deadline, retries, history."""
        out: list[Input] = []
        if due(self._retry_ns, mono_ns):
            self._retry_ns = None
            out += self._step(SessionEvent.RETRY)
            if self.link is not None:
                out += self._start_sync(self.link, mono_ns)
        if self.link is None:
            return out
        if due(self._answer_ns, mono_ns):
            return out + self._lost(
                SessionEvent.HEARTBEAT_MISSED,
                f"no answer to a heartbeat in {self.broker.heartbeat_timeout_s:g} s",
            )
        if due(self._sync_ns, mono_ns):
            out += self._sync_overdue(self.link, mono_ns)
        if self.link is not None:  # an overdue sync may have ended it
            out += self._work(self.link, mono_ns)
        return out + self.flush(mono_ns)

    def _work(self, link: Link, mono_ns: int) -> list[Input]:
        out: list[Input] = []
        if due(self._query_ns, mono_ns):
            self._query_ns = None
            for kind in KINDS:
                out += self._ask(link, kind, self._sees_others)
        if due(self._beat_ns, mono_ns):
            if self.upstream.lost and self.upstream.proven(sum(self.feed.ticks().values())):
                out += self._upstream_restored(link, mono_ns, "market data flow again")
            self._beat_ns = mono_ns + round(self.broker.heartbeat_s * SECOND_NS)
            if self._answer_ns is None:
                self._answer_ns = mono_ns + round(self.broker.heartbeat_timeout_s * SECOND_NS)
                link.submit(Priority.CANCEL_PROTECT, [link.requests.current_time])
        own = self.definitions.instruments, link.requests, self._ids
        # Also when the way to IB is said to be lost: only data show that it is back.
        frames = self.feed.resubscribe_mute(mono_ns, *own)
        if self.state is SessionState.LIVE:
            frames += self.feed.ask_history(mono_ns, *own)
            self.definitions.prepare(mono_ns, link.requests, self.account, self.feed.outside_rth)
        link.submit(Priority.DATA, frames)
        return out

    # -- sending ------------------------------------------------------------------------------

    def perform(self, command: Command, priority: Priority | None = None) -> list[Input]:
        """Encode a command and queue it; ``flush`` (and ``on_time``) send what is queued, so an
        order command is durable before this call. Without a connection nothing is queued: the
        core has been told of the loss, and treats the order as unknown. Returns SnapshotStarted,
        or TWS's own error about an order that cannot be written."""
        link = self.link
        if link is None:
            self.dropped += 1
            return []
        if isinstance(command, Snapshot):
            limit_ns = SYNCS_OVERDUE_MAX * round(self.broker.sync_timeout_s * SECOND_NS)
            if link.snapshots.overdue(command.kind, self.transport.monotonic_ns(), limit_ns):
                waited = f"{command.kind} did not end in {limit_ns / SECOND_NS:g} s"
                return self._lost(SessionEvent.SOCKET_CLOSED, f"{waited}: connecting anew")
            return self._ask(link, command.kind, self._sees_others)
        return [*link.carry_out(command, self.definitions.instruments, priority)]

    def flush(self, mono_ns: int) -> list[Input]:
        """Send what the pacing allows now. A connection that takes no bytes is lost."""
        if self.link is not None:
            try:
                self.link.flush(mono_ns)
            except LinkError as problem:
                return self._lost(SessionEvent.SOCKET_CLOSED, str(problem))
        return []

    # -- endings ------------------------------------------------------------------------------

    def closed(self, reason: str) -> list[Input]:
        """The reader reported the end of the connection (hear its last messages first)."""
        return [] if self.link is None else self._lost(SessionEvent.SOCKET_CLOSED, reason)

    def stop(self) -> list[Input]:
        """Close in good order; orders at the broker stay as they are."""
        self._drop()
        self._retry_ns = None
        return self._step(SessionEvent.STOP)

    def _lost(self, event: SessionEvent, detail: str) -> list[Input]:
        self._drop()
        self._retry_ns = self.transport.monotonic_ns() + self._retry_pause(self._failures)
        self._failures += 1
        return self._step(event, detail)

    def _retry_pause(self, failures: int) -> int:
        return pause(self.broker.retry_first_s, self.broker.retry_max_s, failures)

    def _drop(self) -> None:
        self.feed.drop()
        self._sync_ns = self._beat_ns = self._answer_ns = self._query_ns = None
        if self.link is not None:
            self.dropped += self.link.close()
            self.link = None

    def _step(self, event: SessionEvent, detail: str = "") -> list[Input]:
        """Step the chart; an event without a row changes nothing and is not told."""
        reached = self._table.step(self._state, event)
        if reached is None:
            _LOG.warning("the session has no row for %s in %s", event.name, self.state.name)
            return []
        self._state = reached
        return [SessionChanged(event.name, self.epoch, detail)]
