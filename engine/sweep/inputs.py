"""What determines a sweep, by the contents of its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import file_digest, sha256
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

from engine.errors import DataFileError
from engine.version import VERSION

PACKAGES: Final = ("engine", "_fast", "statecharts")
Look = Callable[[int, int], None]  # done, of so many


def digests(paths: Sequence[Path], look: Look) -> dict[Path, str]:
    """Of each file's bytes. Raises DataFileError: one cannot be read."""
    found = {}
    for number, path in enumerate(paths, start=1):
        try:
            with path.open("rb") as file:
                found[path] = file_digest(file, "sha256").hexdigest()
        except OSError as problem:
            raise DataFileError(f"{path}: cannot be read: {problem.strerror}") from None
        look(number, len(paths))
    return found


def code() -> str:
    """The version of the engine, and a digest of its files: what another code made may be
    another thing, also within a version."""
    found = sha256()
    for name in PACKAGES:
        package = import_module(name)
        for root in sorted(package.__path__):
            files = (one for one in Path(root).rglob("*") if one.name.endswith(_ENDINGS))
            for path in sorted(files):
                found.update(str(path.relative_to(root)).encode() + b"\0")
                found.update(sha256(path.read_bytes()).digest())
    return f"{VERSION}+{found.hexdigest()[:16]}"


_ENDINGS: Final = (".py", *EXTENSION_SUFFIXES)
