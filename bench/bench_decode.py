"""One message from bytes to values: as a Python tuple, and as a change of the market."""

import logging
import struct
from collections.abc import Callable

import pytest

from _fast.decode import decode
from _fast.market import Market
from _fast.reader import Reader
from bench.conftest import Stage
from bench.wire import ENCODERS, MESSAGES, trade, version

COUNT = 1000


def ibapi_work(payload: bytes, style: str) -> Callable[[], object]:
    """ibapi's decoder and an empty callback; its fields are split beforehand, as its queue
    thread hands them over."""
    decoder = pytest.importorskip("ibapi.decoder")
    wrapper = pytest.importorskip("ibapi.wrapper")
    logging.getLogger("ibapi").setLevel(logging.WARNING)
    mine = decoder.Decoder(wrapper.EWrapper(), version(style))
    if style == "protobuf":
        number, body = struct.unpack(">I", payload[:4])[0] - 200, payload[4:]
        return lambda: mine.processProtoBuf(body, number)
    head, _, body = payload.partition(b"\0")
    fields = tuple(body.split(b"\0")[:-1])
    return lambda: mine.interpret(fields, int(head))


@pytest.mark.parametrize("style", ["text", "protobuf"])
@pytest.mark.parametrize("name", list(MESSAGES))
def test_decode(stage: Stage, name: str, style: str) -> None:
    payload = MESSAGES[name](ENCODERS[style])[4:]
    speaks = version(style)
    stage(
        "decode",
        f"{name}, {style}, to a tuple",
        lambda: decode(payload, speaks),
        ibapi_work(payload, style),
        "ibapi",
    )


@pytest.mark.parametrize("style", ["text", "protobuf"])
@pytest.mark.parametrize("name", ["tickPrice", "tickByTick"])
def test_feed(stage: Stage, name: str, style: str) -> None:
    """Without Python in between: bytes in memory, cut, decoded, applied to market and bars."""
    market = Market(capacity=1)
    market.bind(1, market.add(trades_from=1))
    reader = Reader(-1, -1, market, version(style))
    encoder = ENCODERS[style]
    frames = [
        trade(encoder, 1, n) if name == "tickByTick" else MESSAGES[name](encoder)
        for n in range(COUNT)
    ]
    chunk = b"".join(frames)
    stage(
        "decode",
        f"{name}, {style}, cut + decoded + applied",
        lambda: reader.feed(chunk),
        ibapi_work(frames[0][4:], style),
        "ibapi",
        count=COUNT,
    )
    assert reader.ticks >= COUNT
    assert reader.bad_frames == market.unbound == market.late_trades == 0
