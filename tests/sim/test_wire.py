"""The beginning of a connection, and frames however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DecodeError, FrameError, LimitError
from engine.sim.delivery import WRITE_BYTES_MAX, Delivery
from engine.sim.wire import ClientWire, negotiated
from engine.sim.wire_requests import Request

TIME = "20240103 09:30:00 EST"


def framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


HELLO = b"API\0" + framed(b"v157..178")


@pytest.mark.parametrize(
    ("server", "client", "version"),
    [
        (226, (157, 178), 178),
        (226, (100, 187), 187),
        (226, (100, 203), 203),
        (226, (100, 212), 212),
        (226, (100, 213), 213),
        (226, (100, 226), 226),
        (226, (100, 300), 226),
        (205, (100, 226), 205),
        (178, (100, 226), 178),
        (176, (157, 178), 176),
    ],
)
def test_version(server: int, client: tuple[int, int], version: int) -> None:
    assert negotiated(server, *client) == version


@pytest.mark.parametrize(("server", "client"), [(226, (100, 175)), (200, (213, 226))])
def test_no_common_version(server: int, client: tuple[int, int]) -> None:
    with pytest.raises(FrameError, match="speaks"):
        negotiated(server, *client)


def answer(wire: ClientWire) -> bytes:
    return bytes(wire.delivery.pending())


def test_bytes_may_be_cut_anywhere() -> None:
    data = HELLO + framed(b"71\x002\x005\0\0") + framed(b"61\x001\0") + framed(b"8\x001\x001\0")
    whole = list(ClientWire(226).feed(data, TIME))
    assert [request.id for request in whole if isinstance(request, Request)] == [71, 61, 8]

    for cut in range(len(data) + 1):
        wire = ClientWire(226)
        assert [*wire.feed(data[:cut], TIME), *wire.feed(data[cut:], TIME)] == whole
        assert answer(wire) == framed(f"178\0{TIME}\0".encode())

    wire = ClientWire(226)
    assert [one for byte in data for one in wire.feed(bytes([byte]), TIME)] == whole


@pytest.mark.parametrize("extra", [b" +PACEAPI", b" ", b" x=\xff"])
def test_options_in_the_hello_are_tolerated(extra: bytes) -> None:
    wire = ClientWire(226)
    assert list(wire.feed(b"API\0" + framed(b"v100..226" + extra), TIME)) == []
    assert wire.version == 226
    assert answer(wire) == framed(f"226\0{TIME}\0".encode())


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"API\1",
        b"API\0" + framed(b"hello"),
        b"API\0" + framed(b"v1..2..3"),
        b"API\0" + (10**6).to_bytes(4, "big"),
        HELLO + (0xFFFFFF).to_bytes(4, "big"),
    ],
)
def test_garbage_ends_the_connection(data: bytes) -> None:
    with pytest.raises(FrameError):
        list(ClientWire(226).feed(data, TIME))


def test_an_unreadable_request_is_handed_over_and_the_stream_goes_on() -> None:
    wire = ClientWire(226)
    first, second = wire.feed(HELLO + framed(b"8\0x") + framed(b"61\x001\0"), TIME)

    assert isinstance(first, DecodeError)
    assert isinstance(second, Request)


def test_delivery_joins_frames_in_order() -> None:
    delivery = Delivery()
    for frame in (b"one", b"two", b"three"):
        delivery.put(frame)

    assert bytes(delivery.pending()) == b"onetwothree"
    delivery.sent(4)
    delivery.put(b"four")
    assert bytes(delivery.pending()) == b"wothree"
    assert len(delivery) == 11
    delivery.sent(7)
    assert bytes(delivery.pending()) == b"four"
    delivery.sent(4)
    assert not delivery.pending()
    assert len(delivery) == 0


def test_delivery_limits_one_write() -> None:
    delivery = Delivery()
    for _ in range(10):
        delivery.put(bytes(100 << 10))

    sizes = []
    while pending := delivery.pending():
        sizes.append(len(pending))
        delivery.sent(len(pending))
    assert sizes == [200 << 10] * 5


_PIECES = st.sampled_from((1, 100, WRITE_BYTES_MAX - 1, WRITE_BYTES_MAX, WRITE_BYTES_MAX + 1))


@given(st.lists(st.tuples(st.sampled_from(("put", "all", "joined", "send", "drain")), _PIECES)))
def test_whatever_is_put_into_a_delivery_leaves_it_in_order_and_bounded(
    steps: list[tuple[str, int]],
) -> None:
    """Many frames in one piece may be more than one write holds, and are written by themselves."""
    delivery, put, taken = Delivery(), b"", list[bytes]()
    for number, (what, size) in enumerate(steps):
        piece = bytes([number % 251]) * size
        if what in ("put", "all", "joined"):
            put += piece
        if what == "put":
            delivery.put(piece)
        elif what == "all":
            delivery.put_all([piece[:1], piece[1:]])
        elif what == "joined":
            delivery.put_joined(piece, 2)
        elif what == "send":
            taken.append(bytes(delivery.pending()[:size]))
            delivery.sent(len(taken[-1]))
        else:
            taken += delivery.drain()
        assert len(delivery) == len(put) - sum(map(len, taken))
    taken += delivery.drain()
    assert b"".join(taken) == put
    assert delivery.empty


def test_delivery_is_bounded() -> None:
    delivery = Delivery(10)
    delivery.put(bytes(10))
    with pytest.raises(LimitError, match="10 is the most"):
        delivery.put(b"x")
