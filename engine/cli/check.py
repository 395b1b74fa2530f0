"""``engine check FILE…``: what is wrong in files of settings, and what is dangerous."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.dangers import dangers
from engine.errors import ConfigError
from engine.rules.mistakes import Mistake
from engine.settings_file import SettingsFile, read

MISTAKES: Final = 2  # the exit code


def check(paths: Sequence[Path]) -> int:
    """Tell everything; the exit code is 2 if any file cannot be used."""
    return max(map(_check, paths), default=0)


def _check(path: Path) -> int:
    try:
        file = read(path)
    except ConfigError as problem:
        _say(" ".join(str(problem).split()))
        return MISTAKES
    for one in file.mistakes:
        _say(_line(file, one, ""))
    if file.config is None:
        _say(f"{path}: {_count(len(file.mistakes), 'mistake')}")
        return MISTAKES
    found = sorted(dangers(file.config, file.data), key=lambda one: file.line(one.where) or 0)
    for one in found:
        _say(_line(file, one, "warning: "))
    strategy = file.config.strategy
    said = [_count(len(strategy.symbols), "symbol"), _count(len(strategy.all_rules), "rule")]
    said += [_count(len(found), "warning")] if found else []
    _say(f"{path}: can be used, {', '.join(said)}")
    return 0


def _line(file: SettingsFile, one: Mistake, kind: str) -> str:
    line = file.line(one.where)
    place = f"{file.path}:{line}" if line is not None else f"{file.path}"
    return f"{place}: {kind}{one}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
