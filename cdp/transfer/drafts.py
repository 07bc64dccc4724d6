"""Files that were uploaded and wait for somebody to say what their columns are.

They are kept in the data folder beside those of imports, for two hours at most.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from cdp.config import Settings
from cdp.transfer.background import KEPT_S, drop_drafts, folder
from cdp.transfer.importing import Options, Plan, plan

_TOKEN = re.compile(r"[0-9a-f]{32}")


class Draft(NamedTuple):
    """A file: what it was called, and what was said of it so far; ``at`` in ms."""

    token: str
    name: str
    collection: int
    encoding: str | None
    delimiter: str | None
    at: int
    path: Path

    def plan(self, columns: dict[str, object] | None = None, checked: bool = True) -> Plan:
        """The file, opened; ``columns`` as people write them, or they are guessed."""
        options = Options(self.collection, None, self.encoding, self.delimiter, columns)
        return plan(self.path, self.name, options, checked)


def keep(
    settings: Settings,
    save: Callable[[BinaryIO], None],
    name: str,
    collection: int,
    encoding: str | None,
    delimiter: str | None,
    now: int,
) -> Draft:
    """Put what ``save`` writes into a file, which goes by itself if nobody comes back for it."""
    drop_drafts(settings)
    later = threading.Timer(KEPT_S + 1, drop_drafts, (settings,))
    later.daemon = True
    later.start()
    token = secrets.token_hex(16)
    made = Draft(token, name, collection, encoding, delimiter, now, _file(settings, token))
    with os.fdopen(os.open(made.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        save(out)
    told = {key: value for key, value in made._asdict().items() if key != "path"}
    notes = os.open(_notes(settings, token), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(notes, "wb") as file:
        file.write(msgspec.json.encode(told))
    return made


def find(settings: Settings, token: str) -> Draft | None:
    """The draft of that token, if it is still there."""
    if not _TOKEN.fullmatch(token) or not _file(settings, token).exists():
        return None
    try:
        told = msgspec.json.decode(_notes(settings, token).read_bytes())
    except FileNotFoundError:
        return None
    return Draft(**told, path=_file(settings, token))


def drop(settings: Settings, token: str) -> None:
    """Throw a draft away."""
    if _TOKEN.fullmatch(token):
        _file(settings, token).unlink(missing_ok=True)
        _notes(settings, token).unlink(missing_ok=True)


def _file(settings: Settings, token: str) -> Path:
    return folder(settings) / f"draft-{token}"


def _notes(settings: Settings, token: str) -> Path:
    return folder(settings) / f"draft-{token}.json"
