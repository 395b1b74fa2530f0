"""Whatever a client writes: the simulator answers it or ends that connection, and serves on.

    python -m tests.campaign.sim_fuzz --seconds 180 --seed 1

Sound requests of ibapi, of every kind and version, are bent field by field and byte by byte, and
sent to a TWS in memory between ticks. Nothing may raise; what is said must be readable by ibapi to
its last byte; another client is served as before; positions stay the sum of what was executed.
"""

from __future__ import annotations

import argparse
import logging
import random
import struct
import sys
import time
import traceback
from collections import Counter
from decimal import Decimal
from functools import cache
from typing import Any, Final

import attrs

from engine.sim.policies import Policies, draw
from engine.sim.wire_asks import ASKS, PLACE_ORDER
from engine.sim.wire_protobuf import message_class
from engine.sim.wire_requests import CANCELS
from tests.sim.caller import Caller, Room, contract
from tests.sim.test_every_request import IBAPI_ARGUMENTS, EClient, OrderCancel, given, requests_of

VERSIONS: Final = (176, 178, 187, 192, 200, 203, 207, 210, 213, 226)
FRAMES_MAX: Final = 40  # of one round
WORDS: Final = (
    "", " ", "0", "1", "-1", "2", "7", "-0", "00", "1.5", "True", "None", "x", "é", "\x1b[2J",
    "2147483647", "2147483648", "-2147483649", "9223372036854775807", "9" * 400, "1e5", "1e999",
    "1.7976931348623157e+308", "nan", "inf", "-inf", "Infinity", "-Infinity", "1e-400", "0.00001",
    "IBM", "BAC", "STK", "BAG", "OPT", "SMART", "ISLAND", "BUY", "SELL", "MKT", "LMT", "TRAIL",
    "STP LMT", "REL", "MOC", "GTC", "GTD", "IOC", "OPG", "20240103 09:30:00 US/Eastern",
    "20240103-14:30:00", "99999999 99:99:99", "00010101-00:00:00", "99991231 23:59:59",
    "20240103 09:30:00 ../../etc/passwd", "20240103 09:30:00 Mars/Phobos", "1 D", "-5 D", "0 S",
    "999999 Y", "1 min", "5 secs", "1 day", "TRADES", "SCHEDULE", "BID_ASK", "a" * 5000,
)  # fmt: skip
NUMBERS: Final = (
    0, 1, -1, 2, 7, 100, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 1.5, -0.0, 1e308, -1e308,
    1.7976931348623157e308, float("nan"), float("inf"), 5e-324, 0.01,
)  # fmt: skip


@attrs.define
class Tally:
    """What came of it; ``faults`` are what should not have come, each once with its bytes."""

    rounds: int = 0
    frames: int = 0
    came: Counter[str] = attrs.field(factory=Counter)
    faults: list[str] = attrs.field(factory=list)
    _seen: set[str] = attrs.field(factory=set)

    def fault(self, what: str, where: str) -> None:
        if what not in self._seen:
            self._seen.add(what)
            self.faults.append(f"{what}\n    {where}")


# -- sound requests --------------------------------------------------------------------------------


class _Kept:
    """A connection of an EClient that keeps what it says."""

    def __init__(self) -> None:
        self.said: list[bytes] = []

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, message: bytes) -> int:
        self.said.append(message)
        return len(message)


@cache
def sound(version: int) -> tuple[bytes, ...]:
    """The payload of one request of each kind, as ibapi writes it for ``version``."""
    from ibapi.wrapper import EWrapper

    found: list[bytes] = []
    for name in sorted(requests_of(EClient)):
        if name.endswith("ProtoBuf") or name == "startApi":
            continue
        client, kept = EClient(EWrapper()), _Kept()
        client.conn, client.serverVersion_, client.extraAuth = kept, version, True
        client.setConnState(EClient.CONNECTED)
        getattr(client, name)(*given(getattr(EClient, name), IBAPI_ARGUMENTS))
        found += (frame[4:] for frame in kept.said)
    return (*found, *_orders(version))


