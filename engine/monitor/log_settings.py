"""The settings of the log: where its lines go, and how they look."""

from __future__ import annotations

from typing import Any, Literal

import attrs
from attrs import field, validators

Form = Literal["json", "console"]
FormChoice = Literal["auto", "json", "console"]
Level = Literal["debug", "info", "warning", "error"]
MIB = 1 << 20


def _somewhere(log: Any, _: object, value: bool) -> None:
    if not (value or log.file):
        raise ValueError("stderr: a log without a file goes to standard error, or nowhere")


@attrs.frozen(kw_only=True)
class LogSettings:
    """``engine run --log``; a table ``[log]`` in the settings starts it as well."""

    file: str = "engine.log"  # empty: none
    stderr: bool = field(default=False, validator=_somewhere)
    form: FormChoice = field(  # auto: json in the file, console on standard error
        default="auto", validator=validators.in_(("auto", "json", "console"))
    )
    level: Level = field(
        default="info", validator=validators.in_(("debug", "info", "warning", "error"))
    )
    file_mib_max: int = field(
        default=64, validator=validators.and_(validators.ge(1), validators.le(10_240))
    )  # a file that has grown to this is put away, as is yesterday's
    files_max: int = field(
        default=30, validator=validators.and_(validators.ge(2), validators.le(1_000))
    )  # with the one that is written; the oldest is removed
