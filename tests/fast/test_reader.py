"""The reader before a market: what it applies of the bytes that it is given, and what it tells."""

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.protobuf.NextValidId_pb2 import NextValidId
from ibapi.protobuf.OrderStatus_pb2 import OrderStatus
from ibapi.protobuf.RealTimeBarTick_pb2 import RealTimeBarTick
from ibapi.protobuf.TickPrice_pb2 import TickPrice

from _fast.market import Market
from _fast.reader import BROKEN, FRAMES, Reader
from tests.fast.streams import LONG, REQUEST, SECOND, bid, framed, in_memory, market, status, text

# -- in memory -------------------------------------------------------------------------------


def test_market_messages_reach_the_market_and_nobody_else() -> None:
    held = market()
    reader = Reader(-1, -1, held, 178)
    assert reader.feed(bid(187.25) + text(2, 6, REQUEST, 3, "300")) == 0
    assert reader.take() == []
    assert held.view(0)[:2] == (187.25, None)
    assert held.instruments["ask_size"][0] == 300
    assert (reader.frames, reader.ticks, reader.bad_frames, reader.batches) == (2, 2, 0, 1)


def test_protobuf_reaches_the_market_too() -> None:
    held = market()
    row = held.add(bar_seconds=5, trades_from=2)
    held.bind(8, row)
    reader = Reader(-1, -1, held, 226)
    price = TickPrice(reqId=REQUEST, tickType=1, price=187.25, size="100")
    bar = RealTimeBarTick(reqId=8, time=1_700_000_000, open=1, high=4, low=1, close=3)
    pushed = b"".join(
        framed(struct.pack(">I", 200 + number) + message.SerializeToString())
        for number, message in ((1, price), (50, bar))
    )
    assert reader.feed(pushed) == 0
    assert reader.ticks == 2
    assert held.view(0)[0] == 187.25
    assert held.view(1)[2] == 3.0


def test_order_cold_and_bad_frames_come_in_order_with_their_time() -> None:
    reader = in_memory()
    before = time.monotonic_ns()
    flags = reader.feed(
        text(9, 1, 8) + bid(1.5) + text(52, 1, 9) + text(3, "x") + framed(b"rubbish") + status(8)
    )
    after = time.monotonic_ns()
    assert flags == FRAMES
    taken = reader.take()
    assert [message[0] for _, message in taken] == [9, "cold", "bad", "bad", 3]
    assert taken[0][1] == (9, 8)
    assert taken[1][1] == ("cold", 52, False, b"1\x009\x00")
    assert taken[2][1] == ("bad", "message 3: a number cannot be read", b"3\x00x\x00")
    assert taken[3][1] == ("bad", "no message id at the start of the frame", b"rubbish")
    assert all(before <= at <= after for at, _ in taken)
    assert reader.last_receive_ns == taken[0][0]
    assert reader.bad_frames == 2
    assert reader.take() == []


def test_a_bad_market_message_is_told_and_applied_in_no_part() -> None:
    held = market()
    reader = Reader(-1, -1, held, 178)
    long = text(1, 6, REQUEST, 1, 187.25, "x" * 500, 0)
    assert reader.feed(bid(1.5) + long + text(2, 6, REQUEST, 3, "300")) == FRAMES
    ((_, (kind, reason, shown)),) = reader.take()
    assert (kind, reason) == ("bad", "message 1: a number cannot be read")
    assert shown == long[4:204]
    assert held.view(0)[0] == 1.5
    assert held.instruments["ask_size"][0] == 300
    assert (reader.frames, reader.ticks, reader.bad_frames) == (3, 2, 1)


STREAM = bid(1.5) + status(8) + text(2, 6, REQUEST, 0, "70") + text(4, 2, 8, 202, "Cancelled", "")


def test_a_split_at_any_byte_changes_nothing() -> None:
    whole = in_memory()
    whole.feed(STREAM)
    expected = [message for _, message in whole.take()]
    assert [message[0] for message in expected] == [3, 4]
    for at in range(len(STREAM) + 1):
        held = market()
        reader = Reader(-1, -1, held, 178)
        reader.feed(STREAM[:at])
        reader.feed(STREAM[at:])
        assert [message for _, message in reader.take()] == expected
        assert held.instruments["bid_size"][0] == 70
        assert (reader.frames, reader.ticks, reader.pending) == (4, 2, 0)


def test_nothing_is_read_from_the_frame_behind() -> None:
    """A frame starts with zero bytes, which would end the last field of the frame before it."""
    cut = status(8)[4:-1]
    reader = in_memory()
    reader.feed(framed(cut) + status(9))
    first, second = (message for _, message in reader.take())
    assert first == ("bad", "message 3: a field is missing", cut)
    assert second[:2] == (3, 9)


def test_what_came_with_the_handshake_is_read_first() -> None:
    reader = in_memory(leftover=text(9, 1, 8) + text(15, 1, "DU1")[:5])
    assert reader.feed(text(15, 1, "DU1")[5:]) == FRAMES
    assert [message for _, message in reader.take()] == [(9, 8), (15, "DU1")]


def test_a_bad_length_breaks_the_stream_after_the_frames_before_it() -> None:
    reader = in_memory()
    assert reader.feed(text(9, 1, 8) + b"\0\0\0\0" + text(9, 1, 9)) == FRAMES | BROKEN
    assert [message for _, message in reader.take()] == [(9, 8)]
    assert reader.feed(text(9, 1, 10)) == BROKEN
    assert reader.wait(LONG) == BROKEN


