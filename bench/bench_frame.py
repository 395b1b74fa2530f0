"""Cutting a byte stream into frames."""

from typing import Any

import pytest

from _fast.frame import FrameBuffer
from bench.conftest import Stage
from bench.wire import ENCODERS, trade

COUNT = 1000


def cut(stream: bytes) -> None:
    buffer = FrameBuffer()
    buffer.feed(stream)
    while buffer.next_frame() is not None:
        pass


def cut_as_ibapi(stream: bytes, comm: Any) -> None:
    """What EReader does: slice the buffer anew for every message."""
    rest = stream
    while rest:
        _, _, rest = comm.read_msg(rest)


@pytest.mark.parametrize("style", ["text", "protobuf"])
def test_frame(stage: Stage, style: str) -> None:
    comm = pytest.importorskip("ibapi.comm")
    stream = b"".join(trade(ENCODERS[style], 1, n) for n in range(COUNT))
    few = stream[:4096]
    head = FrameBuffer()
    head.feed(few)
    whole = 0
    while head.next_frame() is not None:
        whole += 1
    few = few[: len(few) - head.pending]  # a receive of ibapi takes 4096 bytes
    stage(
        "frame",
        f"cut a frame, {style} (objects to Python)",
        lambda: cut(stream),
        lambda: cut_as_ibapi(few, comm),
        "ibapi",
        count=COUNT,
        other_count=whole,
    )
