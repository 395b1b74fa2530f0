"""The interpreter's collector of garbage, kept away from what was there before the session.

What has been loaded by then stays. To look through it takes the collector a tenth of a second, and
it begins when it likes, maybe while a stop waits; so it gets to see only what came later. A host
that has frozen its objects itself is left alone.
"""

from __future__ import annotations

import gc


class Collector:
    def __init__(self) -> None:
        self._spared = False

    def spare(self) -> None:
        if not gc.get_freeze_count():
            gc.freeze()
            self._spared = True

    def release(self) -> None:
        """The engine ends: what only it held can be collected again. Idempotent."""
        if self._spared:
            gc.unfreeze()
            self._spared = False
