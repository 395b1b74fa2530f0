"""The simulator as a child process: started, found again, asked, ended.

It runs in a session of its own, so that neither Ctrl-C nor the death of the engine takes it
along: a broker outlives its clients. Where it listens stands in a small file beside the journal,
and whoever answers there must prove to be the same process before it is believed.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import attrs
import cattrs
import orjson

from engine.child_process import command, last_line
from engine.errors import UserError

STATE_VERSION: Final = 1
ASK_TIMEOUT_S: Final = 10.0
END_TIMEOUT_S: Final = 5.0
KEPT_LINGER_S: Final = 600.0  # with a journal somebody may come back for the position
LINGER_S: Final = 30.0
HOST: Final = "127.0.0.1"
_LINE: Final = re.compile(
    r"simulator: listening on 127\.0\.0\.1:(\d+) .*control 127\.0\.0\.1:(\d+)"
)


@attrs.frozen(kw_only=True)
class Market:
    """What a simulator plays: tick files, or symbols that are generated for a day."""

    ticks: tuple[str, ...]  # absolute paths
    symbols: tuple[str, ...]
    seed: int

    def arguments(self) -> list[str]:
        chosen = ["--seed", str(self.seed)]
        if self.symbols:
            chosen += ["--symbols", ",".join(self.symbols)]
        for path in self.ticks:
            chosen += ["--ticks", path]
        return chosen


@attrs.frozen(kw_only=True)
class SimState:
    """What is needed to find a simulator again and to know it as the same."""

    version: int = STATE_VERSION
    pid: int
    port: int
    control_port: int
    instance: int
    market: Market
    day: str  # of a generated market, YYYYMMDD
    speed: float
    account: str
    created: str

    @classmethod
    def read(cls, path: Path) -> SimState | None:
        """The state in ``path``; None if there is none.

        Raises:
            UserError: there is one, but it is not what was written.
        """
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise UserError(f"{path}: cannot be read: {problem.strerror}") from None
        try:
            state = cattrs.structure(orjson.loads(body), cls)
        except (ValueError, TypeError, cattrs.BaseValidationError):
            state = None
        if state is None or state.version != STATE_VERSION:
            raise UserError(f"{path}: not the state of a simulator of this version; remove it")
        return state

    def to_json(self) -> bytes:
        return orjson.dumps(cattrs.unstructure(self), option=orjson.OPT_INDENT_2)


class SimChild:
    """A running simulator: one that was started here, or one that was found again."""

    def __init__(
        self, state: SimState, control: socket.socket, process: subprocess.Popen[bytes] | None
    ) -> None:
        self.state: Final = state
        self.resumed: Final = process is None
        self._control = control
        self._replies = control.makefile("rb")
        self._process = process
        self._errors: IO[bytes] | None = None
        self._left = False

    # -- starting and finding --------------------------------------------------------------------

    @classmethod
    def start(
        cls, market: Market, *, day: str, speed: float, account: str, instance: int, kept: bool
    ) -> Launch:
        """Begin to start one; ``Launch.wait`` gives it. ``kept``: it may outlive this process."""
        linger_s = KEPT_LINGER_S if kept else LINGER_S
        arguments = [
            *("--port", "0", "--control-port", "0", "--hold"),
            *("--linger", f"{linger_s}s", "--attended", f"{linger_s}s"),
            *("--speed", repr(speed), "--account", account, "--instance", str(instance)),
            *market.arguments(),
            *(("--day", day) if market.symbols else ()),
        ]
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - belongs to the child's whole life
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command("engine.cli"), "sim", *arguments],
            stdin=subprocess.PIPE,  # its end tells the child that we have gone
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        return Launch(process, errors, market, day, speed, account, instance)

    @classmethod
    def find(cls, state: SimState) -> SimChild | None:
        """The simulator of ``state`` if it still runs and is the same one."""
        control = _connected(state.control_port)
        if control is None:
            return None
        found = cls(state, control, None)
        try:
            about = found.about()
        except SimGone:
            about = {}
        if (about.get("pid"), about.get("instance")) != (state.pid, state.instance):
            found.leave()
            return None
        return found

    # -- asking ----------------------------------------------------------------------------------

    def about(self) -> dict[str, Any]:
        """pid, instance, market_over, clients. Raises SimGone."""
        return self._ask("about")

    def report(self) -> dict[str, Any]:
        """The exchange's own record. Raises SimGone."""
        return self._ask("report")

    def _ask(self, operation: str) -> dict[str, Any]:
        try:
            self._control.sendall(json.dumps({"op": operation}).encode() + b"\n")
            answer = self._replies.readline()
        except OSError:
            answer = b""
        if not answer.endswith(b"\n"):
            words = self._last_words()
            raise SimGone("the simulator has ended" + (f": {words}" if words else ""))
        try:
            data = orjson.loads(answer)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise SimGone("the simulator has ended, and something else answers on its port")
        return data

    def _last_words(self) -> str:
        """Why it ended, in its own line, if it is our child and said so."""
        if self._process is None:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_TIMEOUT_S)
        return last_line(self._errors) if self._errors is not None else ""

    # -- ending ----------------------------------------------------------------------------------

    def leave(self) -> None:
        """Let it run on by itself. Idempotent, and the end of this object."""
        if self._left:
            return
        self._left = True
        self._replies.close()
        self._control.close()
        for stream in (self._process.stdin if self._process else None, self._errors):
            if stream is not None:
                stream.close()
        if self._process is not None:
            # Popen warns of a child that is still there; this one is meant to be.
            self._process.returncode = self._process.poll() or 0

    def stop(self) -> None:
        """End it and wait until it is gone."""
        if self._left:
            return
        with contextlib.suppress(SimGone):
            self._ask("stop")
        if self._process is not None:
            try:
                self._process.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.leave()


class SimGone(UserError):  # noqa: N818  a state of the simulator
    """The simulator has ended; the text says so, with its last line if it had one."""


class Launch:
    """A simulator that is starting. Leaving the context before ``wait`` ends it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        errors: IO[bytes],
        market: Market,
        day: str,
        speed: float,
        account: str,
        instance: int,
    ) -> None:
        self._process = process
        self._errors = errors
        self._facts: dict[str, Any] = {
            "market": market,
            "day": day,
            "speed": speed,
            "account": account,
            "instance": instance,
        }
        self._taken = False

    def wait(self) -> SimChild:
        """Once it listens.

        Raises:
            UserError: its own line, if it could not start.
        """
        assert self._process.stdout is not None
        with self._process.stdout as output:
            line = output.readline().decode(errors="replace")
        match = _LINE.match(line)
        if match is None:
            self._process.wait(END_TIMEOUT_S)
            raise UserError(
                last_line(self._errors) or "the simulator did not start, and did not say why"
            )
        control = _connected(int(match[2]))
        if control is None:
            raise UserError("the simulator ended as soon as it listened")
        state = SimState(
            pid=self._process.pid,
            port=int(match[1]),
            control_port=int(match[2]),
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **self._facts,
        )
        self._taken = True
        child = SimChild(state, control, self._process)
        child._errors = self._errors
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._taken:
            self._process.kill()
            self._process.communicate()
            self._errors.close()


def _connected(port: int) -> socket.socket | None:
    try:
        return socket.create_connection((HOST, port), ASK_TIMEOUT_S)
    except OSError:
        return None
