"""Filters of destinations, as analytics.js applies them to integrations that run in the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.real import browser
from tests.real.browser import Site
from tests.real.server import TOKEN, WRITE_KEY, ServeProcess, wait_until

pytestmark = [pytest.mark.real, pytest.mark.browser]

#: The filter of each destination, and which of `CALLS` reach the integration of its name.
FILTERS = {
    "Big orders": ('event = "Order Completed" and properties.total >= 50', ["big"]),
    "With a plan": ("properties.plan != null", ["plan"]),
    "Without one": ('type = "track" and properties.plan = null', ["small", "big"]),
    "Beyond a browser": ("properties.plan in properties.plans", []),
    "Everything": ("", ["small", "big", "plan"]),
}
CALLS = """() => {
  analytics.track("Order Completed", {what: "small", total: 49.9});
  analytics.track("Order Completed", {what: "big", total: 50});
  analytics.track("Signed Up", {what: "plan", plan: "pro", plans: ["pro"]});
}"""
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
#: An integration as pages bring them along: it keeps what it is handed.
INTEGRATION = """(name) => {
  class Integration {
    on(event, done) { if (event === "initialize") setTimeout(done) }
    once(event, done) { if (event === "ready") setTimeout(done) }
    initialize() { window.got[name] = [] }
    invoke(call, event) { if (call === "track") window.got[name].push(event.properties().what) }
  }
  Integration.prototype.name = name;
  return Integration;
}"""


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[Any]:
    if reason := browser.lacks():
        pytest.fail(reason) if browser.must_run() else pytest.skip(reason)
    context = request.getfixturevalue("one_chromium").new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def filtered(tmp_path: Path) -> Iterator[ServeProcess]:
    """A server with a destination for each filter, whose calls go nowhere."""
    serve = ServeProcess(tmp_path / "data").start()
    try:
        for name, (text, _) in FILTERS.items():
            body = {
                "key": name.lower().replace(" ", "_"), "plugin": "webhook", "name": name,
                "filter": text,
                "settings": {"url": "http://127.0.0.1:9/", "secret": SECRET},
            }  # fmt: skip
            headers = {"Authorization": f"Bearer {TOKEN}"}
            answer = requests.post(
                f"{serve.url}/api/destinations", json=body, headers=headers, timeout=60
            )
            assert answer.status_code == 201, answer.text
        yield serve
    finally:
        serve.stop()


def markup(host: str) -> str:
    """A page with an integration of each destination's name."""
    names = json.dumps(list(FILTERS))
    options = json.dumps({"integrations": {name: {} for name in FILTERS}})
    return (
        '<script src="/bundles/segment_browser.js"></script><script>window.got = {};'
        f"const integrations = {names}.map({INTEGRATION});"
        "window.analytics = AnalyticsBrowser.load("
        f'{{writeKey: "{WRITE_KEY}", cdnURL: "{host}", classicIntegrations: integrations}}, '
        f"{options})</script>"
    )


def rules(serve: ServeProcess) -> list[Any]:
    """What the settings document has for pages to apply."""
    answer = requests.get(f"{serve.url}/v1/projects/{WRITE_KEY}/settings", timeout=60).json()
    found: list[Any] = answer["middlewareSettings"]["routingRules"]
    return found


def what(serve: ServeProcess) -> list[Any]:
    """What arrived of `CALLS`."""
    return [event["properties"]["what"] for event in serve.stored() if "properties" in event]


def test_what_a_filter_keeps_back_does_not_reach_an_integration_in_the_page(
    filtered: ServeProcess, page: Any
) -> None:
    wait_until(lambda: len(rules(filtered)) == 4)
    site = Site()
    try:
        page.goto(site.add("/shop", markup(filtered.url)))
        page.evaluate("() => new Promise((done) => analytics.ready(done))")
        page.evaluate(CALLS)
        wait_until(lambda: len(page.evaluate("got")["Everything"]) == 3)
        got = page.evaluate("got")
    finally:
        site.close()
    assert {name: sorted(what) for name, what in got.items()} == {
        name: sorted(what) for name, (_, what) in FILTERS.items()
    }
    # We get everything, whatever the integrations got.
    wait_until(lambda: sorted(what(filtered)) == ["big", "plan", "small"])
