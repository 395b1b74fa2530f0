"""One fault that somebody could really make in the core: a small change of its source."""

from __future__ import annotations

import attrs


@attrs.frozen
class Fault:
    """``old`` becomes ``new`` in ``file``; ``what`` says in one line what is wrong then.

    ``situation`` is where ``engine verify`` would meet it first; without one it looks in all.
    """

    name: str
    what: str
    file: str
    old: str
    new: str
    situation: str = ""
