"""A file of settings: what it says, and where it says it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

import attrs
import cattrs

from engine import toml_lines
from engine.config import CONVERTER, Config
from engine.errors import ConfigError
from engine.rules.mistakes import TOLD_MAX, Mistake, mistakes

FILE_BYTES_MAX: Final = 1 << 20


@attrs.frozen
class SettingsFile:
    """``config`` is None if there are mistakes."""

    path: Path
    data: dict[str, Any]
    config: Config | None
    mistakes: tuple[Mistake, ...]
    lines: dict[toml_lines.Path, int]

    def line(self, path: toml_lines.Path) -> int | None:
        """The line of a setting, or of what it would belong to."""
        return toml_lines.line_of(self.lines, path)

    def told(self, one: Mistake) -> str:
        line = self.line(one.where)
        return f"{one}" if line is None else f"line {line}: {one}"

    def settings(self) -> Config:
        """Raises ConfigError: one line with the file, and the lines and keys at fault."""
        if self.config is not None:
            return self.config
        told = [self.told(one) for one in self.mistakes[:TOLD_MAX]]
        if len(self.mistakes) > TOLD_MAX:
            told.append(f"and {len(self.mistakes) - TOLD_MAX} more: engine check {self.path}")
        raise ConfigError(f"{self.path} {'; '.join(told)}")


def parsed(path: Path) -> tuple[dict[str, Any], dict[toml_lines.Path, int]]:
    """What a TOML file of a person's says, and in which lines.

    Raises:
        ConfigError: it cannot be read, or is no TOML; says in which line.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
        if len(raw) > FILE_BYTES_MAX:
            raise ConfigError(f"{path}: more than {FILE_BYTES_MAX >> 20} MiB, no settings are")
        text = raw.decode("utf-8-sig")
        data = tomllib.loads(text)
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not valid TOML: nested too deep") from None
    except ValueError as problem:  # of tomllib, of its numbers, or not UTF-8
        raise ConfigError(f"{path}: not valid TOML: {problem}") from None
    return data, toml_lines.lines_of(text)


def read(path: Path) -> SettingsFile:
    """Everything that a file says, right or wrong.

    Raises:
        ConfigError: it cannot be read, or is no TOML; says in which line.
    """
    data, lines = parsed(path)
    try:
        return SettingsFile(path, data, CONVERTER.structure(data, Config), (), lines)
    except (cattrs.BaseValidationError, ValueError, TypeError) as problem:
        found = sorted(mistakes(problem), key=lambda one: toml_lines.line_of(lines, one.where) or 0)
        return SettingsFile(path, data, None, tuple(found), lines)


def load(path: Path) -> Config:
    """The settings of a TOML file.

    Raises:
        ConfigError: one line with the file, and the lines and keys at fault.
    """
    return read(path).settings()
