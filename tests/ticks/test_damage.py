"""Files that were cut short, or changed on the way: one clear line, or ticks, and nothing else."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import DataFileError
from engine.ticks import files
from tests.ticks.conftest import KINDS, drawn, read, written

FORMS = (*KINDS, "stored")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A file of each kind, by its bytes."""
    folder = tmp_path_factory.mktemp("sound")
    ticks = drawn(minutes=1.5)
    found = {kind: written(folder, kind, ticks)[0] for kind in KINDS}
    np.savez(folder / "stored.npz", **dict(np.load(found["npz"])))
    found["stored"] = (folder / "stored.npz").rename(folder / "IBM.npz")
    return {kind: (path.name, path.read_bytes()) for kind, path in found.items()}


def tried(path, data):
    """How it ended."""
    path.write_bytes(data)
    try:
        ticks = read(path)
    except DataFileError as problem:
        text = str(problem)
        assert str(path) in text
        assert "\n" not in text
        assert len(text) < len(str(path)) + 450
        return text
    for one in ticks:
        assert one.price > 0
        assert one.size >= 0
        assert one.kind in ("B", "A", "T")
    by_symbol = {}
    for one in ticks:
        assert by_symbol.get(one.symbol, 0) <= one.time_ns
        by_symbol[one.symbol] = one.time_ns
    return len(ticks)


@pytest.mark.parametrize("kind", FORMS)
def test_a_file_that_was_cut_short_is_told(tmp_path, sound, kind):
    name, data = sound[kind]
    whole = tried(tmp_path / name, data)
    assert isinstance(whole, int)
    ends = {0, 1, 4, 7, len(data) - 1, *range(10, len(data), max(len(data) // 40, 1))}
    for end in sorted(ends):
        found = tried(tmp_path / name, data[:end])
        # Plain text says nothing of its end.
        assert isinstance(found, str) or (kind == "csv" and found <= whole), (end, found)


@pytest.mark.parametrize("kind", FORMS)
def test_changed_bytes_never_end_in_a_traceback(tmp_path, sound, kind):
    name, data = sound[kind]
    stream = random.Random(f"damage/{kind}")
    ends = {"str": 0, "int": 0}
    for _ in range(250):
        damaged = bytearray(data)
        for _ in range(stream.choice((1, 1, 2, 8))):
            # Where the layout is said it matters most: at both ends.
            edge = min(400, len(data))
            at = stream.choice(
                (stream.randrange(len(data)), stream.randrange(edge), -1 - stream.randrange(edge))
            )
            damaged[at] = stream.choice((damaged[at] ^ (1 << stream.randrange(8)), 0, 255))
        ends[type(tried(tmp_path / name, bytes(damaged))).__name__] += 1
    assert ends["str"] > 10


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), kind=st.sampled_from(FORMS))
def test_any_piece_may_be_any_bytes(tmp_path, sound, data, kind):
    name, whole = sound[kind]
    begin = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(begin, len(whole)))
    tried(tmp_path / name, whole[:begin] + data.draw(st.binary(max_size=64)) + whole[end:])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=400))
def test_any_bytes_under_any_name_are_one_line(tmp_path, data):
    for name in ("IBM-20240103.csv", "x.parquet", "x.npy", "x.npz", "x.zip", "x", "x.csv.gz"):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(DataFileError):
            list(files.tape(files.parts([path])))
