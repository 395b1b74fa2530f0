"""What was said on the command line of ``engine run``, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import attrs


@attrs.frozen(kw_only=True)
class RunOptions:
    """The command line of ``engine run``; None or empty where nothing was said."""

    config: Path | None = None
    symbols: tuple[str, ...] = ()
    ticks: tuple[Path, ...] = ()
    signals: Path | None = None
    poll: str = ""
    speed: float | None = None
    journal: Path | None = None
    control: Path | None = None
    host: str | None = None
    port: int | None = None
    client_id: int | None = None
    account: str | None = None
    live: bool = False
    record: Path | None = None
    seconds: float | None = None
    flatten: bool = False
    seed: int = 1
    json: Path | None = None
    heartbeat: Path | None = None
    plain: bool = False
    durability: Literal["full", "normal"] = "full"
    max_server_version: int | None = None
    log: tuple[str, ...] = ()  # files; - is standard error
    log_form: Literal["auto", "json", "console"] | None = None
    web: int | None = None  # -1: the port that the settings say
