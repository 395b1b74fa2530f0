"""The settings of the dashboard.

It listens on this machine only; whoever wants to see it from elsewhere brings a tunnel, or a proxy
with TLS whose name stands in ``hosts``. Its key is no setting: it is drawn at each start, or stands
in a file.
"""

from __future__ import annotations

import attrs
from attrs import field, validators

from engine.sources import host_names


@attrs.frozen(kw_only=True)
class Web:
    """``engine run --web``; a table of this name in the settings starts it as well."""

    port: int = field(
        default=8790, validator=validators.and_(validators.ge(0), validators.le(65535))
    )  # 0: a free one
    hosts: tuple[str, ...] = field(default=(), validator=host_names)  # besides those of loopback
    key_file: str = ""  # empty: a key is drawn at each start
    control: bool = True  # false: it shows, and nothing can be halted or resumed from it
    viewers_max: int = field(
        default=32, validator=validators.and_(validators.ge(1), validators.le(1000))
    )
