"""Frozen classes that are made fast: there are many of them in each step of the core.

``frozen`` is that of attrs. Where the constructor does nothing but set the fields, compiled code
does it, and ``compiled`` lets it do so for a class that is not frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs

from _fast.constructors import compile_constructor

__all__ = ["compiled", "frozen"]


def _is_plain(cls: type) -> bool:
    """Whether the constructor of a class sets its fields to what it is given and is done."""
    fields = attrs.fields(cls)
    done = any(one.converter or one.validator or not one.init for one in fields)
    return not done and not hasattr(cls, "__attrs_post_init__")


if TYPE_CHECKING:
    from attrs import frozen

    T = TypeVar("T")

    def compiled(cls: type[T]) -> type[T]:
        """A class of attrs with slots, whose instances are made by compiled code if it can."""
        return cls

else:

    def compiled(cls: type) -> type:
        if _is_plain(cls):
            # In the constructor's order, those that need a name last.
            fields = sorted(attrs.fields(cls), key=lambda one: one.kw_only)
            defaults = {
                one.alias: one.default
                for one in fields
                if one.default is not attrs.NOTHING and not isinstance(one.default, attrs.Factory)
            }
            compile_constructor(
                cls,
                [one.alias for one in fields],
                [one.name for one in fields],
                defaults,
                sum(not one.kw_only for one in fields),
            )
        return cls

    def frozen(cls: type) -> type:
        return compiled(attrs.frozen(cls))
