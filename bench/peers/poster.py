"""Sends signed predictions to a webhook over some connections, as fast as it answers or at a rate.

    python -m bench.peers.poster PORT COUNT CONNECTIONS NOW_MS [PER_S]

Each connection predicts for a ticker of its own, with model times that go up from NOW_MS, on the
receiver's clock. Prints one JSON object: how many of each status, how long answers took, and from
when to when (CLOCK_MONOTONIC) it was at it. At a rate, an answer's time counts from when its
request was due.
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
    port: int,
    mine: list[bytes],
    ready: threading.Barrier,
    told: Counter[str],
    took: list[float],
    every_s: float,
) -> None:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = peer.makefile("rb")
        ready.wait(TIMEOUT_S)
        due = time.perf_counter()
        for request in mine:
            began = time.perf_counter()
            if every_s:
                time.sleep(max(due - began, 0))
                began = due
                due += every_s
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
    every_s = connections / float(sys.argv[5]) if len(sys.argv) > 5 else 0.0
    ready = threading.Barrier(connections + 1)
    told: Counter[str] = Counter()
    took: list[list[float]] = [[] for _ in range(connections)]
    made = [requests(f"T{n}", count // connections, now_ms) for n in range(connections)]
    threads = [
        threading.Thread(target=send, args=(port, made[n], ready, told, took[n], every_s))
        for n in range(connections)
    ]
    for thread in threads:
        thread.start()
    ready.wait(TIMEOUT_S)
    began, first = time.perf_counter(), time.monotonic()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    times = sorted(one for each in took for one in each)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "began": first,
                "ended": first + seconds,
                "statuses": told,
                "p50": statistics.median(times),
                "p99": times[int(len(times) * 0.99)],
            }
        )
    )


if __name__ == "__main__":
    main()
