"""Elements of a page. What is not ``Markup`` is text of somebody, and escaped."""

from __future__ import annotations

from html import escape
from typing import Final

VOID: Final = frozenset({"meta", "link", "br"})


class Markup(str):
    """Made by ``el``: safe to stand in a page as it is."""

    __slots__ = ()


def el(name: str, /, *children: str, **attributes: object) -> Markup:
    """An element. ``class_`` is class, ``stroke_width`` is stroke-width; None is left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{joined(*children)}</{name}>")


def joined(*children: str) -> Markup:
    return Markup(
        "".join(one if isinstance(one, Markup) else escape(one, quote=False) for one in children)
    )


def _value(value: object) -> str:
    """A tenth of a pixel is enough."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
