"""Wire to conditions over loopback, in turns: the same trades to the engine and to others. Ours go
through bars, indicators and conditions; those of others end in an empty callback.

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
GROUP = "wire -> indicators and conditions"
PER_MESSAGE_S = 200e-9  # five million a second
PEERS = {
    "ibapi": ("ibapi", 200.0),
    "ib_async": ("ib_async", 80.0),
    "ib_async_bare": ("ib_async, Client and Decoder only", 80.0),
}
SPEAKS = {"text": ("ibapi", "ib_async", "ib_async_bare"), "protobuf": ("ibapi",)}


@pytest.mark.parametrize("style", ["text", "protobuf"])
def test_wire_to_conditions(ledger: Ledger, style: str) -> None:
    clients = ["ours"]
    for name in SPEAKS[style]:
        module = name.removesuffix("_bare")
        if importlib.util.find_spec(module) is None:
            ledger.missing(f"wire to tick with {name}", f"pip install {module}")
        else:
            clients.append(name)
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
    with (
        Sender("flood", ticks_per_s=0) as endless,
        Sender("flood", ticks_per_s=ABOVE_IBAPI) as gentle,
    ):
        for _ in range(ROUNDS):
            for name in clients:
                port = (gentle if name == "ibapi" else endless).port
                took[name].append(answer("bench.peers.receiver", name, version(style), port))
    for number, clock in enumerate(("per message", "per message, processor time")):
        measure = f"tick by tick, {style}, {clock}"
        each = {
            name: statistics.median(one[number] for one in rounds) for name, rounds in took.items()
        }
        for name in clients[1:]:
            peer, bound = PEERS[name]
            target = Target("ratio", bound)
            ledger.add(Figure(GROUP, measure, each["ours"], each[name], peer, target))
        ledger.add(Figure(GROUP, measure, each["ours"], target=Target("ours", PER_MESSAGE_S)))
