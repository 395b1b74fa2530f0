"""The settings of the dashboard.

It listens on this machine only; whoever wants to see it from elsewhere brings a tunnel, or a proxy
with TLS whose name stands in ``hosts``. Its key is no setting: it is drawn at each start, or stands
in a file.
"""

from __future__ import annotations

import re
from typing import Final

import attrs
from attrs import field, validators

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?", re.ASCII)


def _names(_: object, __: object, value: tuple[str, ...]) -> None:
    for one in value:
        if not _NAME.fullmatch(one):
            raise ValueError(f"hosts: {one!r} is not a name like trade.example or one with a port")


@attrs.frozen(kw_only=True)
class Web:
    """``engine run --web``; a table of this name in the settings starts it as well."""

    port: int = field(
        default=8790, validator=validators.and_(validators.ge(0), validators.le(65535))
    )  # 0: a free one
    hosts: tuple[str, ...] = field(default=(), validator=_names)  # besides those of loopback
    key_file: str = ""  # empty: a key is drawn at each start
    control: bool = True  # false: it shows, and nothing can be halted or resumed from it
    viewers_max: int = field(
        default=32, validator=validators.and_(validators.ge(1), validators.le(1000))
    )
