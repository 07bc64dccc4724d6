"""How the pages look that people see: a name, a colour, a logo."""

from __future__ import annotations

import json
from typing import NamedTuple

from sqlalchemy import Connection

from cdp.store import meta

_KEY = "branding"


class Branding(NamedTuple):
    """``color`` is ``#rrggbb``; ``logo`` an image as a ``data:`` address; each may be empty."""

    name: str = ""
    color: str = ""
    logo: str = ""


def load(tx: Connection) -> Branding:
    """How the pages look now."""
    return Branding(**json.loads(meta.get(tx, _KEY) or "{}"))


def save(tx: Connection, branding: Branding) -> None:
    """Let the pages look so from now on."""
    meta.put(tx, _KEY, json.dumps(branding._asdict()))
    meta.bump(tx)
