"""Steps of the core, made once and taken again.

Most of what may happen concerns the broker alone, so the same core meets the same message on many
paths. A moment (the core after a step, and when) is never changed: a step is made on a copy, and
who comes with the same inputs to the same moment gets what was made then.
"""

from __future__ import annotations

from typing import Final

import attrs

from engine.commands import Command
from engine.copies import copy_state
from engine.core import Core
from engine.inputs import Input
from engine.verify.prints import fingerprint

KEPT_MAX: Final = 4096

_Key = tuple[int, int, tuple[Input, ...]]


@attrs.define(slots=True, eq=False)
class Moment:
    core: Core
    now_ns: int
    commands: tuple[Command, ...] = ()  # what the step that led here sent
    sound: bool = False  # the laws that concern the core alone have been found kept
    _printed: int | None = None

    @property
    def fingerprint(self) -> int:
        """Equal for moments from which the same follows, at whatever time they are."""
        if self._printed is None:
            self._printed = hash(fingerprint(self.core.state, self.now_ns))
        return self._printed


class Steps:
    """What has been made lately."""

    def __init__(self) -> None:
        self._young: dict[_Key, Moment] = {}
        self._old: dict[_Key, Moment] = {}

    def take(self, moment: Moment, inputs: tuple[Input, ...], now_ns: int) -> Moment:
        """The moment after ``inputs`` at ``now_ns``. Whatever the core raises, it raises."""
        # By the time too: what it sends may carry it.
        key = moment.fingerprint, now_ns, inputs
        made = self._young.get(key)
        if made is None:
            made = self._old.pop(key, None) or self._make(moment, inputs, now_ns)
            if len(self._young) >= KEPT_MAX:
                self._old, self._young = self._young, {}
            self._young[key] = made
        return made

    @staticmethod
    def _make(moment: Moment, inputs: tuple[Input, ...], now_ns: int) -> Moment:
        core = Core.__new__(Core)
        core.state = copy_state(moment.core.state)
        output = core.step(inputs, now_ns)
        return Moment(core, now_ns, tuple(output.commands))
