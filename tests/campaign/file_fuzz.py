"""Whatever a file of settings says: nothing raises, every mistake is told in words.

    python -m tests.campaign.file_fuzz --seconds 600 --seed 1

Files as they stand, changed in a few places; each is read, and if it can be used, looked through
for dangers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.core.test_settings_file import check_file, mutations

EXAMPLES = 500


def fuzz(path: Path, number: int, came: Counter[str]) -> None:
    """Raises what a file made happen, with the file in its notes."""

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutations())
    def example(text: str) -> None:
        came[check_file(path, text)] += 1

    example()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60)
    asked = parser.parse_args()
    came: Counter[str] = Counter()
    began, number = time.monotonic(), asked.seed
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() - began < asked.seconds:
            fuzz(Path(folder) / "s.toml", number, came)
            number += 1
    said = ", ".join(f"{one} {count}" for one, count in came.most_common())
    print(f"file: ok, {came.total()} files in {time.monotonic() - began:.0f} s: {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
