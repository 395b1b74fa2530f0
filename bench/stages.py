"""The stages of bench/compiled/stages.pyx with real things to work on.

Usage: python -m bench.stages FILE UNITS NAME...

Runs each stage so many times. FILE is what ``material`` gave, pickled: to
import what makes it would take this program, watched over instruction by instruction, a minute.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

from _fast.encode import OrderTemplate
from _fast.table import Stepper
from bench.compiled import compiled

Material = dict[str, Any]


def material() -> Material:
    """A trade in both formats, the template of an order, and a chart's table."""
    from bench.bench_encode import ORDER_ID, SPEC
    from bench.wire import ENCODERS, IBM, PROTOBUF, trade
    from engine.broker import requests, templates
    from engine.broker.requests import Requests
    from engine.charts import LIFECYCLES

    pieces: list[tuple[Any, ...]] = []

    def kept(*parts: Any, **options: Any) -> OrderTemplate:
        pieces.append((parts, options))
        return OrderTemplate(*parts, **options)

    made, templates.OrderTemplate = templates.OrderTemplate, kept  # type: ignore[misc,assignment]
    learned = requests._LEARNED.copy()
    requests._LEARNED.clear()  # what this process knows already would not be learned again
    try:
        Requests(PROTOBUF).place(ORDER_ID, IBM, SPEC)
    finally:
        templates.OrderTemplate = made  # type: ignore[misc]
        requests._LEARNED.update(learned)
    order = LIFECYCLES[0]
    return {
        "text": trade(ENCODERS["text"], 1, 1)[4:],
        "protobuf": trade(ENCODERS["protobuf"], 1, 1)[4:],
        "template": pieces[0],
        "table": (bytes(order.region.next), len(order.region.states), len(order.events)),
    }


def stages(given: Material) -> Any:
    parts, options = given["template"]
    return compiled("stages").Stages(
        given["text"],
        given["protobuf"],
        OrderTemplate(*parts, **options),
        Stepper(*given["table"]),
    )


def main() -> None:
    file, units, *names = sys.argv[1:]
    made = stages(pickle.loads(Path(file).read_bytes()))
    for name in names:
        made.run(name, int(units))


if __name__ == "__main__":
    main()
