"""The ways in of one engine, as its settings name them: polling, webhook, tail.

All of them hand in what they get by one rule of freshness. The name of a source stands for the
model and not for the way: what is polled and what is posted under one name are the same
predictions, so the second to arrive is known to be the first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

import attrs

from engine.signals.intake import Freshness, Lane
from engine.sources import SignalSources

if TYPE_CHECKING:
    from engine.signals.monitor import OptionsFlowMonitor
    from engine.signals.tail import SignalTail
    from engine.signals.webhook import SignalWebhook

SECOND_NS: Final = 1_000_000_000


class Ways:
    """None of those that are not set; their libraries are not even loaded.

    Args:
        settings: which there are.
        symbols: the tickers that are traded.
        lane: of the engine's inbox.
        now_ns: the exchange's clock.
        clock_rate: exchange seconds in a real one.
        ready: whether signals are taken now.

    Raises:
        UserError: an address, a key or a file that cannot be used.
    """

    def __init__(
        self,
        settings: SignalSources,
        symbols: Collection[str],
        lane: Lane,
        now_ns: Callable[[], int],
        clock_rate: float,
        ready: Callable[[], bool],
    ) -> None:
        self.freshness: Final = Freshness(int(settings.max_age_s * clock_rate * SECOND_NS), now_ns)
        self.monitor: OptionsFlowMonitor | None = None
        self.webhook: SignalWebhook | None = None
        self.tail: SignalTail | None = None
        if settings.poll is not None:
            from engine.signals.monitor import OptionsFlowMonitor

            poll = settings.poll
            if not poll.tickers:
                poll = attrs.evolve(poll, tickers=tuple(symbols))
            self.monitor = OptionsFlowMonitor(poll, lane, freshness=self.freshness, ready=ready)
        if settings.webhook is not None:
            from engine.signals.webhook import SignalWebhook

            self.webhook = SignalWebhook(
                settings.webhook,
                lane,
                symbols,
                freshness=self.freshness,
                together=lane.together,
                ready=ready,
                warn=lane.warn,
            )
        if settings.tail is not None:
            from engine.signals.tail import SignalTail

            self.tail = SignalTail(
                settings.tail, lane, symbols, freshness=self.freshness, ready=ready
            )

    def __bool__(self) -> bool:
        return any(one is not None for one in (self.monitor, self.webhook, self.tail))

    def start(self) -> None:
        """Raises UserError if the webhook's port is in use; then nothing has begun."""
        if self.webhook is not None:
            self.webhook.listen()
        for one in (self.webhook, self.monitor, self.tail):
            if one is not None:
                one.start()

    def stop(self) -> None:
        """Idempotent; also after a start that failed."""
        for one in (self.webhook, self.monitor, self.tail):
            if one is not None:
                one.stop()

    def counts(self) -> dict[str, Any]:
        """What came of everything so far, by way, as plain numbers."""
        found: dict[str, Any] = {}
        if self.monitor is not None:
            found["poll"] = {name: attrs.asdict(one) for name, one in self.monitor.counts().items()}
        if self.webhook is not None:
            found["webhook"] = self.webhook.counts()
        if self.tail is not None:
            found["tail"] = {"lines": self.tail.lines, "restarts": self.tail.restarts}
        for name, way in (("poll", self.monitor), ("webhook", self.webhook), ("tail", self.tail)):
            if way is not None:
                intake = way.intake
                found[name] = {
                    "of": found[name],
                    "taken": intake.taken,
                    "repeats": intake.repeats,
                    "refused": dict(intake.refused),
                    "unrecorded": intake.unrecorded,
                }
        if self.webhook is not None:
            found["webhook"]["restarts"] = self.webhook.restarts
            found["webhook"]["damaged"] = self.webhook.damaged
        return found
