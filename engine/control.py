"""The way to a running engine from a shell on the same machine: status, halt, resume, flatten.

A Unix socket beside the journal, one JSON object a line in and one out. The kernel says who is at
the other end, and only the user the engine runs as (or root) is answered; nothing secret is kept
anywhere. Requests become inputs like any other, so what a person orders is on record.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from engine.errors import EngineError, UserError
from engine.loggers import logger

LINE_BYTES_MAX: Final = 4096
ADDRESS_BYTES_MAX: Final = 100  # of a Unix socket: 108 with what binding adds
TALK_S: Final = 10.0  # for one request and its answer
ACCEPT_AGAIN_S: Final = 0.1
LATE: Final = "no answer yet: the engine is connecting, and does what was asked as soon as it can"
_LOG = logger("engine.control")
Operation = Callable[[dict[str, Any]], dict[str, Any]]


def control_path(journal: Path | None) -> Path:
    """Where the engine of this process listens: beside its journal; without one, in a directory
    of the user's, by its process number. A path too long for a socket gives way to its hash."""
    if journal is None:
        return _directory() / f"order-engine-{os.getpid()}.control"
    beside = journal.absolute().with_name(journal.name + ".control")
    if len(os.fsencode(beside)) <= ADDRESS_BYTES_MAX:
        return beside
    digest = hashlib.blake2b(os.fsencode(journal.absolute()), digest_size=8).hexdigest()
    return _directory() / f"order-engine-{digest}.control"


def find_control(journal: Path | None) -> Path:
    """Where the engine listens that a person means.

    Raises:
        UserError: no journal is named, and not exactly one engine runs.
    """
    if journal is not None:
        return control_path(journal)
    found = [one for one in sorted(_directory().glob("*.control")) if not _is_dead(one)]
    if len(found) != 1:
        many = f"; one of: {', '.join(map(str, found))}" if found else ""
        raise UserError(
            f"{len(found) or 'no'} engines without a journal listen; name yours with --journal or "
            f"--control{many}"
        )
    return found[0]


def _directory() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime or tempfile.gettempdir()) / f"order-engine-{os.getuid()}"


class ControlServer:
    """Answers requests, one connection after the other, on a thread of its own.

    Raises:
        UserError: the socket cannot be made there, or another engine listens on it.
    """

    def __init__(self, path: Path, operations: Mapping[str, Operation]) -> None:
        self.path = path
        self._operations = operations
        self._closing = False
        self._socket = _listen(path)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._socket.close()
        self.path.unlink(missing_ok=True)
        if self._thread.is_alive():
            self._thread.join(TALK_S)

    def _serve(self) -> None:
        self._socket.settimeout(0.2)  # so that a close is noticed
        while not self._closing:
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                # While it runs: no file is left to open, or whoever came is gone again. The kill
                # switch must be there in the next moment all the same.
                time.sleep(ACCEPT_AGAIN_S)
                continue
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(TALK_S)
            if _user_of(connection) not in (os.getuid(), 0):
                answer: dict[str, Any] = {"error": "only the engine's own user may ask"}
            else:
                answer = self._answer(_read_line(connection))
            connection.sendall(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        except OSError:
            return  # whoever asked is gone; a request that was taken stays on record

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
        except (ValueError, RecursionError):
            return {"error": "not a line of JSON"}
        return perform(self._operations, asked)


def perform(operations: Mapping[str, Operation], asked: Any) -> dict[str, Any]:
    """Do what is asked for, and answer; whatever is wrong with it is the answer's ``error``."""
    name = asked.get("op") if isinstance(asked, dict) else None
    operation = operations.get(name) if isinstance(name, str) else None
    if operation is None:
        return {"error": f"unknown operation; op is one of {', '.join(operations)}"}
    try:
        return operation(asked)
    except TimeoutError:
        return {"error": LATE}
    except (EngineError, ValueError) as problem:
        return {"error": str(problem) or type(problem).__name__}
    except Exception as problem:  # a defect of ours; the kill switch goes on being there
        _LOG.exception("a request for %s failed", name)
        return {"error": f"{type(problem).__name__}: {problem}"}


def ask(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the engine that listens at ``path``.

    Raises:
        UserError: none does, or it refuses; says which and what to do.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TALK_S)
            connection.connect(str(path))
            connection.sendall(json.dumps(dict(request)).encode() + b"\n")
            line = _read_line(connection)
    except (FileNotFoundError, ConnectionRefusedError):
        raise UserError(
            f"{path}: no engine listens there; is it running, on this journal?"
        ) from None
    except OSError as problem:
        raise UserError(f"{path}: {problem.strerror or problem}") from None
    try:
        answer: dict[str, Any] = json.loads(line)
    except ValueError:
        raise UserError(f"{path}: the engine ended before it answered") from None
    if "error" in answer:
        told = answer["error"]
        raise UserError(told if told == LATE else f"the engine refused: {told}")
    return answer


def _listen(path: Path) -> socket.socket:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_socket() and _is_dead(path):
            path.unlink()  # left behind by an engine that was killed
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            made.bind(str(path))
        finally:
            os.umask(before)
        made.listen(4)
    except OSError as problem:
        raise UserError(f"{path}: cannot listen there: {problem.strerror or problem}") from None
    return made


def _is_dead(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return True
        return False


def _user_of(connection: socket.socket) -> int:
    """User id of the process at the other end, by the kernel's word."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", packed)
    return int(user)


def _read_line(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\n") and len(received) <= LINE_BYTES_MAX:
        data = connection.recv(LINE_BYTES_MAX)
        if not data:
            break
        received += data
    return received
