"""A bar for work that takes long, on standard error and for a terminal only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
Show = Callable[[int, int], None]  # done, of so many
EACH = 512  # a bar that is drawn for every item would take longer than the work


@contextlib.contextmanager
def gauge(
    total: float | None = None, note: str = "", **fields: Any
) -> Iterator[Callable[..., None]]:
    """Call it with what is new: ``completed``, ``description``, or one of the ``fields`` that
    ``note`` shows as ``{task.fields[name]}``. A total that is no whole number is a share."""
    if not sys.stderr.isatty():
        yield lambda **_: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn() if isinstance(total, float) else MofNCompleteColumn(),
        TextColumn(note),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=total, **fields)
        yield lambda **news: shown.update(task, **news)


@contextlib.contextmanager
def bar(what: str) -> Iterator[Show]:
    """Call it with how much is done; its total appears with the first call."""
    with gauge() as update:
        update(description=what)

        def show(done: int, total: int) -> None:
            if done % EACH == 0 or done == total:
                update(completed=done, total=total)

        yield show


def counted(items: Iterable[T], total: int, show: Show) -> Iterator[T]:
    """The items, each counted when it has been worked on."""
    for done, item in enumerate(items, start=1):
        yield item
        show(done, total)
