"""Peers that need an environment of their own, because of what they need of Python or of numpy.

``make peers`` makes them below ``build/peers``; who has not made one gets no figures of it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from bench.ledger import ROOT, Ledger

HOME: Final = ROOT / "build" / "peers"
TIMEOUT_S: Final = 300.0


def interpreter(name: str) -> Path | None:
    found = HOME / name / "bin" / "python"
    return found if found.exists() else None


def answer_of(ledger: Ledger, name: str, file: str, peer: str, *arguments: object) -> Any:
    """What ``bench/peers/<file>`` printed, run there; None, and a note, without it."""
    python = interpreter(name)
    if python is None:
        ledger.missing(peer, "make peers")
        return None
    command = [str(python), str(ROOT / "bench" / "peers" / file), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
