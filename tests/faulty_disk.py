"""A disk that fails where a test says, dies where a test says, and forgets what was not synced.

The product takes its disk from outside (``engine.disk.Disk``); this one counts every operation
that is meant to last, also those of SQLite, whose own writes and syncs go through a layer that is
registered under ``FaultyDisk.vfs``. At the operation that was asked for it refuses, or the
process "dies": from then on nothing reaches the disk, and ``crash`` leaves the files as a killed
process or a power cut may.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import os
import random
import sqlite3
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from engine.disk import Disk

Kind = Literal["write", "sync", "name"]  # the last: a rename, a link, a removal

SQLITE_OK, SQLITE_FULL = 0, 13
IOERR_WRITE, IOERR_SYNC, IOERR_DELETE = 778, 1034, 2570
SECTOR_BYTES = 512
NO_SPACE, IO_ERROR = 28, 5


class Died(BaseException):
    """The process is gone. Nothing may catch it."""


class _Fate(Enum):
    HAPPENS = 0
    REFUSED = 1
    DIES = 2  # in the middle of it
    DEAD = 3  # before


@attrs.frozen
class _Change:
    """Of a file's content, taken by the system and not yet durable."""

    offset: int
    old: bytes  # what stood there
    new: bytes
    old_size: int
    cut_to: int | None = None  # a truncation