def _orders(version: int) -> list[bytes]:
    """Orders of each kind, some of which trade at once."""
    from ibapi.order import Order
    from ibapi.wrapper import EWrapper

    client, kept = EClient(EWrapper()), _Kept()
    client.conn, client.serverVersion_ = kept, version
    client.setConnState(EClient.CONNECTED)
    for number, kind in enumerate(("MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIT", "REL"), 20):
        order = Order()
        order.action, order.totalQuantity, order.orderType = "BUY", Decimal(100), kind
        order.lmtPrice, order.auxPrice, order.tif, order.outsideRth = 101.0, 0.5, "GTC", True
        order.ocaGroup, order.orderRef = ("group", "ref") if number % 2 else ("", "")
        for order_id in (number, number + 100):
            client.placeOrder(order_id, contract(), order)
        client.cancelOrder(number, OrderCancel())
    return [frame[4:] for frame in kept.said] * 2


# -- bending ---------------------------------------------------------------------------------------


def bent_bytes(payload: bytes, stream: random.Random) -> bytes:
    """A few bytes changed, lost, repeated or made up."""
    data = bytearray(payload)
    for _ in range(stream.randint(1, 4)):
        at = stream.randrange(len(data) + 1)
        kind = stream.randrange(5)
        if kind == 0:
            del data[at : at + stream.randint(1, 9)]
        elif kind == 1:
            data[at:at] = stream.randbytes(stream.randint(1, 9))
        elif kind == 2 and at < len(data):
            data[at] = stream.choice((0, 0x7F, 0x80, 0xFF, data[at] ^ 1 << stream.randrange(8)))
        elif kind == 3:
            data[at:at] = data[at : at + stream.randint(1, 20)]
        else:
            del data[at:]
    return bytes(data)


def bent_text(payload: bytes, head: int, stream: random.Random) -> bytes:
    """Fields replaced, lost, repeated or added, behind the first ``head`` bytes."""
    fields = payload[head:].decode("utf-8", "replace").split("\0")[:-1]
    for _ in range(stream.randint(1, 3)):
        at, kind = stream.randrange(len(fields) + 1), stream.randrange(6)
        if kind <= 2 and at < len(fields):
            fields[at] = stream.choice(WORDS)
        elif kind == 3:
            fields[at:at] = [stream.choice(WORDS)] * stream.choice((1, 1, 1, 50))
        elif kind == 4:
            del fields[at : at + 1]
        else:
            fields[at:at] = fields[at : at + 3]
    return payload[:head] + "".join(f"{one}\0" for one in fields).encode()


def bent_protobuf(payload: bytes, stream: random.Random) -> bytes:
    """Fields of the message, or of those within it, set to what they can just about hold."""
    number = int.from_bytes(payload[:4], "big") - 200
    name = "PlaceOrderRequest" if number == PLACE_ORDER else CANCELS.get(number)
    name = name or (ASKS[number].protobuf if number in ASKS else "")
    if not name:
        return bent_bytes(payload, stream)
    proto = message_class(name)()
    proto.ParseFromString(payload[4:])
    for _ in range(stream.randint(1, 4)):
        _bend(proto, stream)
    return payload[:4] + bytes(proto.SerializeToString())


def _bend(proto: Any, stream: random.Random) -> None:
    fields = list(proto.DESCRIPTOR.fields)
    if not fields:
        return
    field = stream.choice(fields)
    if field.message_type is not None:
        if field.message_type.GetOptions().map_entry:
            getattr(proto, field.name)[stream.choice(WORDS)] = stream.choice(WORDS)
        elif field.is_repeated:
            _bend(getattr(proto, field.name).add(), stream)
        else:
            _bend(getattr(proto, field.name), stream)
        return
    value: Any = stream.choice(WORDS if field.type == field.TYPE_STRING else NUMBERS)
    try:
        if field.is_repeated:
            getattr(proto, field.name).append(value)
        else:
            setattr(proto, field.name, value)
    except (ValueError, TypeError):  # more than the field can hold
        proto.ClearField(field.name)


def bent(payload: bytes, version: int, stream: random.Random) -> bytes:
    if stream.random() < 0.25:
        return bent_bytes(payload, stream)
    if version <= 200:
        return bent_text(payload, 0, stream)
    if int.from_bytes(payload[:4], "big") > 200:
        return bent_protobuf(payload, stream)
    return bent_text(payload, 4, stream)


# -- rounds ----------------------------------------------------------------------------------------


def frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def greeting(stream: random.Random) -> bytes:
    """What a connection may begin with, mostly not as it should."""
    hello = stream.choice(
        (
            *(b"v100..178", b"v176", b"v1..9", b"v100..9999", b"", b"v100..226 +PACEAPI", b"vNaN"),
            *(stream.randbytes(8), b"v100..178" + b"x" * 300),
        )
    )
    start = stream.choice((b"API\0", b"API\0", b"GET / HTTP/1.1\r\n\r\n", b"AP", b""))
    length = stream.choice((len(hello), len(hello), 0, 2**31, stream.randrange(2**32)))
    return start + struct.pack(">I", length) + hello


def play(room: Room, stream: random.Random, version: int, tally: Tally) -> None:
    """One connection that writes nonsense, beside one that does not."""
    good = room.call(1, 178)
    if stream.random() < 0.1:
        connection = room.tws.connect()
        connection.send(greeting(stream))
        tally.came["greetings"] += 1
        return
    bad = room.call(stream.choice((0, 2, 3)), version)
    for _ in range(stream.randint(1, FRAMES_MAX)):
        if bad.connection.closed:
            tally.came["ended"] += 1
            break
        payload = stream.choice(sound(version))
        if stream.random() < 0.85:
            payload = bent(payload, version, stream)
        tally.frames += 1
        data = frame(payload)
        if stream.random() < 0.02:  # a length that lies
            data = struct.pack(">I", stream.choice((0, 3, len(payload) + 1, 2**31))) + payload
        try:
            bad.connection.send(data)
        except ConnectionError:
            break
        if stream.random() < 0.3:
            room.trade(round(100 + stream.uniform(-1, 1), 2))
        if stream.random() < 0.1:
            room.wait(stream.choice((0.001, 1, 31)))
    check(room, good, bad, tally)


def check(room: Room, good: Caller, bad: Caller, tally: Tally) -> None:
    for broken in bad.broken + good.broken:
        raise AssertionError(f"ibapi cannot read: {broken}")
    good.heard.clear()
    good.client.reqCurrentTime()
    assert good.of("currentTime"), "the other client is not served any more"
    for row in bad.of("error"):
        tally.came[f"error {row[2]}"] += 1
    tally.came["executions"] += len(room.exchange.executions())
    tally.came["open orders"] += len(room.exchange.open_orders())
    held: dict[str, Decimal] = {}
    for one in room.exchange.executions():
        sign = 1 if one.side == "BUY" else -1
        symbol = one.instrument.symbol
        held[symbol] = held.get(symbol, Decimal(0)) + sign * one.quantity
        assert one.quantity > 0
        assert one.price.is_finite()
        assert one.price > 0
    for symbol in ("IBM", "BAC"):
        assert room.exchange.position(symbol) == held.get(symbol, 0), (
            f"{symbol}: not what was executed"
        )
    for order in room.exchange.open_orders():
        assert 0 < order.remaining < Decimal(10) ** 30
    room.tws.report()


def fuzz(rounds: int | None, seconds: float, seed: int) -> Tally:
    """So many rounds, or as many as there is time for."""
    tally, deadline = Tally(), time.monotonic() + seconds
    while (rounds is None or tally.rounds < rounds) and time.monotonic() < deadline:
        _attempt(seed, tally.rounds, tally)
        tally.rounds += 1
    return tally


def _attempt(seed: int, number: int, tally: Tally) -> None:
    stream = random.Random(f"sim-fuzz/{seed}/{number}")
    version = VERSIONS[number % len(VERSIONS)]
    policies = Policies() if number % 3 else draw(number)
    try:
        play(Room(policies=policies), stream, version, tally)
    except Exception as problem:
        last = traceback.extract_tb(problem.__traceback__)[-1]
        what = f"{type(problem).__name__}: {problem} ({last.filename}:{last.lineno})"
        tally.fault(what[:400], f"seed {seed}, round {number}, version {version}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # every refusal would be a line
    tally = fuzz(None, options.seconds, options.seed)
    print(f"{tally.rounds} rounds, {tally.frames} frames, {len(tally.faults)} faults")
    for what, count in sorted(tally.came.items()):
        print(f"  {what}: {count}")
    for fault in tally.faults:
        print(fault)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
