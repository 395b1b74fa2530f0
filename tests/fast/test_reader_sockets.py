"""The reader between a socket and a market: when it comes back from its wait."""

import os
import select
import signal
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from _fast.reader import CLOSED, FIRED, FRAMES, TIMEOUT, WAKE, Reader
from tests.fast.streams import LONG, SECOND, bid, framed, in_memory, market, status, text


class Line:
    """A reader at one end of a socket pair, us at the other."""

    def __init__(self, *levels: float, version: int = 178, leftover: bytes = b"") -> None:
        self.here, self.there = socket.socketpair()
        self.here.setblocking(False)
        self.wake = os.eventfd(0)
        self.market = market(*levels)
        self.reader = Reader(self.here.fileno(), self.wake, self.market, version, leftover)

    def close(self) -> None:
        self.here.close()
        self.there.close()
        os.close(self.wake)


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def test_an_order_frame_ends_the_wait(line: Line) -> None:
    line.there.sendall(bid(1.5) + status(8) + bid(2.5))
    assert line.reader.wait(LONG) == FRAMES
    assert line.market.view(0)[0] == 2.5  # the whole batch, behind the order frame too
    assert line.reader.wait(LONG) == FRAMES  # until they are taken
    assert [message[:2] for _, message in line.reader.take()] == [(3, 8)]
    assert line.reader.wait(0) == TIMEOUT
    assert line.reader.bytes == len(bid(1.5) + status(8) + bid(2.5))


def test_frames_behind_the_handshake_end_the_first_wait() -> None:
    line = Line(leftover=text(9, 1, 8))
    assert line.reader.wait(LONG) == FRAMES
    assert [message for _, message in line.reader.take()] == [(9, 8)]
    line.close()


