"""The line of every key of a TOML file, whatever way it is written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.toml_lines import line_of, lines_of

ODD = """\
# a comment with [brackets] = "and quotes
top = 1 # = 2

[ a . "b c" ]  # header
x = [1, 2, # "]
  3,
  [4,
   5],
]
y.z = 'a # "b'
y."w w" = "# \\" = ]"

[[list]]
name = \"\"\"
[not.a.header]
key = "not a key" \\\\ \\\" \"\"\"\"
after = '''
it's '' fine'''''

[list.inner]
deep = {one = 1, two.three = [{four = 4}, {five = 5}], "six" = '}'}

[[list]]
when = 1979-05-27 07:32:00
[list.inner]
[[list.inner.more]]
a = +inf
[[list.inner.more]]
a = 0xFF

[[list.inner.more.most]]
b = true
"""


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, one in inner:
        yield from paths(one, (*path, key))


def test_every_key_of_an_odd_file_has_its_line() -> None:
    lines = lines_of(ODD)

    assert set(lines) == set(paths(tomllib.loads(ODD)))
    expected: dict[tuple[str | int, ...], int] = {
        ("top",): 2,
        ("a", "b c"): 4,
        ("a", "b c", "x", 2): 6,
        ("a", "b c", "x", 3, 1): 8,
        ("a", "b c", "y"): 10,
        ("a", "b c", "y", "w w"): 11,
        ("list",): 13,
        ("list", 0): 13,
        ("list", 0, "name"): 14,
        ("list", 0, "after"): 17,
        ("list", 0, "inner"): 20,
        ("list", 0, "inner", "deep", "two", "three", 1, "five"): 21,
        ("list", 0, "inner", "deep", "six"): 21,
        ("list", 1): 23,
        ("list", 1, "when"): 24,
        ("list", 1, "inner", "more", 0, "a"): 27,
        ("list", 1, "inner", "more", 1): 28,
        ("list", 1, "inner", "more", 1, "most", 0, "b"): 32,
    }
    assert {path: lines[path] for path in expected} == expected


def test_line_ends_of_windows_count_once() -> None:
    assert lines_of('a = """\r\nx"""\r\n\r\nb = 1\r\n') == {("a",): 1, ("b",): 4}


def test_what_is_missing_is_where_it_would_be() -> None:
    lines = lines_of("[a]\nb = 1\n[[c]]\nd = 2")

    assert line_of(lines, ("a", "b")) == 2
    assert line_of(lines, ("a", "x", "y")) == 1
    assert line_of(lines, ("c", 0, "x")) == 3
    assert line_of(lines, ("x",)) is None
    assert line_of(lines, ()) is None


@pytest.mark.parametrize("text", ["", "\n\n", "# only this", "a = 1", "a.b.c = {}", "a = []"])
def test_small_files(text: str) -> None:
    assert set(lines_of(text)) == set(paths(tomllib.loads(text)))


PIECES = st.sampled_from(
    [
        *("a", "b", '"c d"', "'e'", ".", " = ", "=", "[", "]", "[[", "]]", "{", "}", ",", "\n"),
        *("\n", "# x\n", '"', '""', '"""', "'", "'''", "\\", '\\"', "1", "true", "1979-05-27"),
        *("a = 1\n", "[a]\n", "[[a]]\n", "[a.b]\n", "b = [1, 2]\n", "c = {d = 1, e.f = 2}\n"),
        *('g = """\nx"""\n', "h = '''y'''\n", "i.j = 'k'\n", "[[a.l]]\n"),
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_what_tomllib_reads_is_walked_to_the_same_keys(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = lines_of(text)

    assert set(lines) == set(paths(data))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
