"""A session with the TWS of ``conftest``, driven as the runtime does it."""

import time
from decimal import Decimal

from _fast import reader as fast_reader
from _fast.market import Market
from engine.broker.session import Session
from engine.config import Broker, Strategy
from engine.inputs import SessionChanged
from engine.plans import Sizing
from statecharts.vocabulary import SessionState


def never():
    return False


def start(tws, symbols=("AAPL",), epoch=0, strategy=None, **settings):
    values = {
        "port": tws.port,
        "connect_timeout_s": 2.0,
        "handshake_timeout_s": 2.0,
        "messages_per_s_max": 10_000,
    }
    broker = Broker(**{**values, **settings})
    plan = Strategy(symbols=symbols, sizing=Sizing(shares=Decimal(1)), **(strategy or {}))
    return Session(broker, plan, Market(), -1, epoch)


def changes(inputs):
    return [found.event for found in inputs if isinstance(found, SessionChanged)]


def kinds(inputs, record):
    return [found.kind for found in inputs if isinstance(found, record)]


def turn(session, now=None):
    """One turn of the runtime's loop."""
    out = []
    flags = session.reader.wait(20_000_000)
    out += session.hear(session.reader.take())
    if flags & (fast_reader.CLOSED | fast_reader.BROKEN):
        out += session.closed("closed by the peer")
    out += session.on_time(time.monotonic_ns() if now is None else now)
    return out


def until(session, condition, out=None):
    """Turns of the loop until ``condition`` of everything told so far."""
    out = [] if out is None else out
    deadline = time.monotonic() + 5
    while not condition(out):
        assert time.monotonic() < deadline, (session.state, out)
        out += turn(session)
    return out


def live(tws, **settings):
    session = start(tws, **settings)
    out = session.connect(never)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    return session, out
