"""``engine explain FILE``: what would happen, in words, without sending anything."""

from __future__ import annotations

import sys
from datetime import time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import get_args

import attrs

from engine.errors import UserError
from engine.inputs import Reading, SignalKind
from engine.monitor.explanation import Supposed, explain
from engine.rules import read_indicator
from engine.rules.checks import near
from engine.rules.windows import seconds_of
from engine.settings_file import load


@attrs.frozen(kw_only=True)
class ExplainOptions:
    """The command line, as it was written."""

    file: Path
    symbol: str = ""
    signal: str = "BUY"
    confidence: float = 0.7
    price: str = "100"
    atr: float = 1.0
    spread: str = "0.02"
    at: str = "10:30"
    equity: str = "100000"
    indicators: tuple[str, ...] = ()


def explain_file(options: ExplainOptions) -> None:
    """Raises UserError: one line on what a person must mend."""
    config = load(options.file)
    symbols = config.strategy.symbols
    symbol = options.symbol or symbols[0]
    if symbol not in symbols:
        raise UserError(
            f"--symbol {symbol}: {options.file} does not trade it, {near(symbol, symbols)}"
        )
    kinds = get_args(SignalKind)
    if options.signal not in kinds:
        raise UserError(f"--signal {options.signal}: {near(options.signal, kinds)}")
    if not 0 <= options.confidence <= 1:
        raise UserError(f"--confidence {options.confidence:g}: it is between 0 and 1")
    if not 0 <= options.atr < 1e6:
        raise UserError(f"--atr {options.atr:g}: above 0, or 0 for none yet")
    price, spread = _amount("--price", options.price), _amount("--spread", options.spread)
    if spread >= price:
        raise UserError(f"--spread {spread}: it is below the price")
    supposed = Supposed(
        symbol=symbol,
        signal=options.signal,  # type: ignore[arg-type]  # it is one of them
        confidence=options.confidence,
        price=price,
        atr=options.atr or None,
        spread=spread,
        at=_clock(options.at),
        equity=_amount("--equity", options.equity),
        indicators=tuple(map(_reading, options.indicators)),
    )
    for line in explain(config, supposed):
        sys.stdout.write(line + "\n")


def _reading(said: str) -> Reading:
    """``ema(20)=101``, or ``ema(20)=99,101`` with the value of the bar before."""
    name, _, values = said.partition("=")
    try:
        asked = read_indicator(name)
        before, *now = (float(one) for one in values.split(","))
        if len(now) > 1 or not all(abs(one) < 1e12 for one in (before, *now)):
            raise ValueError("one value, or two: of the bar before, and now")
    except ValueError as problem:
        raise UserError(f"--indicator {said}: {problem}; write ema(20)=101") from None
    return Reading(str(asked), now[0] if now else before, before, asked.run_in)


def _amount(name: str, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or not 0 < amount < 10**9 or amount != round(amount, 4):
        raise UserError(f"{name} {text}: a number above 0, of 4 decimals at most")
    return amount


def _clock(text: str) -> time:
    try:
        seconds = seconds_of(text)
        return time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    except ValueError as problem:
        raise UserError(f"--at {text}: {problem}") from None
