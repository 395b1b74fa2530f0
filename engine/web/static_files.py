"""The files of the page, read once: what is not among them does not exist."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import attrs

FOLDER: Final = Path(__file__).parent / "static"
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
FIRST: Final = "index.html"


@attrs.frozen
class StaticFile:
    data: bytes
    media_type: str


@cache
def static_files() -> dict[str, StaticFile]:
    """By path of a request. Nobody's path is ever joined to a folder."""
    found = {
        f"/{path.name}": StaticFile(path.read_bytes(), TYPES[path.suffix])
        for path in sorted(FOLDER.iterdir())
        if path.suffix in TYPES
    }
    return {**found, "/": found[f"/{FIRST}"]}
