"""A TWS that answers as the test says, over a real loopback socket, in the text format."""

import contextlib
import socket
import struct
import threading
import time
from collections import defaultdict

import pytest

HOURS = "20260105:0930-20260105:1600;20260106:CLOSED;20260107:0930-20260107:1300"
EPOCH_S = 1_767_623_400  # 2026-01-05 14:30:00 UTC


def frame(*fields):
    body = b"".join(str(field).encode() + b"\0" for field in fields)
    return struct.pack("!I", len(body)) + body


def contract(request_id, symbol, con_id=265598, rules="26", hours=HOURS):
    return frame(
        *(10, request_id, symbol, "STK", "", 0, "", "SMART", "USD", symbol, "NMS", "NMS"),
        *(con_id, 0.01, "", "LMT,MKT,STP", "SMART,ISLAND", 1, 0, symbol + " INC", "NASDAQ"),
        *("", "", "", "", "US/Eastern", hours, hours, "", 0, 0, 1, "", "", rules, "", "COMMON"),
        *("0.0001", "0.0001", "100"),
    )


class Tws:
    """Accepts connections one after the other; ``answers`` maps a message id to a function of
    the request's fields that returns frames. ``hello`` are the bytes sent to a new client."""

    def __init__(self, version=178):
        self.version = version
        self.accounts = "DU1"
        self.next_id = 1
        self.known = {"AAPL": 265598, "MSFT": 272093}
        self.received = []  # (message id, fields)
        self.connections = 0
        self.hello = [frame(version, "20260105 09:30:00 US/Eastern")]
        self.answers = {}
        self.seen = defaultdict(int)
        self._client = None
        self._stopping = False
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._default()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _default(self):
        self.answers.update(
            {
                71: lambda _: [frame(9, 1, self.next_id), frame(15, 1, self.accounts)],
                49: lambda _: [frame(49, 1, EPOCH_S)],
                5: lambda _: [frame(53, 1)],
                16: lambda _: [frame(53, 1)],
                7: lambda f: [frame(55, 1, f[1])],
                99: lambda _: [frame(102)],
                61: lambda _: [frame(62, 1)],
                6: lambda f: [
                    frame(6, 2, "NetLiquidation", "1000", "USD", f[2]),
                    frame(54, 1, f[2]),
                ],
                9: self._contracts,
                91: lambda f: [frame(93, f[0], 2, 0, 0.0001, 1, 0.01)],
            }
        )

    def _contracts(self, fields):
        request_id, symbol = fields[1], fields[3]
        if symbol not in self.known:
            return [frame(4, 2, request_id, 200, "No security definition", "")]
        return [contract(request_id, symbol, self.known[symbol]), frame(52, 1, request_id)]

    def _serve(self):
        while not self._stopping:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self.connections += 1
                self._client = client
                self._changed.notify_all()
            with contextlib.suppress(OSError):
                self._talk(client)
            client.close()

    def _talk(self, client):
        buffer = b""
        greeted = False
        while True:
            chunk = client.recv(65536)
            if not chunk:
                return
            buffer += chunk
            if not greeted:
                assert buffer.startswith(b"API\0")
                size = struct.unpack_from("!I", buffer, 4)[0]
                if len(buffer) < 8 + size:
                    continue
                self.versions = buffer[8 : 8 + size].decode()
                buffer = buffer[8 + size :]
                greeted = True
                for piece in self.hello:
                    client.sendall(piece)
                    time.sleep(0.005)
            while len(buffer) >= 4 and len(buffer) >= 4 + struct.unpack_from("!I", buffer)[0]:
                size = struct.unpack_from("!I", buffer)[0]
                fields = buffer[4 : 4 + size].decode().split("\0")[:-1]
                buffer = buffer[4 + size :]
                self._answer(client, int(fields[0]), fields[1:])

    def _answer(self, client, kind, fields):
        with self._changed:
            self.received.append((kind, fields))
            self.seen[kind] += 1
            self._changed.notify_all()
        for reply in self.answers.get(kind, lambda _: [])(fields):
            client.sendall(reply)

    def say(self, *frames):
        self._client.sendall(b"".join(frames))

    def wait_for(self, kind, count=1):
        with self._changed:
            assert self._changed.wait_for(lambda: self.seen[kind] >= count, 5), (
                kind,
                dict(self.seen),
            )

    def of(self, kind):
        return [fields for found, fields in self.received if found == kind]

    def drop(self):
        self._client.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends an accept that is under way
        self._listener.close()
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)
        self._thread.join(2)


@pytest.fixture
def tws():
    server = Tws()
    yield server
    server.close()


@pytest.fixture
def wire():
    """``wire(fields…)`` is one text frame."""
    return frame


@pytest.fixture
def peer():
    """``peer(script)`` runs ``script(socket)`` for one client in a thread; returns the port."""
    opened = []

    def start(script):
        listener = socket.create_server(("127.0.0.1", 0))
        done = threading.Event()

        def run():
            client, _ = listener.accept()
            with contextlib.suppress(OSError), client:
                script(client, done)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        opened.append((listener, done, thread))
        return listener.getsockname()[1]

    yield start
    for listener, done, thread in opened:
        done.set()
        listener.close()
        thread.join(2)
