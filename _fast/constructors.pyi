from collections.abc import Sequence
from typing import Any

def compile_constructor(
    cls: type, names: Sequence[str], slots: Sequence[str], defaults: dict[str, Any], positional: int
) -> None:
    """Let a class make its instances without its own ``__init__``, which does nothing but set
    the ``slots`` to the arguments of these ``names``, so many of which may come without a name.
    Arguments that do not fit, or leave out one without a default, are given to ``__init__``.
    """
