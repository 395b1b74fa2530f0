from typing import Final

KINDS: Final[dict[str, int]]
"""What a message changes: name -> number in ``Tick.field`` (see ticks.pxd)."""
DELAYED_FLAG: Final[int]
"""Or-ed into the kind of a delayed tick id; sets data_type to 3."""
UNREPORTED_BIT: Final[int]
"""In the mask of a TRADE: not on the tape, forms no price."""
