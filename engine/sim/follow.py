"""The clock of a simulator in another process, by its control channel."""

from __future__ import annotations

import json
import socket
import time
from typing import Final

from engine.errors import UserError

HOST: Final = "127.0.0.1"
ASK_TIMEOUT_S: Final = 2.0
REFRESH_S: Final = 1.0  # between two questions, while the clock runs
ANSWER_BYTES_MAX: Final = 4_096


class FollowedClock:
    """Exchange time is a straight line through the last answer. A simulator that has ended leaves
    its clock running as it was.

    Raises:
        UserError: nothing answers at ``control_port``, or something else than a simulator does.
    """

    def __init__(self, control_port: int) -> None:
        self._exchange_ns = self._asked_ns = 0
        self._speed, self._running = 1.0, False
        place = f"{HOST}:{control_port}"
        try:
            self._socket = socket.create_connection((HOST, control_port), ASK_TIMEOUT_S)
            self._ask()
        except OSError as problem:
            raise UserError(
                f"no simulator answers at {place} ({problem}); start one with engine sim "
                f"--control-port {control_port}"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise UserError(f"what answers at {place} is no control channel") from None

    def now_ns(self) -> int:
        if not self._running or time.monotonic_ns() - self._asked_ns > REFRESH_S * 1e9:
            try:
                self._ask()
            except (OSError, ValueError, KeyError, TypeError):
                self._running = True
        passed_ns = time.monotonic_ns() - self._asked_ns if self._running else 0
        return self._exchange_ns + int(passed_ns * self._speed)

    def _ask(self) -> None:
        self._socket.sendall(b'{"op": "clock"}\n')
        answer = b""
        while not answer.endswith(b"\n") and len(answer) < ANSWER_BYTES_MAX:
            got = self._socket.recv(ANSWER_BYTES_MAX)
            if not got:
                raise ConnectionResetError("it closed the connection")
            answer += got
        told = json.loads(answer)
        speed, running = float(told["speed"]), bool(told["running"])
        self._exchange_ns, self._asked_ns = int(told["exchange_ns"]), int(told["monotonic_ns"])
        self._speed, self._running = speed, running
