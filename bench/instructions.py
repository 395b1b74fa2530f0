"""How many instructions each stage of the hot path takes: a figure that no noise can disturb.

Usage: python -m bench.instructions           counts, and compares with instructions.json
       python -m bench.instructions --renew   counts, and writes it

Valgrind counts what the processor would execute. The same compiler makes the same code, so where
the file was written by this one, a stage may take TOLERANCE more or less. Another compiler makes
other code: then the figures are compared as multiples of the stage ``reference``, which it made,
too, and may differ by TOLERANCE_ELSEWHERE. A stage that got cheaper by more is told as well: the
file has to say so, or it would hide the next one that gets dearer.
"""

from __future__ import annotations

import argparse
import json
import pickle
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from bench.compiled import compiled
from bench.ledger import ROOT
from bench.stages import material

FILE: Final = ROOT / "bench" / "instructions.json"
RENEW: Final = "python -m bench.instructions --renew"
UNITS: Final = 10_000  # what a stage costs once, to find another library, is lost among them
TOLERANCE: Final = 0.03
TOLERANCE_ELSEWHERE: Final = 0.35
REFERENCE: Final = "reference"
STAGE: Final = "__pyx_f_5bench_8compiled_6stages_stage_"
Counts = dict[str, float]


def unavailable() -> str | None:
    """Why nothing can be counted here; None: it can."""
    return None if shutil.which("valgrind") else "valgrind is not installed"


def compiler() -> str:
    """What compiled the stages, as far as it tells."""
    return f"{compiled('stages').COMPILER}, {platform.machine()}, CPython {sys.version_info[1]}"


def counted() -> Counts:
    """Instructions for one unit of each stage."""
    names = compiled("stages").NAMES
    with tempfile.TemporaryDirectory() as made:
        given, out = Path(made) / "material", Path(made) / "out"
        given.write_bytes(pickle.dumps(material()))
        command = [
            *("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"),
            *("--collect-atstart=no", f"--toggle-collect={STAGE}*"),
            *(sys.executable, "-m", "bench.stages", given, str(UNITS), *names),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"valgrind failed:\n{done.stderr[-2000:]}")
        totals = inclusive(out.read_text("utf-8").splitlines())
    return {name: totals[STAGE + name] / UNITS for name in names}


def inclusive(lines: Iterable[str]) -> dict[str, int]:
    """Of each function, what it cost with all that it called, from a file of callgrind.

    Below ``fn=`` stand lines of its own cost, and those of its calls, each behind a ``calls=``:
    together they are what it took. A name is told once, and then by its number.
    """
    names: dict[str, str] = {}
    totals: dict[str, int] = {}
    current = ""
    for line in lines:
        if match := re.match(r"(c?fn)=(\(\d+\))(?: (.*))?$", line):
            kind, number, name = match.groups()
            if name:
                names[number] = name
            if kind == "fn":
                current = names[number]
        elif current and (match := re.match(r"[+*\-\d]\S* (\d+)$", line)):
            totals[current] = totals.get(current, 0) + int(match[1])
    return totals


def expected() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return told


def faults(now: Mapping[str, float], by: str, told: Mapping[str, Any]) -> list[str]:
    """What is further from ``told`` than it may be, a line each."""
    before = told["instructions"]
    same = told["compiler"] == by
    tolerance = TOLERANCE if same else TOLERANCE_ELSEWHERE
    scale = 1.0 if same else now[REFERENCE] / before[REFERENCE]
    found = [f"{name} is not in both" for name in sorted(now.keys() ^ before.keys())]
    for name in now.keys() & before.keys():
        wanted = before[name] * scale
        off = now[name] / wanted - 1
        if abs(off) > tolerance:
            found.append(
                f"{name}: {now[name]:.1f} instructions, {off:+.1%} of {wanted:.1f} "
                f"(at most {tolerance:.0%} off); if that is meant: {RENEW}"
            )
    return sorted(found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.instructions")
    parser.add_argument("--renew", action="store_true", help=f"write {FILE.name}")
    options = parser.parse_args()
    if missing := unavailable():
        sys.stderr.write(f"not counted: {missing}\n")
        return 2
    now, by = counted(), compiler()
    for name, count in now.items():
        sys.stdout.write(f"{name:16} {count:8.1f}\n")
    if options.renew:
        rounded = {name: round(count, 1) for name, count in now.items()}
        told = {"compiler": by, "instructions": rounded}
        FILE.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        return 0
    found = faults(now, by, expected())
    for one in found:
        sys.stderr.write(f"{one}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
