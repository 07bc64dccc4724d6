"""A space fed through the real log and pipeline, and the whole app over it."""

from __future__ import annotations

import base64
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask
from flask.testing import FlaskClient

from cdp.api.auth import hash_of
from cdp.config import Settings
from cdp.log import GroupCommit, Record, open_log, open_reader
from cdp.pipeline.run import Pipeline
from cdp.server.app import create_app
from cdp.server.bootstrap import bootstrap
from cdp.store import Store, config_rows

TOKEN = "token-of-this-test"
KEY = "wk_of_this_test_0123456789"


def bearer(token: str = TOKEN) -> dict[str, str]:
    """The header of a token as a bearer's."""
    return {"Authorization": f"Bearer {token}"}


def basic(user: str = TOKEN) -> dict[str, str]:
    """The header of a token or key as the user of Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:".encode()).decode()}


class Space:
    """A store, its log and its pipeline; ``app`` is what `cdp serve` serves."""

    def __init__(self, folder: Path, database_url: str | None = None, **more: Any) -> None:
        self.settings = Settings(
            data=folder,
            database_url=database_url,
            api_token=TOKEN,
            write_key=KEY,
            allow_private_addresses=True,
            **more,
        )
        self.store = Store.open(self.settings)
        bootstrap(self.store, self.settings)
        self.log = open_log(self.settings)
        self.pipeline = Pipeline(self.store, open_reader(self.settings), self.settings)
        self._app: Flask | None = None

    @property
    def app(self) -> Flask:
        """The whole app, composed as the server composes it."""
        if self._app is None:
            self._app = create_app(self.settings, self.store, self.log)
        return self._app

    def client(self) -> FlaskClient:
        """A client without credentials."""
        return self.app.test_client()

    def send(self, *messages: dict[str, Any]) -> None:
        """Send messages and wait until the pipeline has taken them."""
        self.send_raw("batch", msgspec.json.encode({"batch": list(messages)}))

    def send_raw(self, kind: str, body: bytes, source: int = 1) -> None:
        """Send the body of one request."""
        self.log.append(Record(int(time.time() * 1000), source, kind, body))
        self.pipeline.drain()

    def token(self, scopes: str, name: str = "made by a test") -> str:
        """Another API token."""
        token = f"token for {scopes}"
        with self.store.write() as tx:
            if config_rows.token_by_hash(tx, hash_of(token)) is None:
                config_rows.add_token(tx, 0, name, hash_of(token), scopes, "test")
        return token

    def write_to(self, log: GroupCommit) -> None:
        """Have what is sent from now on go to another log."""
        self._end_app()
        self.log = log

    def close(self) -> None:
        """End the app's threads and close files."""
        self._end_app()
        self.log.close()
        self.store.close()

    def _end_app(self) -> None:
        app, self._app = self._app, None
        if app is not None:
            for name in ("receivers", "seeing", "sources"):
                app.extensions[name].close()


def import_ended(number: int) -> None:
    """Wait until nothing works on an import: its file goes after its end was written down."""
    for thread in threading.enumerate():
        if thread.name == f"import-{number}":
            thread.join(60)
            assert not thread.is_alive()


def iso(minutes_ago: float) -> str:
    """A time before now, as a client writes it."""
    ms = int(time.time() * 1000 - minutes_ago * 60_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms / 1000)) + f".{ms % 1000:03d}Z"


def ana() -> list[dict[str, Any]]:
    """Ana, who was anonymous, became u1, joined Acme and bought something."""
    return [
        {
            "type": "page",
            "name": "Pricing",
            "anonymousId": "a1",
            "messageId": "m1",
            "timestamp": iso(60),
        },
        {
            "type": "identify",
            "anonymousId": "a1",
            "userId": "u1",
            "messageId": "m2",
            "timestamp": iso(50),
            "traits": {"name": "Ana Kowalska", "email": "Ana@Example.com", "plan": "free"},
        },
        {
            "type": "track",
            "event": "Order Completed",
            "userId": "u1",
            "messageId": "m3",
            "timestamp": iso(40),
            "properties": {"total": 12.5},
            "context": {"ip": "203.0.113.9"},
        },
        {
            "type": "identify",
            "userId": "u1",
            "messageId": "m4",
            "timestamp": iso(30),
            "traits": {"plan": "pro"},
        },
        {
            "type": "group",
            "userId": "u1",
            "groupId": "acme",
            "messageId": "m5",
            "timestamp": iso(20),
            "traits": {"name": "Acme Ltd", "seats": 7},
        },
    ]