@attrs.define
class FaultyDisk(Disk):
    """``refuse`` says which operations of a kind are refused, counted from 1; ``die_at`` in which
    of all it dies."""

    seed: int = 0
    refuse: dict[str, range] = attrs.field(factory=dict)
    die_at: int = 0  # 0: never
    full: bool = False  # refuses as a full disk does, not as a broken one
    counts: dict[str, int] = attrs.field(factory=lambda: {"any": 0, "write": 0, "sync": 0})
    dead: bool = False
    refused: int = 0
    log: list[str] = attrs.field(factory=list)
    _files: dict[str, int] = attrs.field(factory=dict)
    _changes: dict[str, list[_Change]] = attrs.field(factory=dict)
    _ghosts: dict[str, list[_Change]] = attrs.field(factory=dict)
    _undo: list[Callable[[], object]] = attrs.field(factory=list)  # of names not yet durable

    vfs = "faulty"

    def __attrs_post_init__(self) -> None:
        _LAYER.serve(self)

    def fate(self, kind: Kind, path: str) -> _Fate:
        """Count an operation and decide."""
        if self.dead:
            return _Fate.DEAD
        for one in ("any", kind):
            self.counts[one] = self.counts.get(one, 0) + 1
        self.log.append(f"{self.counts['any']}: {kind} {Path(path).name}")
        if self.counts["any"] == self.die_at:
            self.dead = True
            return _Fate.DIES
        if any(self.counts[one] in self.refuse.get(one, ()) for one in ("any", kind)):
            self.refused += 1
            return _Fate.REFUSED
        return _Fate.HAPPENS

    def heal(self) -> None:
        self.refuse = {}

    def die_if_dead(self) -> None:
        if self.dead:
            raise Died

    def _raise(self) -> None:
        self.die_if_dead()
        number = NO_SPACE if self.full else IO_ERROR
        raise OSError(number, os.strerror(number))

    # -- content -------------------------------------------------------------------------------

    def will_write(self, path: str, offset: int, data: bytes) -> None:
        file = self._file(path)
        change = _Change(offset, os.pread(file, len(data), offset), data, os.fstat(file).st_size)
        self._changes.setdefault(path, []).append(change)
        end = offset + len(data)
        self._lay_ghosts(path, lambda one: one.offset >= offset and _end(one) <= end)

    def will_truncate(self, path: str, size: int) -> None:
        file = self._file(path)
        old_size = os.fstat(file).st_size
        old = os.pread(file, max(old_size - size, 0), size)
        self._changes.setdefault(path, []).append(_Change(size, old, b"", old_size, size))
        self._lay_ghosts(path, lambda one: one.offset >= size)

    def was_synced(self, path: str, fate: _Fate) -> None:
        """After a sync that failed the system has forgotten what it had to write: it can be read,
        and is gone with the power, whatever is synced later."""
        changes = self._changes.pop(path, [])
        if fate is _Fate.REFUSED:
            self._ghosts.setdefault(path, []).extend(changes)

    def _lay_ghosts(self, path: str, written_anew: Callable[[_Change], bool]) -> None:
        self._ghosts[path] = [g for g in self._ghosts.get(path, []) if not written_anew(g)]

    def _file(self, path: str) -> int:
        """A descriptor of our own, kept: closing one would drop SQLite's locks."""
        if path not in self._files:
            self._files[path] = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        return self._files[path]

    def write_at(self, descriptor: int, data: bytes, offset: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        fate = self.fate("write", path)
        if fate in (_Fate.HAPPENS, _Fate.DIES):
            self.will_write(path, offset, data)
            super().write_at(descriptor, data, offset)
        if fate is not _Fate.HAPPENS:
            self._raise()

    def sync(self, descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        fate = self.fate("sync", path)
        if fate in (_Fate.HAPPENS, _Fate.REFUSED):
            self.was_synced(path, fate)
        if fate is not _Fate.HAPPENS:
            self._raise()
        if os.path.isdir(path):  # noqa: PTH112
            self._undo.clear()

    # -- names ---------------------------------------------------------------------------------

    def rename(self, source: Path, target: Path) -> None:
        if self.fate("name", str(target)) is not _Fate.HAPPENS:
            self._raise()
        spare = target.parent.parent / f"spare-{self.counts['any']}-{target.name}"
        replaced = target.exists()
        if replaced:
            spare.unlink(missing_ok=True)
            spare.hardlink_to(target)
        super().rename(source, target)
        self._moved(str(source), str(target))

        def undo() -> None:
            target.rename(source)
            if replaced:
                spare.rename(target)

        self._undo.append(undo)

    def _moved(self, source: str, target: str) -> None:
        if (old := self._files.pop(target, None)) is not None:
            os.close(old)
        if source in self._files:
            self._files[target] = self._files.pop(source)
        for table in (self._changes, self._ghosts):
            table[target] = table.pop(source, [])

    def link(self, source: Path, target: Path) -> None:
        if self.fate("name", str(target)) is not _Fate.HAPPENS:
            self._raise()
        super().link(source, target)
        self._undo.append(target.unlink)

    def remove(self, path: Path) -> None:
        if path.exists():
            if self.fate("name", str(path)) is not _Fate.HAPPENS:
                self._raise()
            self.forget(str(path))
        super().remove(path)

    def forget(self, path: str) -> None:
        if (file := self._files.pop(path, None)) is not None:
            os.close(file)
        self._changes.pop(path, None)
        self._ghosts.pop(path, None)

    # -- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the files it has looked into."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def crash(self, folder: Path, power: bool) -> None:
        """Leave the files as they are found after the process was killed, or after a power cut:
        what was not synced is there, not there, or there in part. Nothing may have them open."""
        chance = random.Random(f"{self.seed}/{self.die_at}/{power}")
        for path, changes in self._changes.items():
            lost = [*self._ghosts.get(path, []), *changes] if power else changes[-1:]
            self._tear(path, lost, chance, power)
        for path, ghosts in self._ghosts.items():
            if power and path not in self._changes:
                self._tear(path, ghosts, chance, power)
        while power and self._undo and chance.random() < 0.5:
            self._undo.pop()()
        self.close()
        for path in folder.glob("*-shm"):  # is in memory only, whatever it looks like
            path.unlink()

    def _tear(self, path: str, changes: list[_Change], chance: random.Random, power: bool) -> None:
        """Take the last changes back, and do some of them again: those at the front, or any, and
        the last of them up to some byte."""
        if not os.path.exists(path) or path not in self._files:  # noqa: PTH110
            return
        file = self._files[path]
        for change in reversed(changes):
            if change.cut_to is None:
                os.ftruncate(file, max(change.old_size, change.offset + len(change.old)))
                os.pwrite(file, change.old, change.offset)
                os.ftruncate(file, change.old_size)
            else:
                os.pwrite(file, change.old, change.offset)
        kept = changes
        if power and chance.random() < 0.5:
            kept = [one for one in changes if chance.random() < 0.5]
        elif power:
            kept = changes[: chance.randint(0, len(changes))]
        for number, change in enumerate(kept):
            if change.cut_to is not None:
                os.ftruncate(file, change.cut_to)
                continue
            torn = number == len(kept) - 1 and (power or chance.random() < 0.5)
            upto = chance.randint(0, len(change.new)) if torn else len(change.new)
            if torn and upto < len(change.new) and change.offset + upto < change.old_size:
                # A disk writes a sector whole or not at all. Where a file grows, its length may
                # end anywhere.
                upto = max(upto - (change.offset + upto) % SECTOR_BYTES, 0)
            os.pwrite(file, change.new[:upto], change.offset)


def _end(change: _Change) -> int:
    return change.offset + len(change.new)


# -- SQLite's own writes -----------------------------------------------------------------------

_POINTER: Final = ctypes.sizeof(ctypes.c_void_p)
_METHODS: Final = 19  # pointers in sqlite3_io_methods, its version included
_WRITE, _TRUNCATE, _SYNC = 3, 4, 5  # where they stand in it
_OPEN, _DELETE = 5, 6  # where they stand in sqlite3_vfs, in pointers
_VFS: Final = 22  # pointers in sqlite3_vfs
_NAME: Final = 3

_Write = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_Open = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
)
_Delete = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)


