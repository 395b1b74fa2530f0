"""The way from TWS to IB and its farms, as TWS tells of it. Pure.

1100 repeats every few seconds; 2110 has no closing code of its own; and a closing code may
never come. Market data that go on over a whole heartbeat prove what no code says.

A farm that was broken may never be called OK: one that nobody needs any more becomes idle, and
what works when the link is back stands in the text that says so.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from engine.tws_errors import FARM_BROKEN, FARM_IDLE, FARM_OK, UPSTREAM_LOST, UPSTREAM_RESTORED

Change = Literal["lost", "restored"]
NEVER_CLOSED: Final = 2110
_IDLE: Final = "upon demand."  # what stands before the name of a farm that is idle
_ALL: Final = "All data farms are connected"
_LISTED: Final = re.compile(r"are (not )?connected: *(.*?)(?:\. |\.?$)")  # names may have points


class Upstream:
    def __init__(self) -> None:
        self.farms: dict[str, bool] = {}  # name -> whether it works
        self._code = 0  # the code that said it is lost; 0: it is not
        self._ticks: int | None = None

    @property
    def data_farms_ok(self) -> bool:
        """Whether every market data farm works; historical and contract farms do not count."""
        return all(
            works
            for name, works in self.farms.items()
            if "hmds" not in name and "secdef" not in name
        )

    def heard(self, code: int, text: str) -> Change | None:
        """What a code changes; None for repetitions and for everything else."""
        if code in UPSTREAM_LOST:
            repeated = self._code != 0
            self._code = code
            if repeated:
                return None
            self._ticks = None  # what still lies in buffers proves nothing
            return "lost"
        if code in FARM_BROKEN or code in FARM_OK:
            # "Market data farm connection is OK:usfarm"
            self.farms[text.rpartition(":")[2]] = code in FARM_OK
        elif code in FARM_IDLE:
            self.farms[text.rpartition(_IDLE)[2]] = True
        elif code in UPSTREAM_RESTORED:
            self._listed(text)
        if code in UPSTREAM_RESTORED or (code in FARM_OK and self._code == NEVER_CLOSED):
            self._code = 0
            return "restored"
        return None

    def _listed(self, text: str) -> None:
        """What a restored link says of farms: "All data farms are connected: usfarm; ushmds."."""
        if _ALL in text:
            self.farms = dict.fromkeys(self.farms, True)
        for broken, names in _LISTED.findall(text):
            self.farms |= dict.fromkeys(re.split("; *", names), not broken)

    @property
    def lost(self) -> bool:
        return self._code != 0

    def proven(self, ticks: int) -> bool:
        """At a heartbeat, with the market messages counted so far: whether a lost upstream is
        back, as messages arrived since the heartbeat before."""
        if self._code == 0:
            return False
        before, self._ticks = self._ticks, ticks
        if before is None or ticks <= before:
            return False
        self._code = 0
        return True
