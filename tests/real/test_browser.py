"""analytics.js in Chromium: from npm and by the classic snippet, also when a page goes away."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from cdp.console import snippets
from tests.real import browser, golden
from tests.real.browser import Site
from tests.real.faulty import Fault, Front
from tests.real.scenario import check_arrival
from tests.real.server import WRITE_KEY, ServeProcess, wait_until
from tests.setup.sdk import BUILD, node_program

pytestmark = [pytest.mark.real, pytest.mark.browser]

LIBRARY = "analytics.js"
DELIVERIES: dict[str, dict[str, Any]] = {
    "standard": {},
    "batching": {"strategy": "batching", "config": {"size": 20, "timeout": 300}},
}

#: The scenario, as a page calls it.
CALLS = """(person) => {
  analytics.setAnonymousId(person + "-old");
  analytics.track("Early Visit", {step: 1});
  analytics.setAnonymousId(person + "-anon");
  analytics.track("Product Viewed", {
    count: 42, price: 19.99, big: 9007199254740991, negative: -7, yes: true, no: false,
    title: "Zażółć gęślą jaźń 🦊", nested: {a: {b: [1, "two", 3.5, true]}}, empty: "",
    when: new Date(Date.UTC(2026, 2, 4, 5, 6, 7)),
  });
  analytics.identify(person, {
    email: person + "@example.com", name: "Zoë Żółć 🦊", age: 36, score: 4.5, vip: true,
    address: {city: "Łódź", postalCode: "90-001"}, tags: ["a", "b"],
    createdAt: new Date(Date.UTC(2025, 0, 2, 3, 4, 5)),
  });
  analytics.page("Pricing", {path: "/pricing", depth: 0.75});
  analytics.screen("Home", {theme: "dark", tab: 2});
  analytics.group(person + "-org", {name: "Acme & Søn", employees: 250});
  analytics.alias(person, person + "-old");
  analytics.track("Order Completed", {
    order_id: person + "-1", total: 99.5, products: [{sku: "S-1", quantity: 2, price: 49.75}],
  }, {timestamp: new Date(Date.now() - 3600e3)});
}"""


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> Any:
    reason = browser.lacks()
    if reason and browser.must_run():
        pytest.fail(reason)
    elif reason:
        pytest.skip(reason)
    return request.getfixturevalue("one_chromium")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page of a browser that has never been here."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def person() -> str:
    return f"ajs-{uuid.uuid4().hex[:12]}"


def npm_page(host: str, delivery: dict[str, Any], sdk: str = "segment_browser") -> str:
    """Markup that loads an SDK from npm against ``host``, as an app does."""
    options = {"integrations": {"Segment.io": {"deliveryStrategy": delivery}}} if delivery else {}
    return (
        f'<script src="/bundles/{sdk}.js"></script><script>'
        "window.analytics = AnalyticsBrowser.load("
        f'{{writeKey: "{WRITE_KEY}", cdnURL: "{host}"}}, {json.dumps(options)})</script>'
    )


def classic_page(host: str) -> str:
    """Segment's own snippet for ``host``, over http as the test has no certificate."""
    options = {"apiKey": WRITE_KEY, "host": host.removeprefix("http://"), "page": False}
    render = "process.stdout.write(require('@segment/snippet').min(JSON.parse(process.argv[1])))"
    done = subprocess.run(
        [node_program(), "-e", render, json.dumps(options)],
        cwd=BUILD / "node", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "https://" in done.stdout
    return f"<script>{done.stdout.replace('https://', 'http://')}</script>"


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_analytics_js_from_npm_arrives_typed_once_and_joined(
    serve: ServeProcess, page: Any, site: Site, person: str, delivery: str
) -> None:
    with Front(serve.url) as front:
        page.goto(site.add(f"/{person}", npm_page(front.url, DELIVERIES[delivery])))
        ready(page)
        page.evaluate(CALLS, person)
        check_arrival(serve, person, LIBRARY, browser=True)
        compare(f"analytics.js-{delivery}", front, person)
    event = serve.events(f"user_id:{person}")[-1]
    assert event["context"]["page"]["url"].startswith(site.url)
    assert "Chrome" in event["context"]["userAgent"]
    assert event["context"]["ip"] == "127.0.0.1"


def compare(name: str, front: Front, person: str) -> None:
    """What was sent is what was recorded; requests that go at once come in any order."""
    requests = golden.normalise(front.seen, person)
    if os.environ.get("RECORD"):
        golden.record(name, requests)
    known = golden.load(name)
    key = lambda item: json.dumps(item, sort_keys=True)  # noqa: E731
    assert {request["path"] for request in requests} == {request["path"] for request in known}
    assert sorted(golden.messages(requests), key=key) == sorted(golden.messages(known), key=key)


def test_the_browser_sdk_of_customer_io_arrives_typed_once_and_joined(
    serve: ServeProcess, page: Any, site: Site, person: str
) -> None:
    with Front(serve.url) as front:
        page.goto(site.add(f"/{person}", npm_page(front.url, {}, "customerio_browser")))
        ready(page)
        page.evaluate(CALLS, person)
        check_arrival(serve, person, LIBRARY, browser=True)
        compare("customerio-browser", front, person)


def test_the_classic_snippet_loads_analytics_js_from_us(
    serve: ServeProcess, page: Any, site: Site, person: str
) -> None:
    page.goto(site.add(f"/{person}", classic_page(serve.url)))
    ready(page)
    page.evaluate(CALLS, person)
    check_arrival(serve, person, LIBRARY, browser=True)


def test_what_the_snippet_queues_before_analytics_js_is_there_is_sent(
    serve: ServeProcess, page: Any, site: Site, person: str
) -> None:
    calls = f"<script>({CALLS})({json.dumps(person)})</script>"
    page.goto(site.add(f"/{person}", classic_page(serve.url) + calls))
    check_arrival(serve, person, LIBRARY, browser=True)


def test_the_snippet_of_the_console_works_as_pasted(
    serve: ServeProcess, page: Any, site: Site, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snippets, "host", lambda: serve.url)
    (pasted,) = (item.text for item in snippets.snippets(WRITE_KEY) if item.key == "browser")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(site.add(f"/{person}", pasted))
    page.evaluate("(person) => analytics.identify(person, {plan: 'pro'})", person)
    found = wait_until(lambda: serve.events(f"user_id:{person}"))
    # It counts the page view by itself.
    wait_until(
        lambda: (
            {"page", "identify"} <= {event["type"] for event in serve.events(f"user_id:{person}")}
        )
    )
    assert found[0]["context"]["library"]["name"] == LIBRARY
    # Nothing is fetched from anybody else.
    assert {url for url in requests if not url.startswith((serve.url, site.url, "data:"))} == set()


LEAVING: dict[str, dict[str, Any]] = {
    "keepalive": {"config": {"keepalive": True}},
    "batching": {"strategy": "batching", "config": {"size": 100, "timeout": 600_000}},
}
TRACK_AND_GO = """([person, to]) => {
  analytics.identify(person, {plan: "pro"});
  analytics.track("Left", {for: to});
  setTimeout(() => { location.href = to }, 50);
}"""


@pytest.mark.parametrize("delivery", LEAVING)
@pytest.mark.parametrize("way", ["navigates away", "closes the tab"])
def test_events_of_a_page_that_goes_away_arrive(
    serve: ServeProcess, page: Any, site: Site, person: str, delivery: str, way: str
) -> None:
    page.goto(site.add(f"/{person}", npm_page(serve.url, LEAVING[delivery])))
    ready(page)
    if way == "navigates away":
        page.evaluate(TRACK_AND_GO, [person, "about:blank"])
    else:
        page.evaluate(
            "(person) => { analytics.identify(person); analytics.track('Left', {for: 'good'}) }",
            person,
        )
        page.close(run_before_unload=True)
    left_once(serve, person)


def ready(page: Any) -> None:
    """Wait until analytics.js has its settings: what comes next is sent at once."""
    page.evaluate("() => new Promise((done) => analytics.ready(done))")


def left_once(serve: ServeProcess, person: str, more: tuple[str, ...] = ()) -> None:
    """The person's page view of leaving arrived, and once."""
    wanted = {"Left": 1, **dict.fromkeys(more, 1)}

    def names() -> Counter[str]:
        found = serve.events(f"user_id:{person}")
        return Counter(event["event"] for event in found if event["type"] == "track")

    wait_until(lambda: set(names()) >= set(wanted), what=f"for {wanted} of {person}")
    serve.catch_up()
    assert names() == wanted


def test_what_a_page_could_not_send_is_sent_once_from_the_next_page(
    serve: ServeProcess, page: Any, site: Site, person: str
) -> None:
    with Front(serve.url, (Fault.DIES_AFTER, Fault.DIES, Fault.DIES)) as front:
        first = site.add(f"/{person}-1", npm_page(front.url, {}))
        second = site.add(f"/{person}-2", npm_page(front.url, {}))
        page.goto(first)
        ready(page)
        page.evaluate(TRACK_AND_GO, [person, second])
        page.wait_for_url(second)
        page.evaluate("analytics.track('Came back')")
        left_once(serve, person, ("Came back",))


@pytest.fixture(scope="module")
def troubled(chromium: Any, serve: ServeProcess, site: Site) -> Iterator[dict[Any, Any]]:
    """A page for each fault and delivery, all at work at the same time."""
    runs, contexts = {}, []
    for fault, delivery in product(Fault, DELIVERIES):
        person = f"ajs-{uuid.uuid4().hex[:12]}"
        front = Front(serve.url, (fault,))
        context = chromium.new_context()
        contexts.append(context)
        page = context.new_page()
        page.goto(site.add(f"/{person}", npm_page(front.url, DELIVERIES[delivery])))
        page.evaluate(
            "(person) => { analytics.identify(person); analytics.track('Left', {n: 1}) }", person
        )
        runs[fault, delivery] = (person, front)
    yield runs
    for context in contexts:
        context.close()
    for _, front in runs.values():
        front.close()


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_analytics_js_tries_again_and_nothing_is_lost_or_doubled(
    serve: ServeProcess, troubled: dict[Any, Any], fault: Fault, delivery: str
) -> None:
    person, front = troubled[fault, delivery]
    wait_until(lambda: repeated(front), what="for the repeat")
    left_once(serve, person)
    types = Counter(event["type"] for event in serve.events(f"user_id:{person}"))
    assert types == {"identify": 1, "track": 1}


def repeated(front: Front) -> bool:
    """Whether what met the fault was sent again."""
    failed = {item["messageId"] for item in front.seen[0].messages()}
    again = {item["messageId"] for request in front.seen[1:] for item in request.messages()}
    return front.seen[0].fault is not None and failed <= again
