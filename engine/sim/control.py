"""The simulator's control channel: one JSON object a line, in and out, apart from the TWS wire.

``{"op": "report"}`` the oracle's report and the state of the server; ``{"op": "clock"}`` both
clocks, for translating times; ``{"op": "about"}`` which simulator this is; ``{"op": "faults"}``
what went wrong how often; ``{"op": "fault", "line": "+5s reset"}`` one more fault; ``{"op": "tick",
"symbol": "IBM", "kind": "T", "price": 99.5}`` a change of the market; ``{"op": "stop"}`` ends it.
Anything else is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from engine.errors import UserError

LINE_BYTES_MAX: Final = 4096
Operation = Callable[[Mapping[str, Any]], dict[str, Any]]


class ControlWire:
    """One control connection, without its socket."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations
        self._received = bytearray()
        self.closing = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The answers to the lines that ``data`` completes; after an overlong line, the end."""
        self._received += data
        while not self.closing and (end := self._received.find(b"\n")) >= 0:
            line = bytes(self._received[:end])
            del self._received[: end + 1]
            yield self._answer(line)
        if len(self._received) > LINE_BYTES_MAX:
            self._received.clear()
            self.closing = True
            yield _line({"error": f"a line has at most {LINE_BYTES_MAX} bytes"})

    def _answer(self, line: bytes) -> bytes:
        if len(line) > LINE_BYTES_MAX:
            return _line({"error": f"a line has at most {LINE_BYTES_MAX} bytes"})
        try:
            asked = json.loads(line)
        except (ValueError, RecursionError):
            return _line({"error": 'not JSON; write a line such as {"op": "report"}'})
        operation = asked.get("op") if isinstance(asked, dict) else None
        act = self._operations.get(operation) if isinstance(operation, str) else None
        if act is None:
            known = ", ".join(self._operations)
            return _line({"error": f'unknown operation; "op" is one of {known}'})
        try:
            return _line(act(asked))
        except UserError as problem:
            return _line({"error": str(problem)})


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode() + b"\n"
