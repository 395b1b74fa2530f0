"""The operations that make files durable, as one object.

Whoever writes what must survive is given one of these, so that a disk that is full, lies or dies
in the middle of a write can be put in its place from outside.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path


class Disk:
    """The disk as the system offers it. Every method raises OSError when it refuses."""

    vfs = ""  # the SQLite layer that databases go through; empty: SQLite's own

    def write_at(self, descriptor: int, data: bytes, offset: int) -> None:
        """All of ``data``, however many calls that takes."""
        done = 0
        while done < len(data):
            done += os.pwrite(descriptor, data[done:], offset + done)

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Atomic: whoever looks sees the one or the other."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """A second name of the same file."""
        target.hardlink_to(source)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        """Make new, other and removed names in it durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)


def lock(descriptor: int) -> None:
    """Hold it alone, until it is closed. BlockingIOError: another process holds it."""
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def open_private(path: Path) -> int:
    """A descriptor of a regular file that only its owner may read, made if it is not there;
    symbolic links are not followed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(path, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
