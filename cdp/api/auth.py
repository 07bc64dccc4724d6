"""Tokens: random, kept as SHA-256, with scopes."""

from __future__ import annotations

import base64
import threading
import time
from hashlib import sha256
from weakref import WeakKeyDictionary

from flask import request

from cdp.store import Store, config_rows, meta
from cdp.store.config_rows import Token

#: What a token may be for; ``all`` stands for each of them.
SCOPES = (
    "all",
    "profiles:read",
    "profiles:write",
    "events:read",
    "sources:read",
    "sources:write",
    "destinations:read",
    "destinations:write",
    "audiences:read",
    "audiences:write",
    "templates:read",
    "templates:write",
    "messages:read",
    "messages:write",
    "messages:send",
    "journeys:read",
    "journeys:write",
    "journeys:launch",
    "journeys:approve",
    "plugins:read",
    "tokens:write",
    "users:write",
    "activity:read",
    "metrics:read",
    "personal:read",
)
#: Without it a token is shown masks in place of personal values.
PERSONAL = "personal:read"
_CHECK_S = 0.5
_TOUCH_MS = 60_000


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode()).hexdigest()


def presented() -> str | None:
    """The token that the request carries: a bearer's, or the user of Basic."""
    header = request.headers.get("Authorization", "")
    scheme, _, value = header.strip().partition(" ")
    if scheme.casefold() == "bearer":
        return value.strip() or None
    if scheme.casefold() == "basic":
        try:
            return base64.b64decode(value.strip()).decode().partition(":")[0] or None
        except ValueError:  # no base64, or no UTF-8 in it
            return None
    return None


class _Known:
    """Tokens by hash, for one version of the configuration."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.version = -1
        self.checked = 0.0
        self.tokens: dict[str, Token | None] = {}


_known: WeakKeyDictionary[Store, _Known] = WeakKeyDictionary()


def find_token(store: Store, token: str) -> Token | None:
    """The token as the store knows it; a revoked one is unknown within a second."""
    held = _known.setdefault(store, _Known())
    hashed = hash_of(token)
    now = time.monotonic()
    with held.lock:
        if now - held.checked < _CHECK_S and hashed in held.tokens:
            return held.tokens[hashed]
    with store.read() as tx:
        version = meta.version(tx)
        found = config_rows.token_by_hash(tx, hashed)
    with held.lock:
        if version != held.version or len(held.tokens) > 1000:
            held.tokens.clear()
        held.version, held.checked = version, now
        held.tokens[hashed] = found
    if found is not None:
        _touch(store, found)
    return found


def _touch(store: Store, token: Token) -> None:
    """Note the use of a token, once a minute at most."""
    now = int(time.time() * 1000)
    if now - (token.last_used_at or 0) > _TOUCH_MS:
        with store.write() as tx:
            config_rows.touch_token(tx, now, token.id)


def allows(token: Token, scope: str) -> bool:
    """Whether the token is good for ``scope``; what may write may read."""
    noun, _, verb = scope.partition(":")
    wider = f"{noun}:write" if verb == "read" else scope
    return not token.scopes.isdisjoint(("all", scope, wider))


def token_of_request(store: Store, scope: str) -> Token | None:
    """The request's token, if it is known and good for ``scope``."""
    text = presented()
    found = find_token(store, text) if text else None
    return found if found is not None and allows(found, scope) else None
