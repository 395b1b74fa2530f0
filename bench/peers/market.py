"""A simulated TWS in a process of its own whose market runs as fast as it can.

Usage: python -m bench.peers.market TICKS SYMBOLS CLIENTS

Prints its port. The market begins when so many clients have subscribed to every symbol, and every
tick of it is due at once: what limits it is the simulator. The last tick is a trade at ``LAST``.
Serves until its standard input ends, then prints the CPU seconds that the market took.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from typing import Final

from engine.sim import instruments, market
from engine.sim.exchange import Exchange
from engine.sim.launch import ACCOUNT, DAY
from engine.sim.policies import Policies
from engine.sim.records import MarketTick
from engine.sim.server import SimServer

LAST: Final = 4321.25
IDLE_NS: Final = 1_000_000
SEED: Final = 1


def source(
    exchange: Exchange,
    ticks: list[MarketTick],
    server: list[SimServer],
    wanted: int,
    began: list[float],
) -> Iterator[MarketTick]:
    """Quotes of no interest until everybody listens, then the whole market."""
    first = ticks[0]
    while sum(len(client.streams) for client in server[0].gateway.clients) < wanted:
        yield MarketTick(exchange.now_ns + IDLE_NS, first.symbol, "B", first.price, 100)
    began.append(time.process_time())
    yield from ticks
    yield MarketTick(exchange.now_ns, first.symbol, "T", LAST, 100)


def main() -> None:
    count, symbols, clients = int(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3])
    hours = (instruments.session(DAY),)
    start_ns = hours[0][0]
    known = instruments.instruments(symbols, hours)
    exchange = Exchange(known, ACCOUNT, Policies(clients_max=clients), SEED, start_ns, 1)
    # All before the exchange's time, and so all due; a price walks as it does in a day.
    made = market.generate(symbols, SEED, 0, ticks_per_s=50.0 / len(symbols))
    ticks = list(itertools.islice(made, count))
    holder: list[SimServer] = []
    began: list[float] = []
    server = SimServer(exchange, source(exchange, ticks, holder, clients * len(symbols), began))
    holder.append(server)
    with server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        sys.stdin.read()
        sys.stdout.write(f"{time.process_time() - began[0]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
