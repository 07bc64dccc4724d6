"""Limits in the console: rules on how much people get, when, and which journey goes first."""

from __future__ import annotations

from typing import Any

from cdp.store import definitions
from tests.console.factory import Browser, World

BASE = "/messages/limits"


def body(world: World, kind: str, key: str) -> dict[str, Any] | None:
    with world.store.read() as tx:
        found = definitions.current(tx, kind, key)
    return found.body if found is not None else None


def send(admin: Browser, address: str, **fields: Any) -> Any:
    return admin.client.post(f"{BASE}/{address}", data={"csrf": admin.csrf(), **fields})


def journeys(world: World) -> None:
    with world.store.write() as tx:
        for key, name in (("welcome", "Welcome"), ("winback", "Win <b>back</b>")):
            said = {"name": name, "trigger": {"event": "Seen"}, "steps": [{"emit": "X"}]}
            definitions.put(tx, 1, "journey", key, said, "test")


def test_a_limit_is_added_changed_and_removed(world: World, admin: Browser) -> None:
    made = send(admin, "message-limits/-new", key="weekly", most="3", per="7d", channel="email",
                then="drop")  # fmt: skip
    assert made.status_code == 303
    assert body(world, "message_limit", "weekly") == {"most": 3, "per": "7d", "channel": "email"}
    page = admin.page(BASE)
    assert "At most 3 email messages in 7 days; what is over is dropped." in page
    form = admin.page(f"{BASE}/message-limits/weekly")
    assert 'value="3"' in form and 'name="seen" value="1"' in form
    send(admin, "message-limits/weekly", seen="1", most="1", per="1d", then="defer", archived="1")
    assert body(world, "message_limit", "weekly") == {
        "most": 1, "per": "1d", "then": "defer", "archived": True,
    }  # fmt: skip
    assert "Not in force" in admin.page(BASE)
    stale = send(admin, "message-limits/weekly", seen="1", most="9", per="1d", then="drop")
    assert stale.status_code == 422 and "has changed it since you opened it" in stale.text
    send(admin, "message-limits/weekly/remove", seen="2")
    assert body(world, "message_limit", "weekly") is None


def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(admin: Browser) -> None:
    found = send(admin, "message-limits/-new", key="No Key", most="many", per="soon", then="drop")
    assert found.status_code == 422
    for text in ("A key is small letters", "It must be a duration", 'value="many"', 'value="soon"'):
        assert text in found.text, text
    quiet = send(admin, "quiet-hours/-new", key="night", start="9", end="", then="defer",
                 zone="Mars/Olympus")  # fmt: skip
    assert quiet.status_code == 422 and "It must be a time such as 21:00." in quiet.text
    assert "There is no time zone of that name" in quiet.text
    assert admin.client.get(f"{BASE}/audiences/-new").status_code == 404


def test_quiet_hours_on_some_days(world: World, admin: Browser) -> None:
    send(admin, "quiet-hours/-new", key="night", channels=["sms", "push"], start="21:00",
         end="08:00", days=["sat", "sun"], zone="Europe/Warsaw", then="defer")  # fmt: skip
    assert body(world, "quiet_hours", "night") == {
        "channels": ["sms", "push"], "start": "21:00", "end": "08:00", "days": ["sat", "sun"],
        "zone": "Europe/Warsaw",
    }  # fmt: skip
    said = "From 21:00 to 08:00 on Sat, Sun, messages by text message, push wait."
    assert said in admin.page(BASE)


def test_journeys_that_want_the_same_person(world: World, admin: Browser) -> None:
    assert "There is no journey yet" in admin.page(f"{BASE}/journey-groups/-new")
    journeys(world)
    send(admin, "journey-groups/-new", key="life", journeys=["winback", "welcome", "", ""],
         then="give_way")  # fmt: skip
    assert body(world, "journey_group", "life") == {"journeys": ["winback", "welcome"]}
    send(admin, "quiet-while/-new", key="first", journeys="welcome", then="defer", wait="2d")
    assert body(world, "quiet_while", "first") == {"journeys": ["welcome"], "wait": "2d"}
    page = admin.page(BASE)
    assert "Win &lt;b&gt;back&lt;/b&gt;, then Welcome: who is in one leaves it" in page
    assert "While somebody is in Welcome, other messages wait, 2 days at most." in page
    one = send(admin, "journey-groups/-new", key="one", journeys=["welcome"], then="stay")
    assert one.status_code == 422 and "There must be 2 to 100 of them." in one.text
