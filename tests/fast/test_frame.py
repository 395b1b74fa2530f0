"""Frames come out whole and in order, however the stream was cut up on its way."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _fast.frame import LIMIT_BYTES, MAX_FRAME_BYTES, START_BYTES, FrameBuffer, FrameError


def framed(*payloads: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(payload)) + payload for payload in payloads)


def drained(buffer: FrameBuffer) -> list[bytes]:
    return list(iter(buffer.next_frame, None))


THREE = [b"1\x006\x007\x00", b"x", bytes(range(256)) * 3]


def test_a_split_at_any_byte_changes_nothing() -> None:
    stream = framed(*THREE)
    for at in range(len(stream) + 1):
        buffer = FrameBuffer()
        buffer.feed(stream[:at])
        early = drained(buffer)
        assert framed(*early) == stream[: len(framed(*early))]
        assert buffer.pending == at - len(framed(*early))
        buffer.feed(stream[at:])
        assert early + drained(buffer) == THREE
        assert buffer.pending == 0


def test_one_byte_at_a_time() -> None:
    buffer = FrameBuffer()
    seen = []
    for byte in framed(*THREE):
        buffer.feed(bytes([byte]))
        seen += drained(buffer)
    assert seen == THREE


@given(
    st.lists(st.binary(min_size=1, max_size=9000), max_size=40),
    st.lists(st.integers(1, 70_000), min_size=1, max_size=20),
    st.booleans(),
)
def test_any_payloads_in_any_chunks(
    payloads: list[bytes], sizes: list[int], drain_late: bool
) -> None:
    stream = framed(*payloads)
    buffer = FrameBuffer()
    seen: list[bytes] = []
    turn = 0
    while stream:
        size = sizes[turn % len(sizes)]
        turn += 1
        buffer.feed(stream[:size])
        stream = stream[size:]
        if not drain_late or turn % 3 == 0:
            seen += drained(buffer)
    assert seen + drained(buffer) == payloads


def test_a_burst_that_fills_a_receive_of_4096_bytes_exactly() -> None:
    payloads = [bytes([n % 251]) * 28 for n in range(128)]  # 128 frames of 32 bytes
    stream = framed(*payloads)
    assert len(stream) == 4096
    buffer = FrameBuffer()
    buffer.feed(stream)
    assert drained(buffer) == payloads
    assert buffer.pending == 0


def test_the_largest_frame_passes_and_gives_its_memory_back() -> None:
    buffer = FrameBuffer()
    largest = b"\x07" * MAX_FRAME_BYTES
    buffer.feed(framed(largest)[:-1])
    assert buffer.next_frame() is None
    buffer.feed(b"\x07" + framed(b"next"))
    assert buffer.next_frame() == largest
    assert buffer.capacity > START_BYTES
    assert drained(buffer) == [b"next"]
    buffer.feed(framed(b"small"))
    assert buffer.capacity == START_BYTES
    assert drained(buffer) == [b"small"]


def test_memory_is_bounded_when_nobody_takes_the_frames() -> None:
    buffer = FrameBuffer()
    chunk = framed(b"\x01" * (1 << 20))
    fits = LIMIT_BYTES // len(chunk)
    for _ in range(fits):
        buffer.feed(chunk)
    with pytest.raises(BufferError, match="take the frames out first"):
        buffer.feed(chunk)
    assert buffer.capacity <= LIMIT_BYTES
    assert len(drained(buffer)) == fits
    buffer.feed(chunk)  # and it goes on where it stood
    assert len(drained(buffer)) == 1


@pytest.mark.parametrize("length", [0, MAX_FRAME_BYTES + 1, 0xFFFFFFFF])
def test_a_bad_length_breaks_the_stream_for_good(length: int) -> None:
    buffer = FrameBuffer()
    buffer.feed(framed(b"before") + struct.pack(">I", length) + framed(b"behind"))
    assert buffer.next_frame() == b"before"
    assert not buffer.broken
    for _ in range(2):
        with pytest.raises(FrameError, match=f"a frame of {length} bytes"):
            buffer.next_frame()
    buffer.feed(framed(b"later"))
    with pytest.raises(FrameError):
        buffer.next_frame()
    assert buffer.broken
    assert buffer.bad_length == length
