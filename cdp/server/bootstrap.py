"""Making an empty store usable: tables, secrets, the first source and token."""

from __future__ import annotations

import secrets
import time
from hashlib import sha256
from typing import NamedTuple

from cdp.config import Settings
from cdp.store import Store, config_rows, meta
from cdp.store.keys import new_token, new_write_key
from cdp.store.migrate import migrate, take_turn


class Welcome(NamedTuple):
    """What to tell the operator; ``api_token`` only when it was made just now."""

    write_key: str
    api_token: str | None


def bootstrap(store: Store, settings: Settings, *, random_token: bool = True) -> Welcome:
    """Migrate the store; in an empty one make the first source and token.

    A random token is known to nobody but who is told of it now: without
    ``random_token`` none is made, so that the next who can show one makes it.
    """
    migrate(store)
    now = int(time.time() * 1000)
    with store.read() as tx:
        sources = config_rows.all_sources(tx)
        tokens = config_rows.all_tokens(tx)
        secret = meta.get(tx, "cookie_secret")
    make_token = not tokens and (random_token or settings.api_token is not None)
    if sources and secret and not make_token:
        return Welcome(sources[0].write_key, None)
    token: str | None = None
    with store.write() as tx:
        take_turn(tx)
        if not meta.get(tx, "cookie_secret"):
            meta.put(tx, "cookie_secret", secrets.token_hex(32))
        sources = config_rows.all_sources(tx)
        if not sources:
            key = settings.write_key or new_write_key()
            config_rows.add_source(tx, now, "default", "Default", key, "setup")
            sources = config_rows.all_sources(tx)
        if make_token and not config_rows.all_tokens(tx):
            token = settings.api_token or new_token()
            hashed = sha256(token.encode()).hexdigest()
            config_rows.add_token(tx, now, "first", hashed, "all", "setup")
    return Welcome(sources[0].write_key, token)
