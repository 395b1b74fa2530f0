"""What only compiled code can measure or check: stages in loops of their own, decoders at the
edge of their memory. ``make build`` compiles it; who runs without has it compiled when first asked
for, and again when its sources changed. No part of what is installed."""

from __future__ import annotations

import fcntl
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent


def compiled(name: str) -> Any:
    """The module ``bench.compiled.<name>``. Raises RuntimeError with what the compiler said."""
    if _old(name):
        (ROOT / "build").mkdir(exist_ok=True)
        with (ROOT / "build" / "bench.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side, and one compiles for all
            if _old(name):
                _compile()
    return importlib.import_module(f"bench.compiled.{name}")


def _old(name: str) -> bool:
    made = [*HERE.glob(f"{name}.*.so")]
    sources = [ROOT / "setup.py", *HERE.glob("*.pyx"), *(ROOT / "_fast").glob("*.pxd")]
    newest = max(file.stat().st_mtime for file in sources)
    return not made or min(file.stat().st_mtime for file in made) < newest


def _compile() -> None:
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=ROOT,
        env=os.environ | {"ENGINE_BENCH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the benchmark's modules do not compile:\n{done.stderr[-2000:]}")
    importlib.invalidate_caches()
    for file in HERE.glob("*.so"):
        os.utime(file)  # what did not need compiling is new enough all the same
