"""The settings of a run: a file if there is one, defaults that fit if not, the command line on
top."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from engine.cli.options import RunOptions
from engine.config import Config, Strategy
from engine.errors import ConfigError, UserError
from engine.monitor import demo
from engine.monitor.log_settings import LogSettings
from engine.plans import Distance, Sizing, Target
from engine.settings_file import load, read
from engine.sources import Polling, SignalSources
from engine.web.settings import Web


@attrs.frozen(kw_only=True)
class RunSettings:
    """``simulated``: no TWS was named, so a simulator is started. ``made_up``: its market is, and
    nobody brings signals, so they are made up, too."""

    config: Config
    simulated: bool
    made_up: bool
    speed: float


def settings_of(options: RunOptions) -> RunSettings:
    """Raises ConfigError or DataFileError in one line for what does not fit."""
    named = _names_tws(options)
    if named and options.ticks:
        raise ConfigError("--ticks are for the simulator; leave them or --host and --port out")
    simulated = bool(options.ticks) or not (named or _file_names_tws(options.config))
    demonstration = simulated and not options.ticks
    config = _base(options, demonstration)
    speed = _speed(options, config)
    changes: dict[str, Any] = {"live": options.live}
    if simulated or options.speed is not None:
        changes["clock_rate"] = speed
    for name in ("host", "port", "client_id", "account", "max_server_version"):
        if (value := getattr(options, name)) is not None:
            changes[name] = value
    if config.broker.live and not options.live:
        raise ConfigError(f"{options.config}: broker.live is set: say --live too, or remove it")
    if options.live and not (changes.get("account") or config.broker.account):
        raise ConfigError("--live trades real money: name the account, as broker.account")
    try:
        broker = attrs.evolve(config.broker, **changes)
    except ValueError as problem:
        raise ConfigError(f"command line: {problem.args[0]}") from None
    sources = _sources(options, config)
    return RunSettings(
        config=attrs.evolve(
            config,
            broker=broker,
            signals=sources,
            web=_web(options, config),
            log=_log(options, config),
        ),
        simulated=simulated,
        made_up=demonstration and options.signals is None and not _ways(sources),
        speed=speed,
    )


def _web(options: RunOptions, config: Config) -> Web | None:
    if options.web is None:
        return config.web
    web = config.web or Web()
    if options.web < 0:
        return web
    try:
        return attrs.evolve(web, port=options.web)
    except ValueError:
        raise ConfigError(
            f"--web {options.web}: a port is 1 to 65535, or 0 for a free one"
        ) from None


def _log(options: RunOptions, config: Config) -> LogSettings | None:
    if not options.log:
        if options.log_form is not None and config.log is None:
            raise ConfigError("--log-form: there is no log; say --log FILE, or --log -")
        return config.log and attrs.evolve(config.log, form=options.log_form or config.log.form)
    files = [one for one in options.log if one != "-"]
    if len(files) > 1:
        raise ConfigError(f"--log {files[1]}: there is one file, {files[0]}")
    known = config.log or LogSettings(file="", stderr=True)
    return attrs.evolve(
        known,
        file=files[0] if files else known.file,
        stderr="-" in options.log or (known.stderr and config.log is not None),
        form=options.log_form or known.form,
    )


def _sources(options: RunOptions, config: Config) -> SignalSources:
    if not options.poll:
        return config.signals
    try:
        poll = attrs.evolve(config.signals.poll or Polling(), url=options.poll)
    except ValueError as problem:
        raise ConfigError(f"--poll: {problem}") from None
    return attrs.evolve(config.signals, poll=poll)


def _ways(sources: SignalSources) -> bool:
    return any(one is not None for one in (sources.poll, sources.webhook, sources.tail))


def _names_tws(options: RunOptions) -> bool:
    return options.host is not None or options.port is not None


def _file_names_tws(path: Path | None) -> bool:
    """Whether the file itself says where TWS is; the defaults are nobody's word."""
    if path is None:
        return False
    file = read(path)
    file.settings()  # its errors first: they name the place
    broker = file.data.get("broker", {})
    return "host" in broker or "port" in broker


def _base(options: RunOptions, demonstration: bool) -> Config:
    if options.config is not None:
        config = load(options.config)
        if not options.symbols:
            return config
        strategy = _with_symbols(config.strategy, options.symbols)
        return attrs.evolve(config, strategy=strategy)
    if demonstration:
        config = demo.settings()
        symbols = options.symbols or config.strategy.symbols
        return attrs.evolve(config, strategy=_with_symbols(config.strategy, symbols))
    symbols = options.symbols or _symbols_of(options.ticks) or demo.settings().strategy.symbols
    plain = Strategy(
        symbols=("X",),
        sizing=Sizing(dollars=Decimal(30_000)),
        stop=Distance(atr=6.0, percent=3.0),
        target=(Target(atr=4.0, percent=8.0),),
        confidence_min=0.5,
        on_opposite="reverse",
        cooldown_s=180.0,
        close_before_end_s=60.0,
    )
    return Config(strategy=_with_symbols(plain, symbols))


def _with_symbols(strategy: Strategy, symbols: tuple[str, ...]) -> Strategy:
    try:
        return strategy.only(symbols)
    except ValueError as problem:
        raise ConfigError(f"--symbols: {problem}") from None


def _symbols_of(paths: tuple[Path, ...]) -> tuple[str, ...]:
    if not paths:
        return ()
    from engine.ticks.files import parts

    return tuple(sorted({one.symbol for one in parts(paths)}))


def _speed(options: RunOptions, config: Config) -> float:
    if options.speed is not None:
        if not 0 < options.speed < 1e6:
            raise UserError(f"--speed {options.speed:g}: must be above 0 and below 1e+06")
        return options.speed
    return config.broker.clock_rate


def made_up(options: RunOptions, settings: RunSettings) -> demo.NoPredictions:
    """The signals of a run that nobody brings signals to."""
    if not settings.made_up:
        return demo.NoPredictions()
    return demo.Predictions(settings.config.strategy.symbols, options.seed)
