"""Whatever senders and prediction APIs write: nothing raises, everything is taken or refused.

    python -m tests.campaign.signal_fuzz --examples 20000 --seed 1

The real monitor polls a peer that answers anything; the real webhook gets anything posted, signed
and unsigned, in order and not. Over loopback sockets, with counts that must add up.
"""

from __future__ import annotations

import json
import time
from typing import Any

from hypothesis import strategies as st

VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=12)  # lone surrogates, too
    | st.just([[]])
    | st.just({})
)
TIMES = st.integers(-400_000, 400_000).map(lambda ago: int(time.time() * 1000) - ago)
PREDICTION = st.fixed_dictionaries(
    {
        "ticker": st.sampled_from(["SPY", "IBM"]) | VALUES,
        "signal": st.sampled_from(["BUY", "SELL", "SHORT", "NEUTRAL"]) | VALUES,
        "confidence": st.floats(0, 1) | VALUES,
    },
    optional={
        "timestamp": TIMES | VALUES,
        "stock_price": st.floats(1, 1000) | VALUES,
        "datetime_of_data": st.datetimes().map(str) | VALUES,
        "prediction_time": VALUES,
        "feature_values": VALUES | st.lists(VALUES, max_size=4),
        "id": VALUES,
        "other": VALUES,
    },
)
PREDICTION_BODIES = PREDICTION.map(lambda made: json.dumps(made).encode())
PREDICTIONS: st.SearchStrategy[Any] = (
    PREDICTION | PREDICTION_BODIES | VALUES | st.binary(max_size=40)
)
