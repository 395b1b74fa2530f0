"""The way from TWS to IB and its farms, as TWS tells of it. Pure.

1100 repeats every few seconds; 2110 has no closing code of its own; and a closing code may
never come. Market data that go on over a whole heartbeat prove what no code says.
"""

from __future__ import annotations

from typing import Final, Literal

from engine.tws_errors import FARM_BROKEN, FARM_OK, UPSTREAM_LOST, UPSTREAM_RESTORED

Change = Literal["lost", "restored"]
NEVER_CLOSED: Final = 2110


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
        if code in UPSTREAM_RESTORED or (code in FARM_OK and self._code == NEVER_CLOSED):
            self._code = 0
            return "restored"
        return None

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
