"""The reader's copy of what it receives: whole, in order, and never in its way."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest

from _fast.market import Market
from _fast.reader import FRAMES, Reader
from engine.capture import CONNECTED, RECEIVED, Capture, read
from engine.errors import DataFileError


def frame(*fields: object) -> bytes:
    body = b"".join(str(field).encode() + b"\0" for field in fields)
    return struct.pack("!I", len(body)) + body


def market() -> Market:
    made = Market(capacity=1)
    made.bind(5, made.add())
    return made


def received(reader: Reader, peer: socket.socket, data: bytes) -> None:
    peer.sendall(data)
    while not reader.wait(1_000_000_000) & FRAMES:
        pass
    reader.take()


def test_what_was_received_reads_back_and_replays(tmp_path: Path) -> None:
    ours, peer = socket.socketpair()
    capture = Capture(tmp_path / "wire")
    capture.connected(178, b"")
    reader = Reader(ours.fileno(), -1, market(), 178)
    reader.record(capture.fd)
    sent = [frame(1, 6, 5, 4, 100.5 + n, 100, 0) + frame(9, 1, n + 1) for n in range(5)]
    for data in sent:
        received(reader, peer, data)
    capture.close()

    chunks = list(read(tmp_path / "wire"))

    assert [chunk.kind for chunk in chunks][:2] == [CONNECTED, RECEIVED]
    assert chunks[0].data == b"178"
    assert b"".join(chunk.data for chunk in chunks[1:]) == b"".join(sent)
    assert [chunk.mono_ns for chunk in chunks] == sorted(chunk.mono_ns for chunk in chunks)
    again, replayed = market(), []
    second = Reader(-1, -1, again, 178)
    for chunk in chunks[1:]:
        second.feed(chunk.data)
        replayed += [message for _, message in second.take()]
    assert replayed == [(9, n + 1) for n in range(5)]
    assert again.view(0)[2] == 104.5


def test_a_disk_that_refuses_stops_the_recording_and_nothing_else(tmp_path: Path) -> None:
    ours, peer = socket.socketpair()
    reader = Reader(ours.fileno(), -1, market(), 178)
    unwritable = os.open(os.devnull, os.O_RDONLY)
    reader.record(unwritable)

    received(reader, peer, frame(9, 1, 7))
    received(reader, peer, frame(9, 1, 8))

    assert reader.record_errno != 0
    assert reader.frames == 2
    os.close(unwritable)


def test_a_torn_tail_ends_the_capture_and_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wire"
    capture = Capture(path)
    capture.connected(178, b"abcdef")
    capture.close()
    whole = path.read_bytes()
    for cut in range(1, 7):
        path.write_bytes(whole[:-cut])
        assert [chunk.kind for chunk in read(path)] == [CONNECTED]
    path.write_bytes(whole[:14] + b"\x00" * 8 + b"\x09" + whole[23:])
    with pytest.raises(DataFileError, match="damaged"):
        list(read(path))


def test_a_capture_is_private_and_never_overwrites(tmp_path: Path) -> None:
    Capture(tmp_path / "wire").close()

    assert (tmp_path / "wire").stat().st_mode & 0o777 == 0o600
    with pytest.raises(DataFileError, match="exists"):
        Capture(tmp_path / "wire")
    (tmp_path / "other").write_bytes(b"time_ms,kind,price,size\n")
    with pytest.raises(DataFileError, match="not a capture"):
        list(read(tmp_path / "other"))