def test_a_huge_batch_of_orders_is_kept_whole() -> None:
    reader = in_memory()
    assert reader.feed(b"".join(status(number) for number in range(1, 20_001))) == FRAMES
    assert [message[1] for _, message in reader.take()] == list(range(1, 20_001))


def test_the_largest_frame_is_handed_on() -> None:
    body = b"x" * (0xFFFFFF - 4)
    reader = in_memory(version=213)
    assert reader.feed(framed(struct.pack(">I", 10) + body)) == FRAMES
    assert [message for _, message in reader.take()] == [("cold", 10, False, body)]


@pytest.mark.parametrize("version", [-1, 0, 175])
def test_an_unknown_server_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match="older than 176"):
        in_memory(version)


# -- the clock -------------------------------------------------------------------------------


def test_each_batch_sets_the_clock_of_the_market() -> None:
    held = Market(capacity=4)
    reader = Reader(-1, -1, held, 178)
    reader.feed(bid(1.5))
    assert held.clock == 0  # nobody told the time yet
    reader.set_clock(1000, 1_700_000_000 * SECOND, 1.0)
    reader.feed(bid(1.5))
    assert held.clock - 1_700_000_000 * SECOND == reader.last_receive_ns - 1000


def test_a_clock_that_runs_faster() -> None:
    held = Market(capacity=4)
    reader = Reader(-1, -1, held, 178)
    anchor = time.monotonic_ns()
    reader.set_clock(anchor, 1_700_000_000 * SECOND, 100.0)
    reader.feed(bid(1.5))
    assert held.clock - 1_700_000_000 * SECOND == 100 * (reader.last_receive_ns - anchor)


def test_a_clock_that_is_given_with_the_bytes() -> None:
    held = Market(capacity=4)
    reader = Reader(-1, -1, held, 178)
    reader.set_clock(1000, 1_700_000_000 * SECOND, 1.0)
    assert reader.feed(bid(1.5) + status(9), 5 * SECOND + 1000) == FRAMES
    assert held.clock == 1_700_000_005 * SECOND
    assert reader.last_receive_ns == 5 * SECOND + 1000
    assert [at for at, _ in reader.take()] == [5 * SECOND + 1000]


def test_a_clock_beyond_all_time_does_not_wrap_around() -> None:
    held = Market(capacity=4)
    reader = Reader(-1, -1, held, 178)
    reader.set_clock(0, 2**63 - 1, 1.0)
    reader.feed(bid(1.5))
    reader.set_clock(0, 2**62, 1e300)
    reader.feed(bid(1.5))
    assert held.clock == 0  # the market refuses years beyond 2116
    reader.set_clock(2**63 - 1, 5, 1e300)
    reader.feed(bid(1.5))
    assert held.clock == 0


@pytest.mark.parametrize("wrong", [(-1, 1, 1.0), (1, -1, 1.0), (1, 1, 0.0), (1, 1, float("nan"))])
def test_an_impossible_clock_is_refused(wrong: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="clock"):
        in_memory().set_clock(*wrong)


# -- fuzz ------------------------------------------------------------------------------------

PARTS = st.sampled_from(
    [
        bid(1.5),
        bid(2.5),
        status(8),
        text(52, 1, 9),
        text(99, REQUEST, 1, 1_700_000_000, "1.5", "10", 0, "ARCA", ""),
        text(50, 3, REQUEST, 1_700_000_000, 1, 2, 1, 2, 10, 1, 1),
        text(58, 1, REQUEST, 3),
        framed(struct.pack(">I", 209) + NextValidId(orderId=8).SerializeToString()),
        framed(struct.pack(">I", 203) + OrderStatus(orderId=8, filled="1").SerializeToString()),
        framed(struct.pack(">I", 201) + TickPrice(reqId=REQUEST, tickType=1).SerializeToString()),
    ]
)


@given(
    st.lists(PARTS | st.binary(min_size=1, max_size=60).map(framed), max_size=30),
    st.lists(st.integers(1, 90), min_size=1, max_size=8),
    st.sampled_from([178, 213]),
)
def test_every_frame_is_applied_or_told_once_whatever_it_holds(
    parts: list[bytes], sizes: list[int], version: int
) -> None:
    stream, turn, told = b"".join(parts), 0, 0
    reader = in_memory(version)
    while stream:
        flags = reader.feed(stream[: sizes[turn % len(sizes)]])
        stream = stream[sizes[turn % len(sizes)] :]
        turn += 1
        taken = reader.take()
        assert bool(flags & FRAMES) == bool(taken)
        told += len(taken)
    assert reader.frames == len(parts)
    assert reader.ticks + told == len(parts)
    assert reader.pending == 0


@given(st.binary(max_size=400), st.sampled_from([178, 213]))
def test_any_bytes_at_all(stream: bytes, version: int) -> None:
    reader = in_memory(version)
    flags = reader.feed(stream)
    taken = reader.take()
    assert reader.frames == reader.ticks + len(taken)
    assert (flags & BROKEN) or reader.pending < 4 + 0xFFFFFF
    assert reader.bytes == len(stream)
