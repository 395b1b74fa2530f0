"""Trades at a steady rate over a plain socket, each with its number, to the first who connects.

Usage: python -m bench.peers.trades STYLE REQUESTS RATE SECONDS

Prints its port, then how many trades it has sent when the time is over or the reader gone.
"""

from __future__ import annotations

import socket
import sys
import time
from typing import Final

from bench.stream import Stream
from bench.wire import ENCODERS

BLOCK: Final = 1000  # trades that are written anew at a time
PIECE: Final = 50


def main() -> None:
    style, (requests, rate), seconds = sys.argv[1], map(int, sys.argv[2:4]), float(sys.argv[4])
    count = BLOCK // requests * requests
    stream = Stream(ENCODERS[style], range(1, requests + 1), count, rate)
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        sock, _ = server.accept()
    sent, began = 0, time.monotonic()
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < began + seconds:
            for piece in stream.pieces(PIECE):
                pause = began + sent / rate - time.monotonic()
                if pause > 0:
                    time.sleep(pause)
                sock.sendall(piece)
                sent += PIECE
    sys.stdout.write(f"{stream.sent}\n")


if __name__ == "__main__":
    main()
