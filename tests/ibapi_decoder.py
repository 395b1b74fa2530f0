"""ibapi's decoder, as whatever we write or read must be understood by it."""

from __future__ import annotations

from typing import ClassVar

from ibapi import decoder


class Decoder(decoder.Decoder):
    """It looks through the callbacks' parameters for each decoder anew, which takes far longer than
    to read a message; what it finds is kept by the class, so once is enough."""

    _discovered: ClassVar[bool] = False

    def discoverParams(self) -> None:
        if not Decoder._discovered:
            super().discoverParams()
            Decoder._discovered = True
