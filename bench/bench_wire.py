"""Wire to decoded tick over loopback, in turns: the same trades to the engine and to others.

Saturation: the sender writes without a pause, and whoever reads slower holds it up. Only ibapi
gets its trades in small pieces at a rate just above what it can take: its reader goes on as long
as a receive fills 4096 bytes, so a stream without gaps never reaches its decoder at all.
"""

import importlib.util
import statistics

import pytest

from bench.ledger import Figure, Ledger, Target
from bench.processes import Sender, answer
from bench.wire import version

ROUNDS = 5
ABOVE_IBAPI = 80_000  # trades a second
PEERS = {
    "ibapi": ("ibapi", 50.0),
    "ib_async": ("ib_async", 20.0),
    "ib_async_bare": ("ib_async, Client and Decoder only", 20.0),
}
SPEAKS = {"text": ("ibapi", "ib_async", "ib_async_bare"), "protobuf": ("ibapi",)}


@pytest.mark.parametrize("style", ["text", "protobuf"])
def test_wire_to_tick(ledger: Ledger, style: str) -> None:
    clients = ["ours"]
    for name in SPEAKS[style]:
        module = name.removesuffix("_bare")
        if importlib.util.find_spec(module) is None:
            ledger.missing(f"wire to tick with {name}", f"pip install {module}")
        else:
            clients.append(name)
    rates: dict[str, list[float]] = {name: [] for name in clients}
    with (
        Sender("flood", ticks_per_s=0) as endless,
        Sender("flood", ticks_per_s=ABOVE_IBAPI) as gentle,
    ):
        for _ in range(ROUNDS):
            for name in clients:
                port = (gentle if name == "ibapi" else endless).port
                found = answer("bench.peers.receiver", name, version(style), port)
                assert found > 0, f"{name} decoded nothing"
                rates[name].append(found)
    each = {name: 1 / statistics.median(found) for name, found in rates.items()}
    for name in clients[1:]:
        peer, bound = PEERS[name]
        ledger.add(
            Figure(
                "wire -> decoded tick",
                f"tick by tick, {style}, per message",
                each["ours"],
                each[name],
                peer,
                Target("ratio", bound),
            )
        )
    if len(clients) == 1:
        measure = f"tick by tick, {style}, per message"
        ledger.add(Figure("wire -> decoded tick", measure, each["ours"]))