class _Layer:
    """A copy of SQLite's layer for Unix, with four of its functions led past the disk."""

    def __init__(self) -> None:
        self._disk: FaultyDisk | None = None
        self._paths: dict[int, str] = {}  # by address of the open file
        self._tables: dict[int, Any] = {}  # copies of method tables, by the original's address
        self._keep: list[Any] = []

    def serve(self, disk: FaultyDisk) -> None:
        self._disk = disk
        if not self._keep:
            self._register()

    @property
    def disk(self) -> FaultyDisk:
        assert self._disk is not None
        return self._disk

    def _register(self) -> None:
        sqlite3.connect(":memory:").close()
        maps = Path("/proc/self/maps").read_text("ascii", "replace")
        name = next(line.split()[-1] for line in maps.splitlines() if "libsqlite3" in line)
        library = ctypes.CDLL(name)
        library.sqlite3_vfs_find.restype = ctypes.c_void_p
        library.sqlite3_vfs_register.argtypes = (ctypes.c_void_p, ctypes.c_int)
        self._original: int = library.sqlite3_vfs_find(None)
        table = (ctypes.c_void_p * _VFS)()
        ctypes.memmove(table, self._original, _POINTER * _VFS)
        label = ctypes.create_string_buffer(FaultyDisk.vfs.encode())
        table[_NAME] = ctypes.addressof(label)
        self._real_open = _Open(_address(table[_OPEN]))
        self._real_delete = _Delete(_address(table[_DELETE]))
        self._opened, self._deleted = _Open(self._on_open), _Delete(self._on_delete)
        table[_OPEN] = ctypes.cast(self._opened, ctypes.c_void_p).value
        table[_DELETE] = ctypes.cast(self._deleted, ctypes.c_void_p).value
        self._keep += [library, table, label]
        assert library.sqlite3_vfs_register(table, 0) == SQLITE_OK

    def _on_open(self, _: int, name: int | None, file: int, flags: int, out: int) -> int:
        # SQLite keeps the pointer to the name, so it must get the very same.
        code = self._real_open(self._original, name, file, flags, out)
        if code == SQLITE_OK and name:
            self._paths[file] = os.path.realpath(os.fsdecode(ctypes.string_at(name)))
            methods = ctypes.cast(file, ctypes.POINTER(ctypes.c_void_p))
            original = _address(methods[0])
            if original not in self._tables:
                self._tables[original] = self._patched(original)
            methods[0] = ctypes.addressof(self._tables[original][0])
        return int(code)

    def _patched(self, original: int) -> tuple[Any, ...]:
        table = (ctypes.c_void_p * _METHODS)()
        ctypes.memmove(table, original, _POINTER * _METHODS)
        write, cut, sync = (
            _Write(_address(table[_WRITE])),
            _Truncate(_address(table[_TRUNCATE])),
            _Sync(_address(table[_SYNC])),
        )

        def on_write(file: int, data: int, size: int, offset: int) -> int:
            path = self._paths[file]
            fate = self.disk.fate("write", path)
            if fate in (_Fate.HAPPENS, _Fate.DIES):
                self.disk.will_write(path, offset, ctypes.string_at(data, size))
                code = int(write(file, data, size, offset))
                return code if fate is _Fate.HAPPENS else IOERR_WRITE
            return SQLITE_FULL if self.disk.full else IOERR_WRITE

        def on_truncate(file: int, size: int) -> int:
            path = self._paths[file]
            fate = self.disk.fate("write", path)
            if fate in (_Fate.HAPPENS, _Fate.DIES):
                self.disk.will_truncate(path, size)
                code = int(cut(file, size))
                return code if fate is _Fate.HAPPENS else IOERR_WRITE
            return IOERR_WRITE

        def on_sync(file: int, flags: int) -> int:
            path = self._paths[file]
            fate = self.disk.fate("sync", path)
            if fate in (_Fate.HAPPENS, _Fate.REFUSED):
                self.disk.was_synced(path, fate)
            return int(sync(file, flags)) if fate is _Fate.HAPPENS else IOERR_SYNC

        functions = _Write(on_write), _Truncate(on_truncate), _Sync(on_sync)
        for place, function in zip((_WRITE, _TRUNCATE, _SYNC), functions, strict=True):
            table[place] = ctypes.cast(function, ctypes.c_void_p).value
        return table, *functions

    def _on_delete(self, _: int, name: bytes, sync_directory: int) -> int:
        path = os.path.realpath(os.fsdecode(name))
        if self.disk.fate("name", path) is not _Fate.HAPPENS:
            return IOERR_DELETE
        self.disk.forget(path)
        return int(self._real_delete(self._original, name, sync_directory))


def _address(pointer: int | None) -> int:
    assert pointer
    return pointer


_LAYER: Final = _Layer()


@contextlib.contextmanager
def closing_quietly(*closers: Callable[[], object]) -> Any:
    """What a dead process has open is closed by the system."""
    try:
        yield
    finally:
        for close in closers:
            with contextlib.suppress(Exception):
                close()
