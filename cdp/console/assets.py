"""Style sheets and scripts, under an address that changes when they do."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Response, send_from_directory

FOLDER = Path(__file__).parent / "static"


def fingerprint(folder: Path = FOLDER) -> str:
    """A short hash of everything in ``folder``."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def asset(version: str, path: str) -> Response:
    """One file; it may be kept for a year, since a change gives it a new address."""
    response = send_from_directory(FOLDER, path)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
