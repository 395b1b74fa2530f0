"""Frozen classes that are made fast: there are many of them in each step of the core.

``frozen`` is that of attrs. Where the constructor does nothing but set the fields, compiled code
does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from _fast.constructors import compile_constructor

__all__ = ["frozen"]


def _is_plain(cls: type) -> bool:
    """Whether the constructor of a class sets its fields to what it is given and is done."""
    fields = attrs.fields(cls)
    done = any(one.converter or one.validator or not one.init for one in fields)
    return not done and not hasattr(cls, "__attrs_post_init__")


if TYPE_CHECKING:
    from attrs import frozen
else:

    def frozen(cls: type) -> type:
        made = attrs.frozen(cls)
        if _is_plain(made):
            # In the constructor's order, those that need a name last.
            fields = sorted(attrs.fields(made), key=lambda one: one.kw_only)
            defaults = {
                one.alias: one.default
                for one in fields
                if one.default is not attrs.NOTHING and not isinstance(one.default, attrs.Factory)
            }
            compile_constructor(
                made,
                [one.alias for one in fields],
                [one.name for one in fields],
                defaults,
                sum(not one.kw_only for one in fields),
            )
        return made
