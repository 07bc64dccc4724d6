from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import cdp_email
import cdp_webhook
import msgspec
import pytest
from sqlalchemy import insert, select, update

from cdp.delivery.engine import Delivery
from cdp.plugin.manager import Plugins
from cdp.store import config_rows, tables
from cdp.store.destinations import streams
from tests.console.factory import Browser, World, words

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
ADD = "/connections/destinations/new/webhook"
PAGE = "/connections/destinations/orders"


class Receiver:
    """A web server that keeps what it is sent and answers with ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[Any] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                outer.bodies.append(msgspec.json.decode(self.rfile.read(length)))
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(b"<b>thanks</b>")

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    plugins = Plugins()
    plugins.register(cdp_webhook, "webhook", "package headwater")
    made = World(tmp_path, plugins=plugins)
    yield made
    made.close()


@pytest.fixture
def admin(world: World) -> Browser:
    return world.admin()


def add(admin: Browser, url: str = "https://example.com/hook", **more: str) -> None:
    fields = {"name": "Orders", "s.url": url, "s.method": "POST", "s.secret": SECRET, **more}
    response = admin.post(ADD, **fields)
    assert response.status_code == 303, words(response.text)


def stored(world: World) -> config_rows.Destination:
    with world.store.read() as tx:
        found = config_rows.destination_by_key(tx, "orders")
    assert found is not None
    return found


def test_the_empty_list_leads_to_the_catalogue(admin: Browser) -> None:
    assert "No destinations yet" in admin.page("/connections/destinations")
    assert "Webhook" in admin.page("/connections/destinations/new")


def test_the_form_is_made_from_the_plugins_settings(admin: Browser) -> None:
    page = admin.page(ADD)
    assert 'name="s.url"' in page and "Each event is sent to this address." in page
    assert '<option value="PUT">' in page
    assert 'type="checkbox" name="s.batch"' in page
    assert admin.get("/connections/destinations/new/nonsense").status_code == 404


def test_a_destination_is_added_with_checked_settings(world: World, admin: Browser) -> None:
    add(admin, **{"s.events": "Order Completed, Signed Up", "s.batch_size": "50"})
    settings = stored(world).settings
    assert settings["url"] == "https://example.com/hook"
    assert settings["events"] == ["Order Completed", "Signed Up"]
    assert settings["batch_size"] == 50
    assert "Delivering" in admin.page("/connections/destinations")


def test_a_filter_is_kept_explained_and_refused_with_its_place(
    world: World, admin: Browser
) -> None:
    text = 'event = "Order Completed" and properties.total > 50'
    add(admin, filter=f" {text}\r\n")
    assert stored(world).filter == text
    settings = f"{PAGE}/settings"
    assert "the event is “Order Completed” and total is more than 50" in words(admin.page(settings))
    wrong = admin.post(settings, **{"name": "Orders", "s.url": "https://e.com", "filter": "evnt ="})
    assert wrong.status_code == 422 and "evnt =</textarea>" in wrong.text
    assert "Line 1, column 7: the condition ends here" in words(wrong.text)
    assert stored(world).filter == text
    new = admin.post(ADD, **{"name": "B", "s.url": "https://e.com", "filter": "count('A') > 1"})
    assert new.status_code == 422 and "asks for a person" in words(new.text)
    admin.post(settings, **{"name": "Orders", "s.url": "https://example.com/hook", "filter": ""})
    assert stored(world).filter == ""


def test_wrong_settings_are_told_by_field_and_the_form_is_kept(admin: Browser) -> None:
    response = admin.post(
        ADD, **{"name": "", "s.url": "nonsense", "s.batch_size": "many", "s.secret": "plain"}
    )
    assert response.status_code == 422
    text = response.text
    assert "A name is needed" in text and "Not a valid URL" in text and "integer" in text
    assert 'value="nonsense"' in text and 'value="many"' in text
    assert 'value="plain"' not in text  # a secret is typed again


def test_two_destinations_need_two_names(admin: Browser) -> None:
    add(admin)
    response = admin.post(ADD, **{"name": "Orders", "s.url": "https://example.com"})
    assert response.status_code == 422 and "already" in response.text


def test_secrets_are_never_shown_and_stay_when_left_empty(world: World, admin: Browser) -> None:
    add(admin)
    page = admin.page(f"{PAGE}/settings")
    assert SECRET not in page and "Kept as it is" in page
    admin.post(f"{PAGE}/settings", **{"name": "Orders 2", "s.url": "https://example.com/2"})
    assert stored(world).settings["secret"] == SECRET
    assert stored(world).settings["url"].endswith("/2")
    assert stored(world).name == "Orders 2"
    again = {"name": "Orders", "s.url": "https://example.com/2", "clear.secret": "1"}
    admin.post(f"{PAGE}/settings", **again)
    assert "secret" not in stored(world).settings


def test_what_refers_to_the_environment_is_kept_as_written(
    world: World, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "https://example.com/from-env")
    add(admin, url="${env:HOOK}")
    assert stored(world).settings["url"] == "${env:HOOK}"


def test_wrong_changes_are_refused_and_change_nothing(world: World, admin: Browser) -> None:
    add(admin)
    response = admin.post(f"{PAGE}/settings", **{"name": "Orders", "s.url": "nope"})
    assert response.status_code == 422 and "Not saved" in response.text
    assert stored(world).settings["url"] == "https://example.com/hook"


def test_a_test_shows_the_exchange(admin: Browser, receiver: Receiver) -> None:
    add(admin, url=receiver.url)
    page = admin.post(f"{PAGE}/test").text
    assert "The test was delivered" in page
    assert "&lt;b&gt;thanks&lt;/b&gt;" in page and f"POST {receiver.url}" in page
    assert SECRET not in page
    assert receiver.bodies[0]["event"] == "Webhook Test"
    receiver.status = 500
    page = admin.post(f"{PAGE}/test").text
    assert "The test failed" in page and "500 in" in page


def test_a_test_that_reaches_nobody_says_why(admin: Browser) -> None:
    add(admin, url="http://127.0.0.1:1/hook")
    page = admin.post(f"{PAGE}/test").text
    assert "The test failed" in page and "refused" in page


def fail(world: World, n: int, error: str = "400 <b>bad</b>") -> None:
    """Put dead items into the outbox, as delivery does."""
    now = world.now()
    with world.store.write() as tx:
        for number in range(n):
            tx.execute(
                insert(tables.outbox).values(
                    id=1000 + number + len(error) * 100,
                    destination_id=1,
                    key=f"k{number}",
                    seq=1,
                    payload=b"",
                    state="dead",
                    attempts=5,
                    next_at=0,
                    error=error,
                    created_at=now,
                    updated_at=now,
                )
            )


def states(world: World) -> list[str]:
    with world.store.read() as tx:
        return sorted(tx.execute(select(tables.outbox.c.state)).scalars())


def test_failures_are_grouped_and_replayed_by_error_or_one_by_one(
    world: World, admin: Browser
) -> None:
    add(admin)
    assert "Nothing has failed" in admin.page(f"{PAGE}/failed")
    fail(world, 3)
    fail(world, 2, "422 no such field")
    page = admin.page(f"{PAGE}/failed")
    assert "400 &lt;b&gt;bad&lt;/b&gt;" in page and "Replay 3" in page and "Replay all 5" in page
    admin.post(f"{PAGE}/replay", error="400 <b>bad</b>")
    assert states(world) == ["dead", "dead", "waiting", "waiting", "waiting"]
    admin.post(f"{PAGE}/replay", item=1000 + 17 * 100)
    assert states(world).count("dead") == 1
    admin.post(f"{PAGE}/replay")
    assert states(world).count("dead") == 0
    admin.post(f"{PAGE}/replay")
    assert "nothing left to replay" in admin.page(PAGE)
    assert "replayed" in admin.page("/settings/activity")


def test_a_stalled_destination_says_since_when_and_tries_again_by_hand(
    world: World, admin: Browser
) -> None:
    add(admin)
    world.send({"type": "track", "userId": "u1", "event": "X"})
    with world.store.write() as tx:
        tx.execute(
            update(tables.streams).values(
                state="stalled", since=world.now() - 60_000, error="503 <i>down</i>", next_at=1
            )
        )
    page = admin.page(PAGE)
    assert "It has stalled" in page and "503 &lt;i&gt;down&lt;/i&gt;" in page
    assert "Orders has stalled" in admin.page("/")
    assert "Waiting" in admin.page("/live/events/1")
    admin.post(f"{PAGE}/state", what="retry")
    assert "It has stalled" not in admin.page(PAGE)


def test_a_channel_whose_calls_get_nowhere_says_so(world: World, admin: Browser) -> None:
    settings = {"provider": "smtp", "host": "mail.example.org", "from": "a@example.org"}
    form = {f"s.{name}": value for name, value in settings.items()}
    world.plugins.register(cdp_email, "email", "package headwater")
    admin.post("/connections/destinations/new/email", name="Post", **form)
    address = "/connections/destinations/post"

    def lose(*outcomes: str) -> None:
        with world.store.write() as tx:
            streams.add_calls(
                tx,
                [
                    streams.Call(1, world.now(), 1.0, outcome, None, 1, 1, "k", "<i>away", None)
                    for outcome in outcomes
                ],
            )

    page = admin.page(address)
    assert "Messages by email" in page and "Ready" in page and "Replays" not in page
    assert "How its messages arrive" in admin.page("/connections/destinations")
    lose("retry", "retry")
    assert "Failing" not in admin.page(address)
    lose("retry")
    page = admin.page(address)
    assert "Failing" in page and "Its calls get nowhere: &lt;i&gt;away" in page
    assert "Failing" in admin.page("/connections/destinations")
    world.send({"type": "track", "userId": "u1", "event": "X"})
    assert "Post carries no messages" in admin.page("/")
    lose("delivered")
    assert "Failing" not in admin.page(address)
    lose("stopped")
    assert "Failing" in admin.page(address)


def test_calls_are_listed_and_open_with_their_exchange(world: World, admin: Browser) -> None:
    add(admin)
    assert "No calls yet" in admin.page(PAGE)
    exchange = {"request": {"body": "<b>"}, "response": {"status": 500}}
    with world.store.write() as tx:
        for number, outcome in enumerate(("delivered", "retry", "rejected"), 1):
            tx.execute(
                insert(tables.calls).values(
                    id=number,
                    destination_id=1,
                    at=world.now(),
                    duration_ms=12.5,
                    outcome=outcome,
                    status=500,
                    events=1,
                    attempt=1,
                    key="d1-5",
                    error=None,
                    exchange=msgspec.json.encode(exchange),
                )
            )
    assert admin.page(f"{PAGE}/calls").count('data-drawer="') == 3
    assert admin.page(f"{PAGE}/calls?outcome=retry").count('data-drawer="') == 1
    page = admin.page(f"{PAGE}/calls/2")
    assert "&lt;b&gt;" in page
    piece = admin.get(f"{PAGE}/calls/2", **{"HX-Request": "true"}).text
    assert "<html" not in piece
    assert "Call 3" in admin.page(f"{PAGE}/calls?open=3")
    assert admin.get(f"{PAGE}/calls/99").status_code == 404


def test_deleting_asks_for_the_name(world: World, admin: Browser) -> None:
    add(admin)
    admin.post(f"{PAGE}/delete", confirm="orders")
    assert stored(world)
    assert admin.post(f"{PAGE}/delete", confirm="Orders").location == "/connections/destinations"
    assert admin.get(PAGE).status_code == 404


def test_disabling_keeps_the_settings(world: World, admin: Browser) -> None:
    add(admin)
    admin.post(f"{PAGE}/state", what="disable")
    assert "Disabled" in admin.page("/connections/destinations")
    admin.post(f"{PAGE}/state", what="enable")
    assert stored(world).enabled
    assert admin.post(f"{PAGE}/state", what="explode").status_code == 400


def test_a_destination_without_its_plugin_says_so(world: World, admin: Browser) -> None:
    add(admin)
    with world.store.write() as tx:
        tx.execute(update(tables.destinations).values(plugin="gone"))
    for tab in ("", "/calls", "/failed", "/settings"):
        assert "Its plugin is not loaded" in admin.page(PAGE + tab)
    assert admin.post(f"{PAGE}/test").status_code == 400


def test_an_event_tells_where_it_went(world: World, admin: Browser) -> None:
    body = {"type": "track", "userId": "u1", "event": "X"}
    world.send(body)
    add(admin, **{"s.events": "X"})
    world.send(body, {**body, "integrations": {"All": False}}, {**body, "event": "Y"})
    assert "arrived before the destination was added" in admin.page("/live/events/1")
    assert "Waiting" in words(admin.page("/live/events/2"))
    assert "integrations object leaves it out" in admin.page("/live/events/3")
    assert "settings leave it out" in admin.page("/live/events/4")
    with world.store.write() as tx:
        config_rows.change_destination(tx, 1, stored(world), "test", filter="event = 'Z'")
    assert "does not meet the destination" in admin.page("/live/events/2")
    with world.store.write() as tx:
        config_rows.change_destination(tx, 1, stored(world), "test", filter="")
    with world.store.write() as tx:
        tx.execute(update(tables.streams).values(seq=5))
    assert "Delivered" in admin.page("/live/events/2")


def test_delivery_for_real_is_told_with_its_call(
    world: World, admin: Browser, receiver: Receiver
) -> None:
    add(admin, url=receiver.url)
    world.send({"type": "track", "userId": "u1", "event": "X"})
    receiver.status = 422
    deliver(world, until=lambda: receiver.bodies)
    page = admin.page("/live/events/1")
    assert "Failed" in page and "422 in" in page
    assert "the answer was 422" in admin.page(f"{PAGE}/failed")
    receiver.status = 200
    admin.post(f"{PAGE}/replay")
    deliver(world, until=lambda: len(receiver.bodies) > 1)
    page = admin.page("/live/events/1")
    assert "Delivered" in page and "200 in" in page
    assert "Nothing has failed" in admin.page(f"{PAGE}/failed")


def test_past_events_are_sent_once_more_after_a_look(
    world: World, admin: Browser, receiver: Receiver
) -> None:
    world.send(*({"type": "track", "userId": "u1", "event": f"E{n}"} for n in range(5)))
    add(admin, url=receiver.url)
    span = {"from": "2020-01-01T00:00", "to": "2100-01-01T00:00:00"}
    assert admin.post(f"{PAGE}/replays", **{**span, "to": "nonsense"}).status_code == 400
    turned = admin.page(f"{PAGE}/replays?from={span['to']}&to={span['from']}")
    assert "end is before the beginning" in turned
    look = admin.page(f"{PAGE}/replays?from={span['from']}&to={span['to']}")
    assert "About 5 events" in look
    assert admin.post(f"{PAGE}/replays", **span).status_code == 303
    deliver(world, until=lambda: len(receiver.bodies) == 5)
    assert {body["event"] for body in receiver.bodies} == {"E0", "E1", "E2", "E3", "E4"}
    assert "100 %" in admin.page(f"{PAGE}/replays")


def deliver(world: World, until: Callable[[], Any]) -> None:
    """Run delivery until something has happened, then let it finish."""
    stop = threading.Event()
    delivery = Delivery(world.store, world.settings, world.plugins)
    thread = threading.Thread(target=delivery.run, args=(stop,))
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not until() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert until()
    finally:
        stop.set()
        thread.join()


def test_plugins_are_listed_with_what_they_raised(world: World, admin: Browser) -> None:
    page = admin.page("/connections/plugins")
    assert "webhook" in page and "register_destinations" in page and "package headwater" in page
    with world.store.write() as tx:
        tx.execute(
            insert(tables.plugin_errors).values(
                plugin="geo",
                hook="enrich",
                error="ValueError: <b>no</b>",
                n=3,
                first_at=world.now(),
                last_at=world.now(),
                traceback="Traceback…",
            )
        )
    page = admin.page("/connections/plugins")
    assert "geo in enrich: ValueError: &lt;b&gt;no&lt;/b&gt;" in page and "3 times" in page


def test_a_viewer_sees_settings_without_secrets(world: World, admin: Browser) -> None:
    add(admin)
    admin.post("/settings/users", name="vic", password="long enough", role="viewer")
    viewer = world.client()
    viewer.post("/login", name="vic", secret="long enough")
    for tab in ("", "/calls", "/failed", "/settings"):
        page = viewer.page(PAGE + tab)
        main = page[page.index("<main") : page.index("</main>")]
        assert 'method="post"' not in main and SECRET not in page


def test_categories_of_consent_that_were_seen_are_offered(world: World, admin: Browser) -> None:
    said = {"consent": {"categoryPreferences": {"Advertising": True, "Analytics v1.2": False}}}
    world.send({"type": "track", "event": "A", "userId": "u1", "context": said})
    form = admin.page("/connections/destinations/new/webhook")
    assert 'value="Advertising"' in form and 'value="Analytics v1.2"' in form
    address = "/connections/destinations/hook/settings"
    fields = {"name": "Hook", "s.url": "https://x.example/", "s.method": "POST"}
    answer = admin.post(
        "/connections/destinations/new/webhook", consent="Advertising", consent_more=" b, b ,,c",
        **fields,
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    assert categories(world) == ("Advertising", "b", "c")
    page = admin.page(address)
    assert page.count("checked") == 3 and page.count("not seen in any event so far") == 2
    wrong = admin.post(address, consent=["b"], **{**fields, "s.url": "nowhere"})
    assert wrong.status_code == 422 and categories(world) == ("Advertising", "b", "c")
    assert admin.post(address, **fields).status_code == 303
    assert categories(world) == ()


def categories(world: World) -> tuple[str, ...]:
    with world.store.read() as tx:
        found = config_rows.destination_by_key(tx, "hook")
    assert found is not None
    return found.consent_categories
