"""A console over a real store: what is sent goes through the log and the pipeline."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from werkzeug.test import TestResponse

from cdp.config import Settings
from cdp.console import Services, create_blueprint
from cdp.console.context import EXTENSION
from cdp.delivery.messages.seen import Seeing
from cdp.log import Record, open_log, open_reader
from cdp.pages import create_blueprint as create_pages
from cdp.pages import language
from cdp.pages.preferences import sample
from cdp.pipeline.run import Pipeline
from cdp.server.bootstrap import bootstrap
from cdp.server.sessions import ConsoleSessions
from cdp.store import Store

TOKEN = "a-token-of-this-test"
KEY = "wk_of_this_test_0123456789"


class World:
    """A store with a log, a pipeline and the console's app; ``at`` stops its clock."""

    def __init__(
        self, folder: Path, plugins: Any = None, demo: Any = None, at: int | None = None
    ) -> None:
        self.at = at
        self.settings = Settings(
            data=folder, api_token=TOKEN, write_key=KEY, allow_private_addresses=True
        )
        self.store = Store.open(self.settings)
        bootstrap(self.store, self.settings)
        self.log = open_log(self.settings)
        self.pipeline = Pipeline(
            self.store, open_reader(self.settings), self.settings, clock=lambda: self.now() / 1000
        )
        self.plugins = plugins
        services = Services(self.log.append, plugins, demo, sample, language.names())
        self.app = Flask("test", static_folder=None)
        self.app.session_interface = ConsoleSessions()
        # A name that a view forgets to hand over fails the test.
        self.app.jinja_env.undefined = StrictUndefined
        # Images that pages show are public ones.
        self.app.register_blueprint(create_pages(self.store, Seeing(self.store)))
        self.app.register_blueprint(create_blueprint(self.store, self.settings, services))
        self.app.extensions[EXTENSION].now = self.now

    def send(self, *messages: dict[str, Any]) -> None:
        """Send messages and wait until the pipeline has taken them."""
        self.send_raw("batch", msgspec.json.encode({"batch": list(messages)}))

    def send_raw(self, kind: str, body: bytes) -> None:
        """Send the body of one request."""
        self.log.append(Record(self.now(), 1, kind, body))
        self.drain()

    def drain(self) -> None:
        """Let the pipeline take what is in the log."""
        self.pipeline.drain()

    def client(self) -> Browser:
        """A browser that is not logged in."""
        return Browser(self.app.test_client())

    def admin(self) -> Browser:
        """A browser logged in with the API token."""
        browser = self.client()
        assert browser.post("/login", secret=TOKEN).status_code == 302
        return browser

    def close(self) -> None:
        """Close files."""
        self.log.close()
        self.store.close()

    def now(self) -> int:
        """The time in milliseconds."""
        return int(time.time() * 1000) if self.at is None else self.at


class Browser:
    """Flask's test client with the one habit of a browser that matters: the form's token."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, address: str, **headers: str) -> TestResponse:
        """Open a page."""
        return self.client.get(address, headers=headers)

    def page(self, address: str) -> str:
        """The text of a page that must be there."""
        response = self.get(address)
        assert response.status_code == 200, (address, response.status_code, response.text[:2000])
        return response.text

    def post(self, address: str, **fields: Any) -> TestResponse:
        """Send a form with the session's token."""
        return self.client.post(address, data={"csrf": self.csrf(), **fields})

    def csrf(self) -> str:
        """The token in the pages of this session."""
        for address in ("/settings", "/login"):
            text = self.client.get(address).text
            if found := re.search(r'<meta name="csrf" content="([^"]+)"', text):
                return found.group(1)
        raise AssertionError("no page carries a token")


def words(html: str) -> str:
    """The text of a page without tags, blanks folded."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))
