"""A bar for work that takes long, on standard error and for a terminal only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
Show = Callable[[int, int], None]  # done, of so many
EACH = 512  # a bar that is drawn for every item would take longer than the work


@contextlib.contextmanager
def bar(what: str) -> Iterator[Show]:
    """Call it with how much is done; it appears with the first call."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)

        def show(done: int, total: int) -> None:
            if done % EACH == 0 or done == total:
                shown.update(task, completed=done, total=total)

        yield show


def counted(items: Iterable[T], total: int, show: Show) -> Iterator[T]:
    """The items, each counted when it has been worked on."""
    for done, item in enumerate(items, start=1):
        yield item
        show(done, total)
