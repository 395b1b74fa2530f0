"""Sends signed predictions to a webhook as fast as it answers, over some connections.

    python -m bench.peers.poster PORT COUNT CONNECTIONS NOW_MS

Each connection predicts for a ticker of its own, with model times that go up from NOW_MS, on the
receiver's clock. Prints one JSON object: how many of each status, and how long answers took.
"""

from __future__ import annotations

import json
import socket
import statistics
import sys
import threading
import time
from collections import Counter

from engine.signals.signature import sign

KEY = bytes(range(32))
SOURCE = "bench"
TIMEOUT_S = 30.0


def requests(ticker: str, count: int, now_ms: int) -> list[bytes]:
    """Made beforehand: what is measured is the receiver."""
    made = []
    now_s = int(time.time())
    for number in range(count):
        body = json.dumps(
            {
                "ticker": ticker,
                "signal": "NEUTRAL",
                "confidence": 0.75,
                "timestamp": now_ms + number,
                "probabilities": {"BUY": 0.1, "SELL": 0.1, "SHORT": 0.05, "NEUTRAL": 0.75},
                "stock_price": 100.25,
            }
        ).encode()
        message_id = f"msg_{ticker}_{now_ms}_{number}"
        head = (
            f"POST /signals/{SOURCE} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"webhook-id: {message_id}\r\nwebhook-timestamp: {now_s}\r\n"
            f"webhook-signature: {sign(KEY, message_id, now_s, body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def send(
    port: int, mine: list[bytes], ready: threading.Barrier, told: Counter[str], took: list[float]
) -> None:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = peer.makefile("rb")
        ready.wait(TIMEOUT_S)
        for request in mine:
            began = time.perf_counter()
            peer.sendall(request)
            status = replies.readline()[9:12].decode()
            length = 0
            while (line := replies.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line[15:])
            replies.read(length)
            took.append(time.perf_counter() - began)
            told[status] += 1


def main() -> None:
    port, count, connections, now_ms = map(int, sys.argv[1:5])
    ready = threading.Barrier(connections + 1)
    told: Counter[str] = Counter()
    took: list[list[float]] = [[] for _ in range(connections)]
    made = [requests(f"T{n}", count // connections, now_ms) for n in range(connections)]
    threads = [
        threading.Thread(target=send, args=(port, made[n], ready, told, took[n]))
        for n in range(connections)
    ]
    for thread in threads:
        thread.start()
    ready.wait(TIMEOUT_S)
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    times = sorted(one for each in took for one in each)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "statuses": told,
                "p50": statistics.median(times),
                "p99": times[int(len(times) * 0.99)],
            }
        )
    )


if __name__ == "__main__":
    main()
