"""The secrets with which links and names of deliveries are signed."""

from __future__ import annotations

import json
import secrets

from sqlalchemy import Connection

from cdp.store import meta

_KEY = "link_keys"
#: How many are kept: links made with older ones no longer work.
KEPT = 5


def load(tx: Connection) -> tuple[str, ...]:
    """The keys, the newest first; empty before the first is made."""
    return tuple(json.loads(meta.get(tx, _KEY) or "[]"))


def ensure(tx: Connection) -> tuple[str, ...]:
    """The keys; one is made if there is none."""
    return load(tx) or rotate(tx)


def rotate(tx: Connection) -> tuple[str, ...]:
    """Sign with a new key from now on; what older ones signed holds."""
    keys = (secrets.token_hex(32), *load(tx))[:KEPT]
    meta.put(tx, _KEY, json.dumps(keys))
    meta.bump(tx)
    return keys
