"""When something is due, by its name; the earliest is known without a look at all of them.

Every step of the core asks whether anything is due, and nearly never it is; each order and each
trade has some, so they may be many.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

NEVER: Final = 2**63 - 1


class Deadlines(dict[str, int]):
    """Times in nanoseconds."""

    __slots__ = ("_earliest_ns",)

    def __init__(self, *given: dict[str, int]) -> None:
        super().__init__(*given)
        self._earliest_ns: int | None = None  # not known

    @property
    def earliest_ns(self) -> int:
        """NEVER if there is none."""
        if self._earliest_ns is None:
            self._earliest_ns = min(self.values(), default=NEVER)
        return self._earliest_ns

    def __setitem__(self, name: str, at_ns: int) -> None:
        self._forget(self.get(name))
        super().__setitem__(name, at_ns)
        if self._earliest_ns is not None and at_ns < self._earliest_ns:
            self._earliest_ns = at_ns

    def __delitem__(self, name: str) -> None:
        self._forget(self.get(name))
        super().__delitem__(name)

    def setdefault(self, name: str, at_ns: int) -> int:
        if name not in self:
            self[name] = at_ns
        return self[name]

    def pop(self, name: str, default: None = None) -> None:  # type: ignore[override]
        if name in self:
            del self[name]

    def copy(self) -> Deadlines:
        other = Deadlines(self)
        other._earliest_ns = self._earliest_ns
        return other

    def _forget(self, before_ns: int | None) -> None:
        """One of them goes, or is another time from now on."""
        if before_ns == self._earliest_ns:
            self._earliest_ns = None

    def _refused(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("deadlines are set and dropped one by one")

    clear = update = popitem = __ior__ = _refused
