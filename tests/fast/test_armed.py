"""Armed orders: they leave from the reader when their condition fires, once, or not at all."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest

from _fast.armed import ArmedSet
from _fast.bars import BAR_DTYPE
from _fast.market import Market
from _fast.reader import FIRED, FRAMES, TIMEOUT, WAKE, Reader

SECOND = 1_000_000_000
LONG = 20 * SECOND
REQUEST = 7
OTHER = 8
LEVEL = 101.0
ORDERS = b"entry|stop|target"


def text(msg_id: int, *fields: object) -> bytes:
    payload = b"".join(str(field).encode() + b"\0" for field in (msg_id, *fields))
    return len(payload).to_bytes(4, "big") + payload


def price(kind: int, value: float, request: int = REQUEST) -> bytes:
    return text(1, 6, request, kind, value, 100, 0)


def bid(value: float, request: int = REQUEST) -> bytes:
    return price(1, value, request)


def ask(value: float) -> bytes:
    return price(2, value)


def last(value: float) -> bytes:
    return price(4, value)


def status(order_id: int) -> bytes:
    return text(3, order_id, "Filled", "100", "0", "1.5", order_id, 0, "1.5", 1, "", "0")


def bars(count: int, at: int) -> object:
    found = np.zeros(count, dtype=BAR_DTYPE)
    for number in range(count):
        found[number] = (at + 60 * SECOND * number, 100.0, 101.0, 99.0, 100.0, 10.0, 1)
    return found


class Line:
    """A reader whose socket we hold the other end of; two instruments at 100."""

    def __init__(self, send_buffer: int = 0) -> None:
        self.here, self.there = socket.socketpair()
        self.here.setblocking(False)
        self.there.setblocking(False)
        if send_buffer:
            self.here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.wake = os.eventfd(0)
        self.market = Market(capacity=4)
        for request in (REQUEST, OTHER):
            self.market.bind(request, self.market.add())
        self.market.set_clock(1_700_000_000 * SECOND)
        self.reader = Reader(self.here.fileno(), self.wake, self.market, 178)
        self.armed = self.reader.armed
        self.come(bid(99.99) + ask(100.01) + last(100.0) + bid(99.99, OTHER))
        self.condition = self.market.when(0, "last", "above", LEVEL)
        self.second = self.market.when(1, "bid", "above", LEVEL)

    def close(self) -> None:
        self.here.close()
        self.there.close()
        os.close(self.wake)

    def come(self, data: bytes, timeout_ns: int = 1) -> int:
        self.there.sendall(data)
        return self.reader.wait(timeout_ns)

    def load(self, data: bytes = ORDERS, gap: float = 0.1, for_ns: int = LONG) -> None:
        """Both instruments armed, as if the price had gone to the level, and its quotes too."""
        first = self.condition, 0, 100.99, 101.01, LEVEL, gap, data
        second = self.second, 1, LEVEL, None, None, gap, b"the other's"
        self.armed.load(self.market, [first, second], time.monotonic_ns() + for_ns)

    def cross(self, at: float = LEVEL, before: bytes = b"", behind: bytes = b"") -> int:
        """The quotes go up with the price."""
        quotes = bid(round(at - 0.01, 2)) + ask(round(at + 0.01, 2))
        return self.come(before + quotes + last(at) + behind, LONG)

    def sent(self) -> bytes:
        try:
            return self.there.recv(1 << 20)
        except BlockingIOError:
            return b""


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def test_the_whole_burst_leaves_once_when_its_condition_fires(line: Line) -> None:
    line.load()
    before = time.monotonic_ns()
    assert line.cross() == FIRED
    assert line.sent() == ORDERS
    assert (line.armed.fired, line.armed.sent, line.armed.error) == (line.condition, 17, 0)
    received_ns = line.reader.last_receive_ns
    assert before < received_ns <= line.armed.leaving_ns <= line.armed.fired_ns
    assert line.armed.fired_ns < time.monotonic_ns()
    assert line.armed.take() == (line.condition, ORDERS, len(ORDERS))

    line.market.fires()
    line.come(last(100.5))
    assert line.cross() == FIRED
    assert line.sent() == b""
    assert line.armed.fired == -1


def test_the_interpreter_finds_it_sent_when_it_is_woken(line: Line) -> None:
    line.load()
    assert line.cross(behind=status(4)) == FIRED | FRAMES
    assert line.armed.take()[1] == ORDERS == line.sent()


def test_of_a_set_one_leaves(line: Line) -> None:
    line.load()
    line.cross(behind=bid(LEVEL, OTHER))
    assert line.sent() == ORDERS
    assert line.armed.count == 0
    assert len(line.market.fires()) == 2


def test_the_other_of_a_set_may_be_the_one(line: Line) -> None:
    line.load()
    line.come(bid(LEVEL, OTHER), LONG)
    assert line.sent() == b"the other's"
    assert line.armed.take()[0] == line.second


@pytest.mark.parametrize(("at", "leaves"), [(101.1, True), (101.11, False)])
def test_beyond_the_gap_nothing_leaves(line: Line, at: float, leaves: bool) -> None:
    line.load(gap=0.1 + 1e-9)
    assert line.cross(at) == FIRED  # the ordinary way goes on
    assert bool(line.sent()) == leaves


@pytest.mark.parametrize("moved", [bid(100.80), ask(101.30), bid(-1), text(46, REQUEST, 49, "1")])
def test_a_market_unlike_the_one_decided_on_leaves_it_to_the_ordinary_way(
    line: Line, moved: bytes
) -> None:
    line.load()
    quotes = bid(100.99) + ask(101.01)
    line.come(quotes + moved + last(LEVEL), LONG)
    assert len(line.market.fires()) == 1
    assert line.sent() == b""
    assert line.armed.count == 2


def test_a_new_bar_leaves_it_to_the_ordinary_way(line: Line) -> None:
    line.load()
    line.market.warm(0, bars(20, 1_699_990_000 * SECOND))
    line.cross()
    assert line.sent() == b""


def test_disarmed_nothing_leaves(line: Line) -> None:
    line.load()
    line.armed.clear()
    assert line.cross() == FIRED
    assert line.sent() == b""


def test_it_grows_old(line: Line) -> None:
    line.load(for_ns=0)
    line.cross()
    assert line.sent() == b""
    assert line.armed.fired == -1


def test_it_grows_old_by_the_clock_that_never_stops(line: Line) -> None:
    burst = line.condition, 0, 100.99, 101.01, LEVEL, 0.1, ORDERS
    until = time.monotonic_ns() + LONG
    line.armed.load(line.market, [burst], until, 1)
    line.cross()
    assert line.sent() == b""
    awake = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + LONG
    line.market.fires()
    line.come(last(100.0))
    line.armed.load(line.market, [burst], until, awake)
    line.cross()
    assert line.sent() == ORDERS


def test_what_came_before_is_heard_first(line: Line) -> None:
    line.load()
    assert line.cross(before=status(4)) == FIRED | FRAMES
    assert line.sent() == b""


def test_an_unreadable_frame_is_heard_first(line: Line) -> None:
    line.load()
    assert line.cross(before=text(3, "x")) == FIRED | FRAMES
    assert line.sent() == b""


def test_whoever_wakes_the_reader_is_heard_first(line: Line) -> None:
    line.load()
    os.eventfd_write(line.wake, 1)
    assert line.cross() == FIRED | WAKE
    assert line.sent() == b""


def test_whoever_has_been_heard_holds_up_nothing(line: Line) -> None:
    """A question about what there is changes nothing: what is armed stays."""
    line.load()
    os.eventfd_write(line.wake, 1)
    assert line.reader.wait(LONG) == WAKE
    assert line.cross() == FIRED
    assert line.sent() == ORDERS


def test_another_fire_is_heard_first(line: Line) -> None:
    line.market.when(1, "bid", "above", 100.5)
    line.load()
    line.cross(before=bid(100.6, OTHER))
    assert len(line.market.fires()) == 2
    assert line.sent() == b""


def test_a_fire_that_nobody_has_drained_is_heard_first(line: Line) -> None:
    line.market.when(1, "bid", "above", 100.5)
    line.come(bid(100.6, OTHER))
    line.load()
    line.cross()
    assert line.sent() == b""


def test_a_socket_that_takes_a_part_keeps_the_order() -> None:
    line = Line(send_buffer=4096)
    orders = bytes(range(256)) * 256
    try:
        line.load(orders)
        assert line.cross() == FIRED
        condition, whole, sent = line.armed.take()
        assert (condition, whole) == (line.condition, orders)
        assert 0 < sent < len(orders)
        assert line.sent() == orders[:sent]
    finally:
        line.close()


def test_a_socket_that_takes_nothing(line: Line) -> None:
    with pytest.raises(BlockingIOError):
        while True:
            line.here.send(b"x" * 65536)
    line.load()
    assert line.cross() == FIRED
    assert line.armed.error != 0
    assert line.armed.take() == (line.condition, ORDERS, 0)


def test_a_socket_that_is_gone_says_so_and_kills_nobody(line: Line) -> None:
    line.load()
    line.there.sendall(bid(100.99) + ask(101.01) + last(LEVEL))
    line.there.close()
    line.reader.wait(LONG)
    assert line.armed.error != 0
    assert line.armed.take() == (line.condition, ORDERS, 0)


def test_in_memory_all_of_it_is_for_somebody_else_to_send(line: Line) -> None:
    reader = Reader(-1, -1, line.market, 178)
    burst = line.condition, 0, 100.99, 101.01, LEVEL, 0.1, ORDERS
    reader.armed.load(line.market, [burst], 5 * SECOND)
    reader.feed(bid(100.99) + ask(101.01) + last(LEVEL), 5 * SECOND)
    assert reader.armed.take() == (line.condition, ORDERS, 0)


def test_a_set_is_not_loaded_over_what_has_left(line: Line) -> None:
    line.load()
    line.cross()
    with pytest.raises(RuntimeError, match="nobody has taken note"):
        line.load()
    line.armed.take()
    line.load()
    with pytest.raises(RuntimeError, match="no burst has left"):
        line.armed.take()


def test_an_unknown_row_is_refused_and_nothing_is_armed(line: Line) -> None:
    line.load()
    with pytest.raises(IndexError):
        line.armed.load(line.market, [(1, 9, 1.0, 1.0, 1.0, 0.1, b"x")], 1)
    assert line.armed.count == 0
    assert ArmedSet().count == 0


def test_while_nothing_fires_nothing_changes(line: Line) -> None:
    line.load()
    assert line.come(last(100.9)) == TIMEOUT
    assert line.armed.count == 2
