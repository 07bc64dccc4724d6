from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from cdp.console import assets, context, format
from cdp.store import Store, config_rows
from cdp.store.events import progress
from cdp.store.journeys import launched as journeys
from tests.console.factory import KEY, Browser, World, words


def test_the_first_run_walks_from_the_snippet_on(admin: Browser) -> None:
    page = admin.page("/")
    assert "Paste the snippet into your app" in page
    assert KEY in page


def test_the_first_run_notices_the_first_event(world: World, admin: Browser) -> None:
    assert admin.get("/?part=started").status_code == 204
    world.send({"type": "track", "userId": "u1", "event": "X"})
    arrived = admin.get("/?part=started")
    assert (arrived.status_code, "has arrived" in arrived.text) == (286, True)


def test_a_running_server_shows_figures_and_what_is_broken(world: World, admin: Browser) -> None:
    world.send({"type": "track", "userId": "u1", "event": "X"})
    assert "Nothing is broken" in admin.page("/")
    world.send({"type": "track", "event": "Y"}, {"type": "odd"})
    page = admin.page("/")
    assert "2 messages refused in the last 24 h" in page
    assert 'href="/live/rejected"' in page


def test_a_journey_that_paused_itself_is_told_of(world: World, admin: Browser) -> None:
    world.send({"type": "track", "userId": "u1", "event": "X"})
    with world.store.write() as tx:
        journeys.launch(tx, "winback", 1, "ada", 0)
        journeys.change(tx, "winback", "headwater", 0, state="paused", reason="9 of 90 bounced")
    page = admin.page("/")
    assert "Winback paused itself" in page and "9 of 90 bounced" in page
    assert 'href="/journeys/winback"' in page


def test_today_is_compared_with_the_day_before(world: World, admin: Browser) -> None:
    world.send(*({"type": "track", "userId": "u1", "event": f"E{n}"} for n in range(3)))
    with world.store.write() as tx:
        minute = world.now() // 60_000 - 30 * 60
        progress.add_counts(tx, {(minute, 1, "track"): 2, (minute, 1, "repeated"): 9})
    assert "2 the day before, +50 %" in admin.page("/")


def test_counting_many_people_is_left_to_a_second_request(
    world: World, admin: Browser, monkeypatch: Any
) -> None:
    world.send({"type": "track", "userId": "u1", "event": "X"})
    monkeypatch.setattr("cdp.console.home.COUNT_AT_ONCE", 0)
    assert "Counting" in admin.page("/")
    assert "1 of 1 people active" in words(admin.page("/?part=figures"))


def test_the_last_days_count_events_by_when_they_happened(world: World, admin: Browser) -> None:
    days_ago, long_ago = (world.now() - days * 86_400_000 for days in (3, 40))
    world.send(
        {"type": "track", "userId": "u1", "event": "X", "timestamp": days_ago},
        {"type": "track", "userId": "u1", "event": "X", "timestamp": days_ago},
        {"type": "track", "userId": "u2", "event": "X", "timestamp": long_ago},
    )
    page = admin.page("/")
    assert f"{format.day(days_ago)}: 2" in page
    assert format.day(long_ago) not in page
    assert "1 of 2 people active in the last 7 days" in words(page)


def test_sample_data_does_not_look_like_a_busy_minute(world: World, admin: Browser) -> None:
    with world.store.write() as tx:
        config_rows.add_source(tx, world.now(), "demo", "Sample data", "k" * 20, "test")
        number = next(s.id for s in config_rows.all_sources(tx) if s.key == "demo")
        minute = world.now() // 60_000 - 1
        progress.add_counts(tx, {(minute, number, "track"): 57_000})
    world.send({"type": "track", "userId": "u1", "event": "X"})
    assert "1 in the last hour" in words(admin.page("/"))


class Demo:
    """Sample data that is there when told so."""

    def __init__(self) -> None:
        self.state = "absent"

    def start_demo(self) -> None:
        self.state = "loading"

    def remove_demo(self) -> None:
        self.state = "removing"

    def demo_state(self) -> dict[str, Any]:
        return {"state": self.state, "done": 0.42, "error": "disk full"}


def test_sample_data_is_offered_followed_and_removed(tmp_path: Path) -> None:
    demo = Demo()
    world = World(tmp_path, demo=demo)
    admin = world.admin()
    assert "Fill with sample data" in admin.page("/")
    admin.post("/sample-data", action="start")
    assert "42 %" in admin.page("/")
    demo.state = "present"
    assert "Remove sample data" in admin.page("/")
    admin.post("/sample-data", action="remove")
    assert "being removed" in admin.page("/")
    demo.state = "failed"
    assert "disk full" in admin.page("/")
    world.close()


def test_without_sample_data_no_button_leads_nowhere(admin: Browser) -> None:
    assert "sample data" not in admin.page("/").lower()
    assert admin.post("/sample-data").status_code == 404


def test_a_page_that_fails_says_what_and_shows_the_detail_to_admins(
    world: World, admin: Browser, monkeypatch: Any
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("the wires are crossed")

    monkeypatch.setattr("cdp.store.events.console_queries.counts_by_source", broken)
    world.send({"type": "track", "userId": "u1", "event": "X"})
    response = admin.get("/")
    assert response.status_code == 500
    assert "GET / failed: RuntimeError" in response.text
    assert "the wires are crossed" in response.text


def test_a_failure_before_the_login_tells_nothing(world: World, monkeypatch: Any) -> None:
    def broken(_: Any) -> None:
        raise RuntimeError("the wires are crossed")

    monkeypatch.setattr(Store, "read", broken)
    response = world.client().get("/login")
    assert response.status_code == 500
    assert "wires" not in response.text


def test_pages_stay_under_150_kilobytes_with_all_they_load(world: World, admin: Browser) -> None:
    world.send(*({"type": "track", "userId": f"u{n}", "event": "Seen"} for n in range(60)))
    # What only the canvas of journeys, or other people's pages, load.
    apart = {"analytics-next", "journey", "dagre.esm.js"}
    shared = sum(
        len(gzip.compress(path.read_bytes()))
        for path in assets.FOLDER.rglob("*")
        if path.is_file() and not apart & set(path.relative_to(assets.FOLDER).parts)
    )
    for address in ("/", "/live", "/people", "/connections/sources/default"):
        weight = shared + len(gzip.compress(admin.page(address).encode()))
        assert weight < 150_000, (address, weight)


def test_assets_may_be_kept_for_ever_because_their_address_changes(
    world: World, admin: Browser
) -> None:
    version = world.app.extensions[context.EXTENSION + ".assets"]
    response = admin.get(f"/assets/{version}/tokens.css")
    assert response.status_code == 200
    assert "immutable" in response.headers["Cache-Control"]
    assert admin.get(f"/assets/{version}/../auth.py").status_code == 404
    assert admin.get(f"/assets/{version}/nothing.css").status_code == 404