def test_market_data_alone_does_not_end_the_wait_but_its_time_does(line: Line) -> None:
    line.there.sendall(bid(1.5))
    assert line.reader.wait(SECOND // 100) == TIMEOUT
    assert line.reader.ticks == 1
    assert line.reader.wait(0) == TIMEOUT


def test_an_endless_stream_of_market_data_cannot_hold_the_reader(line: Line) -> None:
    stop = threading.Event()
    burst = bid(1.5) * 200

    def send() -> None:
        while not stop.is_set():
            line.there.sendall(burst)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert line.reader.wait(SECOND // 5) == TIMEOUT
        assert line.reader.ticks > 0
    finally:
        stop.set()
        while sender.is_alive():
            line.reader.wait(SECOND // 100)
            sender.join(0.001)


def test_a_condition_ends_the_wait_until_its_fire_is_drained() -> None:
    line = Line(100.0)
    line.there.sendall(bid(99.0) + bid(101.0))
    assert line.reader.wait(LONG) == FIRED
    assert line.reader.wait(LONG) == FIRED
    assert [(row, value) for _, row, value, _ in line.market.fires()] == [(0, 101.0)]
    assert line.reader.wait(0) == TIMEOUT
    line.there.sendall(bid(99.0) + bid(101.0) + status(8))
    assert line.reader.wait(LONG) == FIRED | FRAMES
    line.close()


def test_a_wake_ends_the_wait_once(line: Line) -> None:
    os.eventfd_write(line.wake, 3)
    assert line.reader.wait(LONG) == WAKE
    assert line.reader.wait(0) == TIMEOUT
    os.eventfd_write(line.wake, 1)
    line.there.sendall(status(8))
    assert line.reader.wait(LONG) == WAKE | FRAMES


def test_a_pipe_wakes_as_well() -> None:
    here, there = socket.socketpair()
    readable, writable = os.pipe()
    reader = Reader(here.fileno(), readable, market(), 178)
    os.write(writable, b"x" * 1000)
    assert reader.wait(LONG) == WAKE
    assert reader.wait(0) == TIMEOUT
    os.close(writable)
    with pytest.raises(BrokenPipeError):
        reader.wait(LONG)
    os.close(readable)
    here.close()
    there.close()


def test_the_end_of_the_connection_comes_after_its_last_frames(line: Line) -> None:
    line.there.sendall(status(8) + status(9)[:7])
    line.there.close()
    assert line.reader.wait(LONG) == FRAMES
    assert len(line.reader.take()) == 1
    assert line.reader.wait(LONG) == CLOSED
    assert line.reader.wait(LONG) == CLOSED
    assert (line.reader.pending, line.reader.closed_errno) == (7, 0)


def test_a_reset_says_why() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    here = socket.create_connection(listener.getsockname())
    there, _ = listener.accept()
    reader = Reader(here.fileno(), -1, market(), 178)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    there.close()
    assert reader.wait(LONG) == CLOSED
    assert reader.closed_errno == 104  # ECONNRESET
    here.close()
    listener.close()


def test_a_socket_closed_under_the_reader_is_the_end(line: Line) -> None:
    line.here.close()
    assert line.reader.wait(LONG) == CLOSED
    assert line.reader.closed_errno == 9  # EBADF


def test_a_burst_that_fills_a_receive_of_4096_bytes_exactly(line: Line) -> None:
    one = framed(b"9\x001\x00" + b"8" * 9 + b"\x00" + b"x" * 13 + b"\x00")
    assert len(one) == 32
    line.there.sendall(one * 128)
    taken = 0
    while taken < 128:
        assert line.reader.wait(LONG) == FRAMES
        taken += len(line.reader.take())
    assert line.reader.frames == 128
    assert line.reader.wait(0) == TIMEOUT
    assert line.reader.pending == 0


def test_other_threads_run_while_the_reader_waits(line: Line) -> None:
    """The sender needs the GIL between its sends, and the reader must not hold it."""

    def send() -> None:
        for number in range(1, 101):
            line.there.sendall(bid(float(number)) + status(number))

    sender = threading.Thread(target=send)
    sender.start()
    seen: list[int] = []
    while len(seen) < 100:
        assert line.reader.wait(LONG) == FRAMES
        seen += [message[1] for _, message in line.reader.take()]
    sender.join()
    assert seen == list(range(1, 101))
    assert line.market.view(0)[0] == 100.0


def test_a_wake_from_another_thread_ends_a_wait_under_way(line: Line) -> None:
    waker = threading.Timer(0.02, os.eventfd_write, (line.wake, 1))
    waker.start()
    assert line.reader.wait(LONG) == WAKE
    waker.join()


def test_one_thread_at_a_time(line: Line) -> None:
    """A second thread is refused while the first is inside, which it is until it is woken."""
    result: list[int] = []
    first = threading.Thread(target=lambda: result.append(line.reader.wait(LONG)))
    first.start()
    refused = False
    while not refused:
        try:
            line.reader.take()
        except RuntimeError as error:
            refused = "another thread" in str(error)
    with pytest.raises(RuntimeError):
        line.reader.wait(0)
    with pytest.raises(RuntimeError):
        line.reader.feed(b"")
    os.eventfd_write(line.wake, 1)
    first.join()
    assert result == [WAKE]
    assert line.reader.take() == []


def test_a_signal_runs_its_handler_and_ends_the_wait(line: Line) -> None:
    handled: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: handled.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        assert line.reader.wait(LONG) == 0
        assert handled == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_what_a_signal_handler_raises_comes_out_of_the_wait(line: Line) -> None:
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(KeyboardInterrupt):
            line.reader.wait(LONG)
    finally:
        signal.signal(signal.SIGALRM, before)
    line.there.sendall(status(8))
    assert line.reader.wait(LONG) == FRAMES  # and it works on


def test_the_reader_closes_nothing(line: Line) -> None:
    line.there.close()
    assert line.reader.wait(LONG) == CLOSED
    line.reader = in_memory()
    assert select.select([line.here], [], [], 0)[0] == [line.here]
    os.eventfd_write(line.wake, 1)
