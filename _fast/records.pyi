from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Convert = Callable[[Any], Any]
Converters = Mapping[type, Convert | None]
"""By the exact type of a value; None leaves it as it is."""

class Form:
    """How the records of one class look as objects of JSON.

    ``fields`` are names with the converters to JSON and from it, in the constructor's order; each
    is a slot of the class. Whatever does not fit goes to ``misfit``, which answers in its place or
    says what is wrong: it is given the record or the body.
    """

    def __init__(
        self,
        cls: type,
        fields: Sequence[tuple[str, Converters, Converters]],
        misfit_record: Convert,
        misfit_body: Convert,
    ) -> None: ...
    def encode(self, record: Any) -> dict[str, Any]:
        """The body of a record, its keys sorted. Raises as ``misfit_record``."""
    def decode(self, body: dict[str, Any]) -> Any:
        """The record of a body that has all fields and no others. Raises as ``misfit_body``."""

class Tagged:
    """Records of several classes, each as an object with the name of its class as the one key.

    Raises what a form of them raises; what has none goes to ``misfit_record`` or ``misfit_tree``.
    """

    def __init__(
        self, forms: Mapping[type, Form], misfit_record: Convert, misfit_tree: Convert
    ) -> None: ...
    def encode(self, records: Iterable[Any]) -> list[dict[str, Any]]: ...
    def decode(self, trees: list[Any]) -> tuple[Any, ...]: ...
