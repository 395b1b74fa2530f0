"""Another program's measurement with a thread beside it that computes in Python without a pause.

Usage: python -m bench.peers.hogged SWITCH_INTERVAL_S WHAT PORT   (the last two: see engine.py)
"""

from __future__ import annotations

import sys
import threading

from bench.peers import engine


def hog() -> None:
    number = 1
    while True:
        number = number * 1_103_515_245 % 2_147_483_647


def main() -> None:
    sys.setswitchinterval(float(sys.argv.pop(1)))
    threading.Thread(target=hog, daemon=True).start()
    engine.main()


if __name__ == "__main__":
    main()
