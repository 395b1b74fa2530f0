"""Faults that somebody could really make in the core, each a small change of its source.

``tests.campaign.mutants`` makes each of them, one at a time, and looks who finds it. Every one
breaks a promise that matters with real money. A text that does not occur exactly once any more
is to be mended where the fault stands, with whatever the change of the source has made of it.
"""

from __future__ import annotations

from typing import Final

from tests.campaign.exit_faults import COVER, GROUPS, PRICES
from tests.campaign.fault import Fault
from tests.campaign.trade_faults import ADDS, ARMED, ORDERS, RISK, RULES
from tests.campaign.truth_faults import DOUBT, FILLS

FAULTS: Final[tuple[Fault, ...]] = (
    *COVER,
    *GROUPS,
    *PRICES,
    *FILLS,
    *DOUBT,
    *ORDERS,
    *ADDS,
    *RISK,
    *RULES,
    *ARMED,
)
