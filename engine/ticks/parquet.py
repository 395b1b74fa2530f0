"""Columns of a Parquet file, a batch of its row groups at a time; pyarrow is needed for these
only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from engine.errors import DataFileError, UserError
from engine.sim.market import BLOCK_ROWS
from engine.ticks.columns import TIME, UNITS_NS, Column, Columns, Span

BUFFER_BYTES: Final = 1 << 20  # of each column that is read ahead


class ParquetColumns:
    """The Source of a table. Raises UserError: pyarrow is not there, or the file is not sound."""

    def __init__(self, path: Path) -> None:
        if find_spec("pyarrow") is None:
            mend = 'pip install "statechart-order-engine[parquet]"'
            raise UserError(f"{path}: Parquet needs pyarrow, which is not installed: {mend}")
        self._path = path
        with self._sound(), path.open("rb"):
            self._open()

    def _open(self) -> Any:
        from pyarrow import parquet  # type: ignore[import-not-found, unused-ignore]

        # Read anew for every use, so that nothing of it is held in between.
        file = parquet.ParquetFile(
            self._path, memory_map=False, buffer_size=BUFFER_BYTES, pre_buffer=False
        )
        self.names: Sequence[str] = file.schema_arrow.names
        return file

    def batches(self, names: Sequence[str], span: Span | None) -> Iterator[tuple[int, Columns]]:
        row = 0
        with self._sound(), self._open() as file:
            for group in range(file.metadata.num_row_groups):
                about = file.metadata.row_group(group)
                if span is None or _within(file, about, span):
                    at = row
                    for batch in file.iter_batches(
                        BLOCK_ROWS, row_groups=[group], columns=list(names), use_threads=False
                    ):
                        yield at, {name: self._column(name, batch.column(name)) for name in names}
                        at += batch.num_rows
                row += about.num_rows

    def _column(self, name: str, values: Any) -> Column:
        from pyarrow import types  # type: ignore[import-not-found, unused-ignore]

        if values.null_count:
            raise DataFileError(f"{self._path}: column {name!r} has missing values; drop the rows")
        kind = values.type
        if types.is_string(kind) or types.is_large_string(kind):
            values = values.dictionary_encode()
        if types.is_dictionary(values.type):
            words = values.dictionary.to_pylist()
            if all(isinstance(one, str) for one in words):
                places = values.indices.to_numpy(zero_copy_only=False)
                return Column(places.astype("int64"), tuple(words))
        elif types.is_integer(kind) or types.is_floating(kind) or types.is_timestamp(kind):
            return Column(values.to_numpy(zero_copy_only=False))
        raise DataFileError(
            f"{self._path}: column {name!r} is of type {kind}; expected text, whole numbers, "
            "doubles or timestamps"
        )

    @contextmanager
    def _sound(self) -> Iterator[None]:
        from pyarrow import ArrowException  # type: ignore[import-not-found, unused-ignore]

        try:
            yield
        except DataFileError:
            raise
        except (ArrowException, OSError, ValueError, MemoryError) as problem:
            if isinstance(problem, OSError) and problem.strerror:
                said = f"cannot be read: {problem.strerror}"
            else:
                said = "is no sound Parquet file: " + " ".join(str(problem).split())[:200]
            raise DataFileError(f"{self._path}: {said}") from None


def _within(file: Any, about: Any, span: Span) -> bool:
    """Whether a row group may have such times, by what it says of itself."""
    from pyarrow import types  # type: ignore[import-not-found, unused-ignore]

    kind = file.schema_arrow.field(TIME).type
    for number in range(about.num_columns):
        column = about.column(number)
        said = column.statistics if column.path_in_schema == TIME else None
        if said is not None and said.has_min_max and isinstance(said.min_raw, int):
            unit_ns = UNITS_NS[kind.unit] if types.is_timestamp(kind) else 1
            return bool(said.min_raw * unit_ns < span[1] and said.max_raw * unit_ns >= span[0])
    return True
