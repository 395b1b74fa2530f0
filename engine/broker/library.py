"""The installed ``ibapi``, whoever packaged it: found lazily, checked, and made quiet.

Importing it takes a quarter of a second, so only a session (or the simulator's protobuf
encoder) asks for it.
"""

from __future__ import annotations

import copy
import functools
import importlib.metadata
import logging
from typing import Any, Final

import attrs

from engine.errors import ConfigError
from engine.loggers import logger

MAX_CLIENT_VERSION_MIN: Final = 187
_LOG = logger("engine.broker")


@attrs.frozen
class Library:
    """The parts of ``ibapi`` that are used, and the newest server version it speaks."""

    client: Any  # module ibapi.client
    contract: Any
    order: Any
    order_cancel: Any
    execution: Any
    decoder: Any
    wrapper: Any
    comm: Any
    max_client_version: int

    @property
    def speaks_protobuf(self) -> bool:
        return hasattr(self.decoder.Decoder, "processProtoBuf")


@functools.cache
def _prototype() -> Any:
    """A decoder; the first of all reads the signatures of a hundred callbacks, which takes tens of
    milliseconds."""
    return load().decoder.Decoder(None, 0)


def decoder(wrapper: Any, server_version: int) -> Any:
    """One that tells ``wrapper`` what it reads."""
    made = copy.copy(_prototype())
    made.wrapper, made.serverVersion = wrapper, server_version
    return made


@functools.cache
def load() -> Library:
    """Import ``ibapi``.

    Raises:
        ConfigError: it is not installed, cannot be imported, or is too old; names the mend.
    """
    try:
        import ibapi.client
        import ibapi.comm
        import ibapi.contract
        import ibapi.decoder
        import ibapi.execution
        import ibapi.order
        import ibapi.order_cancel
        import ibapi.wrapper
        from ibapi.server_versions import MAX_CLIENT_VER
    except ImportError as problem:
        raise ConfigError(
            f"ibapi cannot be imported ({problem}): install it with "
            "`pip install 'ibapi-latest>=10.50.2'`, or from the TWS API download of Interactive "
            "Brokers (`pip install .` in its source/pythonclient folder)"
        ) from None
    newest = int(MAX_CLIENT_VER)
    if newest < MAX_CLIENT_VERSION_MIN:
        raise ConfigError(
            f"the installed ibapi speaks up to server version {newest}, needed is "
            f"{MAX_CLIENT_VERSION_MIN}: `pip install 'ibapi-latest>=10.50.2'`"
        )
    # At INFO it formats every message and at DEBUG the whole receive buffer: 2 to 40 times
    # slower, whatever level the root logger of the host program has.
    logging.getLogger("ibapi").setLevel(logging.WARNING)
    providers = sorted(set(importlib.metadata.packages_distributions().get("ibapi", ())))
    if len(providers) > 1:
        _LOG.warning(
            "%s all provide the module ibapi, whichever was installed last wins: "
            "uninstall all but one",
            ", ".join(providers),
        )
    return Library(
        client=ibapi.client,
        contract=ibapi.contract,
        order=ibapi.order,
        order_cancel=ibapi.order_cancel,
        execution=ibapi.execution,
        decoder=ibapi.decoder,
        wrapper=ibapi.wrapper,
        comm=ibapi.comm,
        max_client_version=newest,
    )
