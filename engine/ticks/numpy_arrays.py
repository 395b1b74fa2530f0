"""Columns of NumPy's files: a structured array, mapped into memory, or arrays of a zip, as
streams. Nothing in them is unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from engine.errors import DataFileError
from engine.sim.market import BLOCK_ROWS
from engine.ticks.columns import Column, Columns, Span

FEW: Final = 64  # different texts are found one by one; for more sorting is faster
HEADERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
CHARACTER_MAX: Final = 0x10FFFF
# What numpy and zipfile say of what is none of their files.
DAMAGE: Final = (
    *(ValueError, EOFError, OSError, OverflowError, MemoryError, TypeError, SyntaxError),
    *(TokenError, zipfile.BadZipFile, zlib.error, KeyError, NotImplementedError, RuntimeError),
)


class StructuredArray:
    """The Source of ``.npy``. Raises DataFileError: the file is not sound."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _sound(path, ".npy"):
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        if found.dtype.names is None or found.ndim != 1:
            raise DataFileError(
                f"{path}: is an array of {found.dtype} with {found.ndim} dimensions; expected a "
                "structured array of one, with fields time, symbol, kind, price, size"
            )
        self._rows: NDArray[Any] = np.asarray(found)  # what is done with a memmap makes memmaps
        self.names: Sequence[str] = found.dtype.names

    def batches(self, names: Sequence[str], span: Span | None) -> Iterator[tuple[int, Columns]]:
        del span
        for begin in range(0, len(self._rows), BLOCK_ROWS):
            rows = self._rows[begin : begin + BLOCK_ROWS]
            yield begin, {name: _column(self._path, name, rows[name]) for name in names}


class ZippedArrays:
    """The Source of ``.npz``. Raises DataFileError: the file is not sound."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _sound(path, ".npz"), zipfile.ZipFile(path) as file:
            members = file.namelist()
        self.names: Sequence[str] = [
            one.removesuffix(".npy") for one in members if one.endswith(".npy")
        ]

    def batches(self, names: Sequence[str], span: Span | None) -> Iterator[tuple[int, Columns]]:
        del span
        with _sound(self._path, ".npz"), ExitStack() as stack:
            file = stack.enter_context(zipfile.ZipFile(self._path))
            members = {name: stack.enter_context(file.open(f"{name}.npy")) for name in names}
            heads = {name: self._head(name, member) for name, member in members.items()}
            counts = {name: count for name, (_, count) in heads.items()}
            if len(set(counts.values())) > 1:
                told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
                raise DataFileError(f"{self._path}: its columns are of unequal length: {told}")
            rows = counts[names[0]]
            for begin in range(0, rows, BLOCK_ROWS):
                count = min(BLOCK_ROWS, rows - begin)
                yield (
                    begin,
                    {
                        name: _column(self._path, name, self._read(member, heads[name][0], count))
                        for name, member in members.items()
                    },
                )
            for member in members.values():
                member.read(1)  # only behind its end is it known whether it was sound

    def _head(self, name: str, member: IO[bytes]) -> tuple[np.dtype[Any], int]:
        version = npy.read_magic(member)
        if version not in HEADERS:
            raise ValueError(f"{name} is of version {version[0]}.{version[1]} of the format")
        shape, _, dtype = HEADERS[version](member)
        if len(shape) != 1 or dtype.hasobject or dtype.names is not None or dtype.itemsize == 0:
            raise DataFileError(
                f"{self._path}: column {name!r} is an array of {dtype} with {len(shape)} "
                "dimensions; expected plain values, in one"
            )
        return dtype, shape[0]

    def _read(self, member: IO[bytes], dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        data = member.read(count * dtype.itemsize)
        if len(data) != count * dtype.itemsize:
            raise EOFError("an array ends early")
        return np.frombuffer(data, dtype)


def _column(path: Path, name: str, values: NDArray[Any]) -> Column:
    if values.ndim != 1:
        raise DataFileError(f"{path}: column {name!r} has several values a row; expected one")
    values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind not in "US":
        return Column(values)
    if values.dtype.kind == "U" and (values.view(np.uint32) > CHARACTER_MAX).any():
        raise DataFileError(f"{path}: column {name!r} has texts that are damaged")
    places = np.full(len(values), -1, np.int64)
    words: list[str] = []
    while (open_ := np.flatnonzero(places < 0)).size:
        value = values[open_[0]]
        if len(words) == FEW:
            different, places = np.unique(values, return_inverse=True)
            words = [_text(one) for one in different]
            break
        places[values == value] = len(words)
        words.append(_text(value))
    return Column(places, tuple(words))


def _text(value: Any) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


@contextmanager
def _sound(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except DataFileError:
        raise
    except DAMAGE as problem:
        if isinstance(problem, OSError) and problem.strerror:
            said = f"cannot be read: {problem.strerror}"
        else:
            said = f"is no sound {kind} file: " + " ".join(str(problem).split())[:200]
        raise DataFileError(f"{path}: {said}") from None
