"""A server with an in-app destination, and a site whose pages show its messages."""

from __future__ import annotations

import json
import time
from typing import Any

import requests
from cdp_inapp.tokens import sign

from cdp.store import Store
from cdp.store.db import FILE
from tests.destinations.in_app.waiting import SECRET, send
from tests.real.browser import Site
from tests.real.server import WRITE_KEY, ServeProcess, wait_until


class Shop:
    """A server with an in-app destination, and a site whose pages show its messages."""

    def __init__(self, serve: ServeProcess) -> None:
        self.serve = serve
        listed = json.loads(
            serve.cli("destinations", "add", "in_app", "--setting", f"secret={SECRET}",
                      "--setting", "poll=5", "--json")
        )  # fmt: skip
        self.key = listed["key"]
        self.store = Store.at(serve.data / FILE)
        self.id = self._number()
        self.site = Site()
        # Nothing inline, no eval, no styles, and no markup that a script makes.
        self.site.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'self' {serve.url}; connect-src {serve.url}; "
            "img-src 'self' data:; style-src 'none'; require-trusted-types-for 'script'"
        )
        self._people = 0

    def _number(self) -> int:
        from cdp.store import config_rows

        with self.store.read() as tx:
            found = config_rows.destination_by_key(tx, self.key)
        assert found is not None
        return found.id

    def person(self) -> str:
        """Somebody new."""
        self._people += 1
        user = f"{self.key}-{self._people}-{time.time_ns()}"
        requests.post(
            f"{self.serve.url}/v1/identify", json={"userId": user}, auth=(WRITE_KEY, ""), timeout=60
        ).raise_for_status()
        wait_until(lambda: self.serve.profile(f"user_id:{user}"))
        return user

    def send(self, user: str, **content: Any) -> str:
        return send(self.store, self.id, user, **{"title": "Hello", **content})

    def token(self, user: str, seconds: float = 600) -> str:
        return sign(SECRET.encode(), ("user_id", user), int(time.time() + seconds))

    def page(self, user: str, path: str = "/shop", token: str | None = None, body: str = "") -> str:
        """The address of a page that shows a person's messages."""
        token = self.token(user) if token is None else token
        client = f"{self.serve.url}/channels/{self.key}/client.js"
        return self.site.add(
            path,
            '<script src="/listen.js"></script>'
            '<script src="/bundles/segment_browser.js"></script><script src="/start.js"></script>'
            f'<script src="{client}" data-token="{token}" async></script></head><body>'
            f"{body}<input id=field><button id=open data-headwater-inbox>Inbox</button>",
        )

    def kinds(self, user: str) -> list[str]:
        """What is told of a person's messages so far, as the events in their history."""
        found = (event["event"] for event in self.serve.events(f"user_id:{user}"))
        return sorted(name for name in found if name and name.startswith("In-App"))

    def stays(self, user: str) -> list[str]:
        answer = requests.get(
            f"{self.serve.url}/channels/{self.key}/messages",
            headers={"Authorization": f"Bearer {self.token(user)}"}, timeout=60,
        )  # fmt: skip
        return [message["id"] for message in answer.json()["messages"]]


LISTEN = """
window.heard = [];
window.violations = [];
for (const name of ["shown", "clicked", "dismissed", "expired", "action"]) {
  document.addEventListener("headwater:" + name, (event) => window.heard.push(name));
}
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(event.violatedDirective + " " + event.sourceFile);
});
"""


BOX = "headwater-in-app .box"


def until(page: Any, what: str) -> None:
    """Wait for an expression to be true, without an eval of the page's."""
    wait_until(lambda: page.evaluate(what), what=what)


def focused(page: Any) -> str:
    """The text or id of what has the focus, inside our shadow tree too."""
    found: str = page.evaluate(
        "(() => { let a = document.activeElement; if (a.shadowRoot) a = a.shadowRoot.activeElement;"
        " return a ? a.id || a.textContent : '' })()"
    )
    return found
