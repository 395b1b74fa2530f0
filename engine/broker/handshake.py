"""From an open socket to a session that answers: next order id, accounts, and the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from _fast import reader as fast_reader
from engine.broker.link import Link
from engine.broker.order_messages import Message
from engine.broker.transport import Transport
from engine.config import Broker
from engine.errors import ConnectError
from engine.inputs import AccountsListed, ErrorReported, Input, OrderIdGranted
from engine.tws_errors import ErrorClass, classify

SECOND_NS: Final = 1_000_000_000
WAIT_NS: Final = 100_000_000  # how long a request to stop may wait
DRAIN_NS: Final = 1_000_000

Hear = Callable[[Sequence[tuple[int, Message]]], list[Input]]


def shake(
    link: Link,
    transport: Transport,
    broker: Broker,
    hear: Hear,
    time_told: Callable[[], bool],
    seen: list[Input],
    should_stop: Callable[[], bool],
) -> None:
    """Start the API and wait until it is usable. What ``hear`` makes of the messages is appended
    to ``seen``, also when this fails. ``time_told``: the question for the time was answered.

    The time is asked last: requests before the order id and the accounts may stay without an
    answer.

    Raises:
        ConnectError: the client id is in use, TWS closes, or does not say what is needed in
            ``broker.handshake_timeout_s``.
        LinkError: TWS takes no bytes.
    """
    place = f"{broker.host}:{broker.port}"
    deadline = transport.monotonic_ns() + round(broker.handshake_timeout_s * SECOND_NS)
    asked = False
    link.connection.send(link.requests.start_api(broker.client_id))
    while True:
        if should_stop():
            raise ConnectError("stopped in the handshake")
        if not asked and _known(seen):
            asked = True
            link.connection.send(link.requests.current_time)
        if asked and time_told():
            return
        flags = _receive(link, broker, hear, seen, place)
        if flags == fast_reader.FIRED:
            transport.sleep(DRAIN_NS)  # fires of an earlier connection that nobody drains now
        if transport.monotonic_ns() >= deadline:
            said = ", ".join(type(found).__name__ for found in seen) or "nothing"
            raise ConnectError(
                f"TWS at {place} did not finish the handshake in "
                f"{broker.handshake_timeout_s:g} s (it sent {said}): look for a dialog in its "
                "window, and check that it is logged in"
            )


def _receive(link: Link, broker: Broker, hear: Hear, seen: list[Input], place: str) -> int:
    flags = link.reader.wait(WAIT_NS)
    before = len(seen)
    seen += hear(link.reader.take())
    for found in seen[before:]:
        if isinstance(found, ErrorReported) and classify(found.code) is ErrorClass.FATAL_CLIENT:
            # Never another id: orders belong to the client id that placed them.
            raise ConnectError(
                f"client id {broker.client_id} is in use at {place}: stop the other program, or "
                "wait until TWS has let go of a session that died"
            )
    if flags & (fast_reader.CLOSED | fast_reader.BROKEN):
        raise ConnectError(
            f"TWS at {place} closed the connection in the handshake: check its API settings and "
            "that the client id is free"
        )
    return flags


def _known(seen: list[Input]) -> bool:
    kinds = {type(found) for found in seen}
    return OrderIdGranted in kinds and AccountsListed in kinds
