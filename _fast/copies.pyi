from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

class Copier(Generic[T]):
    """Copies objects of exactly this class by the slots of these names, as they are.

    Raises:
        TypeError: a name that is no slot; when called: an object of another class.
    """

    def __init__(self, cls: type[T], names: Iterable[str]) -> None: ...
    def __call__(self, original: T) -> T: ...
