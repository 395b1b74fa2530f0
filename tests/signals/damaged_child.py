"""A webhook's process that has gone mad: it says what none says, and how it was answered.

It is begun in the place of the real one, says its lines, and tells in its counts how many were
refused (``null``) and how many taken; then it says one that has no end.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time

import orjson

from engine.inputs import Signal
from engine.signals.intake import Checked
from engine.signals.webhook_stream import LINE_BYTES_MAX, told_line

SOURCE = "predictions"


def good(source: str = SOURCE, ticker: str = "SPY") -> list[Checked]:
    now_ns = time.time_ns()
    signal = Signal(f"{source}:{ticker}:{now_ns}:BUY", source, ticker, "BUY", 0.5, now_ns)
    return [Checked(source, "", signal)]


def main() -> None:
    stream = socket.socket(fileno=int(sys.argv[1]))
    said = stream.makefile("rb")
    assert orjson.loads(said.readline())["keys"].keys() == {SOURCE, "other"}
    lines = [
        b"\n",
        b"\xff\x00\n",
        b"[[],[],{}\n",
        b'[[],[],{"predictions":{"200":-1}}]\n',
        told_line(good("stranger"), [], {}),
        told_line(good(ticker="QQQ"), [], {}),
        told_line(good() * 33, [], {}),
        told_line(good(), [], {}),
    ]
    answers = []
    for line in lines:
        stream.sendall(line)
        answers.append(orjson.loads(said.readline()))
    refused = sum(answer is None for answer in answers)
    taken = sum(answer is not None and answer[0][0] == 200 for answer in answers)
    counts = {SOURCE: {"refused": refused, "taken": taken}}
    stream.sendall(told_line([], [], counts))
    said.readline()
    with contextlib.suppress(OSError):
        stream.sendall(b"x" * (2 * LINE_BYTES_MAX))
        said.readline()


if __name__ == "__main__":
    main()
