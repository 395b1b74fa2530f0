"""Who is on the other side of a run: the TWS that was named, or a simulator of our own.

With a journal the simulator is like a broker: it goes on while positions or orders are open, and
the next run on the same journal finds it again. Without one it ends with the run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import attrs

from engine.cli.options import RunOptions
from engine.cli.settings import RunSettings
from engine.config import Config
from engine.errors import UserError
from engine.monitor import demo
from engine.monitor.files import write_whole
from engine.sim.child import KEPT_LINGER_S, Market, SimChild, SimGone, SimState
from engine.sim.instruments import day_of
from engine.view import EngineView

ACCOUNT = "DU0000001"  # of the simulator
FIRST_DAY = date(2024, 1, 3)


class BrokerChoice:
    """``simulator`` is None for a real TWS. ``notes`` are what a person should read at the end."""

    def __init__(
        self, simulator: SimChild | None, state_path: Path | None, notes: list[str]
    ) -> None:
        self.simulator = simulator
        self.notes = notes
        self._state_path = state_path
        self.lost_pid = 0  # of the journal's simulator, if it is there no more
        self._keep = simulator is not None and simulator.resumed

    def configured(self, config: Config) -> Config:
        """The settings with the address of the simulator in them."""
        if self.simulator is None:
            return config
        state = self.simulator.state
        broker = attrs.evolve(
            config.broker,
            host="127.0.0.1",
            port=state.port,
            clock_rate=state.speed,
            account=config.broker.account or state.account,
        )
        return attrs.evolve(config, broker=broker)

    def report(self) -> dict[str, Any] | None:
        """The simulator's record of the run; None without a simulator."""
        return self.simulator.report() if self.simulator is not None else None

    def started(self) -> None:
        """The engine has taken over: from here on its journal needs this simulator."""
        self._keep = self._state_path is not None

    def settle(self, exchange: dict[str, Any] | None, view: EngineView | None) -> None:
        """After the run: what is open keeps its broker, what is not needs none."""
        if exchange is None or self.simulator is None or self._state_path is None:
            return
        frozen = [one.symbol for one in view.symbols if one.frozen] if view is not None else []
        if frozen and self.lost_pid:
            self.notes.append(
                f"the journal holds {', '.join(frozen)}, but its simulator (process "
                f"{self.lost_pid}) has ended and the new one knows nothing of it: use a new journal"
            )
        held = [symbol for symbol, quantity in exchange["position"].items() if quantity]
        why = ""
        if held or exchange["open_orders"]:
            why = f"goes on holding {', '.join(held) or 'open orders'}"
        elif _unsettled(view):
            why = "knows of executions that came after the end, and goes on"
        self._keep = bool(why)
        if self._keep:
            self.notes.append(
                f"the simulator {why} for {KEPT_LINGER_S / 60:g} minutes, its clock stopped: "
                "run again on this journal"
            )

    def close(self) -> None:
        if self.simulator is None:
            return
        if self._keep:
            self.simulator.leave()
        else:
            self.simulator.stop()


def _unsettled(view: EngineView | None) -> bool:
    """Whether the engine waited for something as it ended: a close that filled after that is
    known to nobody but its broker. What is frozen waits for no broker any more."""
    if view is None:
        return True
    frozen = {one.symbol for one in view.symbols if one.frozen}
    waiting = [one.symbol for one in view.symbols if one.quantity]
    return not frozen.issuperset([*waiting, *(order.symbol for order in view.orders)])


@contextmanager
def choose_broker(options: RunOptions, settings: RunSettings) -> Iterator[BrokerChoice]:
    """A broker for the time of a run.

    Raises:
        UserError: the simulator cannot start, or the journal's simulator plays something else.
    """
    choice = _chosen(options, settings)
    try:
        yield choice
    finally:
        choice.close()


def _chosen(options: RunOptions, settings: RunSettings) -> BrokerChoice:
    if not settings.simulated:
        return BrokerChoice(None, None, [])
    market = Market(
        ticks=tuple(str(path.resolve()) for path in options.ticks),
        symbols=() if options.ticks else settings.config.strategy.symbols,
        seed=options.seed,
    )
    if options.journal is None:
        return BrokerChoice(_start(settings, market, None, kept=False), None, [])
    _prove_journal(options)
    path = options.journal.with_name(options.journal.name + "-sim")
    before = SimState.read(path)
    found = SimChild.find(before) if before is not None else None
    if found is not None and (resumed := _resumed(found, market, options)) is not None:
        return resumed_choice(resumed, path, options)
    simulator = _start(settings, market, before, kept=True)
    choice = BrokerChoice(simulator, path, [])
    choice.lost_pid = before.pid if before is not None else 0
    try:
        write_whole(path, simulator.state.to_json(), mode=0o600)
    except BaseException:
        choice.close()
        raise
    return choice


def resumed_choice(found: SimChild, path: Path, options: RunOptions) -> BrokerChoice:
    notes = ["continued at the simulator of the journal's last run"]
    if options.speed is not None and options.speed != found.state.speed:
        notes.append(f"that simulator runs at speed {found.state.speed:g}; --speed did not count")
    return BrokerChoice(found, path, notes)


def _resumed(found: SimChild, market: Market, options: RunOptions) -> SimChild | None:
    """The simulator that was found, if it plays what is wanted; None once it was ended because
    it plays something else and holds nothing."""
    if found.state.market == market:
        return found
    try:
        report = found.report()
    except SimGone:
        return None
    if any(report["position"].values()) or report["open_orders"]:
        playing = " ".join(found.state.market.ticks) or ",".join(found.state.market.symbols)
        found.leave()
        raise UserError(
            f"{options.journal}: its simulator (process {found.state.pid}) still holds a position "
            f"and plays {playing}: run with the same ticks, symbols and seed, or end that process"
        )
    found.stop()
    return None


def _prove_journal(options: RunOptions) -> None:
    """Before any simulator is touched: whoever has the journal has its simulator, too."""
    from engine.journal import Journal

    assert options.journal is not None
    Journal.open(options.journal, options.durability).close()


def _start(
    settings: RunSettings, market: Market, before: SimState | None, *, kept: bool
) -> SimChild:
    day = FIRST_DAY
    instance = int(time.time()) & 0x7FFFFFFF  # its permIds and execIds must be new
    if before is not None:
        day = demo.next_day(day_of(before.day))
        instance = max(before.instance + 1, instance)
    launch = SimChild.start(
        market,
        day=day.strftime("%Y%m%d"),
        speed=settings.speed,
        account=settings.config.broker.account or ACCOUNT,
        instance=instance,
        kept=kept,
    )
    with launch:
        # While it starts, load what the engine will need: the broker's library is slow to come.
        from engine.broker import library

        library.load()
        if settings.made_up:
            from engine.signals import demo_api, monitor  # noqa: F401
        return launch.wait()
