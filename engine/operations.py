"""What may be asked of a running engine from a shell or the dashboard, as plain JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from engine.control import Operation
from engine.errors import UserError
from engine.redaction import Redaction

if TYPE_CHECKING:
    from engine.engine import Engine

WORDS_CHARS_MAX: Final = 200


def operations(
    engine: Engine, reload: Callable[[], Sequence[str]], who: str = "control"
) -> Mapping[str, Operation]:
    """``reload`` reads the settings of the engine again, and says what has changed; ``who`` asks,
    on record."""

    def status(_: dict[str, Any]) -> dict[str, Any]:
        view = engine.view()
        return {
            "session": view.session,
            "account": Redaction([view.account]).text(view.account),
            "halt": view.halt,
            "positions": [
                {
                    "symbol": one.symbol,
                    "state": one.state,
                    "side": one.side,
                    "quantity": str(one.quantity),
                    "average_price": str(one.average_price),
                    "frozen": one.frozen,
                }
                for one in view.symbols
                if one.quantity or one.state != "flat" or one.frozen
            ],
            "open_orders": len(view.orders),
            "data_refused": {
                one.symbol: one.data_refused for one in view.symbols if one.data_refused
            },
            "unreadable": view.unreadable,
            "armed": [f"{rule} on {symbol}" for rule, symbol in view.armed],
        }

    def halt(asked: dict[str, Any]) -> dict[str, Any]:
        level = asked.get("level", 1)
        if not isinstance(level, int) or isinstance(level, bool) or level not in (1, 2, 3):
            raise UserError("level is 1 (no entries), 2 (entries taken back) or 3 (flatten)")
        engine.halt(level, _words(asked), who)
        return {"halted": level}

    def resume(asked: dict[str, Any]) -> dict[str, Any]:
        engine.resume(_words(asked), who)
        return {"resumed": True}

    def risk(_: dict[str, Any]) -> dict[str, Any]:
        return {
            "limits": [
                {
                    "name": use.name,
                    "used": str(use.used),
                    "max": None if use.most is None else str(use.most),
                    "left": None if use.left is None else str(use.left),
                }
                for use in engine.risk()
            ]
        }

    def read_again(_: dict[str, Any]) -> dict[str, Any]:
        return {"changed": list(reload())}

    return {
        "status": status,
        "halt": halt,
        "resume": resume,
        "risk": risk,
        "reload": read_again,
    }


def _words(asked: Mapping[str, Any]) -> str:
    """Why: it goes on record, so it is wanted."""
    why = asked.get("why")
    if not isinstance(why, str) or not why.strip():
        raise UserError("say why: it goes on record")
    return " ".join(why.split())[:WORDS_CHARS_MAX]
