"""The webhook's process: it serves until the engine has ended, or says so.

    python -m engine.signals.webhook_child STREAM LISTENER

Both are descriptors that it was given: of its end of the socket pair, and of the port. What it
has to know comes first on the stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections import deque
from typing import Final

from engine.errors import LimitError
from engine.signals.http_server import server as http_server
from engine.signals.intake import Checked
from engine.signals.schema import RefusalReason, SignalRefusedError
from engine.signals.webhook_server import WebhookServer
from engine.signals.webhook_stream import (
    BEAT_S,
    ITEMS_MAX,
    LINE_BYTES_MAX,
    TELL_S,
    WAITING_MAX,
    Counts,
    DamagedLineError,
    Note,
    Opening,
    Verdict,
    read_verdicts,
    told_line,
)

NICE: Final = 5  # before it, the processor belongs to what trades
ENDED: Final = "the engine has stopped"

Waiting = tuple[Checked, asyncio.Future[Verdict]]


class EngineStream:
    """The engine, as ``WebhookServer`` knows it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: deque[Waiting] = deque()
        self._flying: list[Waiting] | None = None  # of the line that is not answered yet
        self._notes: dict[tuple[str, RefusalReason], Note] = {}
        self._sending = False
        self._ended = False
        self._counts: Counts = {}  # as of the latest beat
        self._told: Counts = {}
        self._said_s = 0.0

    # -- for the server --------------------------------------------------------------------------

    async def hand_in(self, one: Checked) -> Verdict:
        if self._ended:
            raise LimitError(ENDED)
        if len(self._waiting) >= WAITING_MAX:
            raise LimitError(f"{WAITING_MAX} predictions wait for the engine")
        loop = asyncio.get_running_loop()
        verdict: asyncio.Future[Verdict] = loop.create_future()
        self._waiting.append((one, verdict))
        if not self._sending:  # once for all that come in this turn of the loop
            self._sending = True
            loop.call_soon(self._send)
        return await verdict

    def note(self, refusal: SignalRefusedError, source: str) -> None:
        key = (source, refusal.reason)
        known = self._notes.get(key)
        times = 1 + (known.times if known is not None else 0)
        self._notes[key] = Note(source, refusal.reason, refusal.detail, times)

    # -- the stream ------------------------------------------------------------------------------

    async def run(self, server: WebhookServer) -> None:
        """Until the engine has ended."""
        beat = asyncio.create_task(self._beat(server))
        try:
            while (line := await self._reader.readline()).endswith(b"\n"):
                self._answered(line)
        except (OSError, ValueError):  # a line without an end
            pass
        finally:
            beat.cancel()
            self._ended = True
            for _, verdict in [*(self._flying or ()), *self._waiting]:
                if not verdict.done():
                    verdict.set_exception(LimitError(ENDED))

    async def finish(self, server: WebhookServer) -> None:
        """What is left to tell, if anybody listens."""
        with contextlib.suppress(OSError):
            self._writer.write(told_line([], self._take_notes(), server.counts()))
            await self._writer.drain()
            self._writer.close()

    async def _beat(self, server: WebhookServer) -> None:
        while True:
            await asyncio.sleep(TELL_S)
            self._counts = server.counts()
            late = asyncio.get_running_loop().time() - self._said_s >= BEAT_S
            if self._flying is None and (self._notes or self._counts != self._told or late):
                self._say([])

    def _send(self) -> None:
        self._sending = False
        if self._flying is not None:
            return
        flying: list[Waiting] = []
        while self._waiting and len(flying) < ITEMS_MAX:
            one = self._waiting.popleft()
            if not one[1].done():  # its sender still waits
                flying.append(one)
        if flying:
            self._say(flying)

    def _say(self, flying: list[Waiting]) -> None:
        self._flying, self._told = flying, self._counts
        self._said_s = asyncio.get_running_loop().time()
        items = [one for one, _ in flying]
        self._writer.write(told_line(items, self._take_notes(), self._counts))

    def _take_notes(self) -> list[Note]:
        notes = list(self._notes.values())
        self._notes.clear()
        return notes

    def _answered(self, line: bytes) -> None:
        flying, self._flying = self._flying or [], None
        try:
            verdicts = read_verdicts(line, len(flying))
        except DamagedLineError:
            verdicts = [Verdict(503, {"error": "not taken; come again"})] * len(flying)
        for (_, verdict), found in zip(flying, verdicts, strict=True):
            if not verdict.done():
                verdict.set_result(found)
        self._send()


async def serve(stream: socket.socket, listener: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=stream, limit=LINE_BYTES_MAX)
    opening = Opening.read(await reader.readline())
    engine = EngineStream(reader, writer)
    application = WebhookServer(opening, engine)
    patience_s = opening.patience.header_s
    server = http_server(application, opening.connections_max, patience_s)
    serving = asyncio.create_task(server.serve([listener]))
    await engine.run(application)
    server.should_exit = True
    await serving
    await engine.finish(application)


def main(arguments: list[str]) -> int:
    stream, listener = (socket.socket(fileno=int(one)) for one in arguments)
    os.nice(NICE)
    asyncio.run(serve(stream, listener))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
