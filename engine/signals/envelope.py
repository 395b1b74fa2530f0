"""The envelope in which a prediction API answers.

    {"status": "success", "data": {"prediction": {...}, "model_info": {...}}}
    {"status": "error", "error": ..., "code": ..., "message": ...}

What else is in the envelope is ignored: it cannot change what the prediction says. The prediction
itself is the schema's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.errors import PeerError
from engine.signals.schema import (
    RefusalReason,
    SignalRefusedError,
    load_json,
    printable,
    refuse,
    show,
)

ANSWER_BYTES_MAX: Final = 262_144  # a prediction with all its features, and what is around it
WORDS_CHARS_MAX: Final = 120


class ApiError(PeerError):
    """The API says that it has no prediction; the text is its own, short and safe to print."""


def prediction_in(body: bytes) -> Mapping[str, Any]:
    """The prediction of an answer, not checked yet.

    Raises:
        ApiError: the answer is an error, in its own form.
        SignalError: it is neither.
    """
    return _inside(load_json(body, ANSWER_BYTES_MAX))


def bare(data: object) -> object:
    """What a program hands in, as an object or as the bytes of its JSON: a prediction, taken out
    of its envelope if it is in one, not checked yet. Raises SignalError."""
    if isinstance(data, bytes):
        data = load_json(data, ANSWER_BYTES_MAX)
    if not isinstance(data, Mapping) or "status" not in data:
        return data
    try:
        return _inside(data)
    except ApiError as problem:
        raise refuse(RefusalReason.MALFORMED, f"the API says {problem}") from None


def _inside(answer: object) -> Mapping[str, Any]:
    status = answer.get("status") if isinstance(answer, Mapping) else None
    if not isinstance(answer, Mapping) or status not in ("success", "error"):
        raise refuse(RefusalReason.MALFORMED, f"status is {show(status)}, not success or error")
    if status == "error":
        raise ApiError(_words(answer))
    data = answer.get("data")
    prediction = data.get("prediction") if isinstance(data, Mapping) else None
    if not isinstance(prediction, Mapping):
        what = show(prediction) if isinstance(data, Mapping) else f"{show(data)} in data"
        raise refuse(RefusalReason.MALFORMED, f"the prediction is {what}, not an object")
    return prediction


def error_in(body: bytes) -> str:
    """What an answer with an error status says of itself; "" if it does not."""
    try:
        answer = load_json(body, ANSWER_BYTES_MAX)
    except SignalRefusedError:
        return ""
    return _words(answer) if isinstance(answer, Mapping) else ""


def _words(answer: Mapping[str, Any]) -> str:
    """``code`` and ``message``, or ``error`` where those are missing."""
    found = [answer.get(name) for name in ("code", "message")]
    if found[1] is None:
        found[1] = answer.get("error")
    texts = [str(one) for one in found if isinstance(one, str | int) and _short(one)]
    return printable(": ".join(texts))[:WORDS_CHARS_MAX]


def _short(value: str | int) -> bool:
    # An integer of thousands of digits cannot be written.
    return isinstance(value, str) or value.bit_length() <= 64
