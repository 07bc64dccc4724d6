"""A broadcast by several channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.delivery.broadcasts import acts, checking
from cdp.delivery.broadcasts.rehearsal import rehearse, texts
from cdp.journeys.run import Run
from cdp.messaging.broadcasts.plan import BadPlan, plan_of, read
from cdp.store import definitions
from cdp.store.defined import defining
from cdp.store.journeys import launched, runs
from cdp.store.messages import broadcasts, deliveries
from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests.delivery.broadcasts.campaign import TEMPLATE, Campaign

CHANNELS = [{"channel": "sms", "template": "s"}, {"channel": "email", "template": "t"}]


def test_each_person_gets_it_by_the_first_channel_that_reaches_them(tmp_path: Path) -> None:
    world = Campaign(tmp_path)
    with world.store.write() as tx:
        defining.put(tx, 1, ("template", "s"), {"channel": "sms", "body": "Hi"}, "test")
    world.identify("u1")
    phone = world.identify("u2", phone="+48600700800")
    id_ = world.begin(template=None, channels=CHANNELS, escalate={"unread_for": "2h"})
    tried = rehearse(world.store, world.settings, plan_of(world.row(id_).body), 1)
    assert (tried.go, set(tried.first)) == (2, {"s", "t"})
    assert tried.by_channel == {"sms": 1, "email": 1}
    world.run()
    assert world.got() == ["u1@example.org"]
    with world.store.read() as tx:
        [row] = deliveries.of_node(tx, phone)
    assert (row.channel, row.template, row.origin_key) == ("sms", "s", str(id_))
    world.close()


def test_who_must_wait_for_a_journey_would_get_it(tmp_path: Path) -> None:
    world = Campaign(tmp_path)
    world.identify("u1")
    with world.store.write() as tx:
        profile = people.resolve(tx, USERS, "user_id", "u1")
        assert profile is not None
        row = launched.launch(tx, "welcome", 1, "test", 1)
        runs.put(tx, [runs.Placed(Run(1, "welcome", 1, "", 1, "w", 1), row.id, profile.id, 1)], {1})
        body = {"journeys": ["welcome"], "wait": "1h"}
        definitions.put(tx, 1, "quiet_while", "first", body, "test")
    plan = plan_of(world.row(world.begin(state="draft")).body)
    tried = rehearse(world.store, world.settings, plan, 10_000_000)
    [waiting] = tried.waiting
    assert (tried.go, waiting.reason, waiting.first) == (
        1,
        "in_journey: first (welcome)",
        13_600_000,
    )
    with world.store.write() as tx:
        definitions.put(tx, 2, "quiet_while", "first", {**body, "then": "drop"}, "test")
    [withheld] = rehearse(world.store, world.settings, plan, 10_000_000).withheld
    assert withheld.reason == "in_journey: first (welcome)"
    world.close()


@pytest.mark.parametrize(
    ("traits", "subject"),
    [
        ({}, "Hello"),
        ({"language": "de-AT"}, "Hallo"),
        ({"locale": "en", "language": "de"}, "Hello"),
    ],
)
def test_the_language_is_the_persons(tmp_path: Path, traits: dict[str, str], subject: str) -> None:
    world = Campaign(tmp_path)
    local = {**TEMPLATE, "locales": {"de": {"subject": "Hallo"}}}
    with world.store.write() as tx:
        defining.put(tx, 2, ("template", "t"), local, "test")
    world.identify("u1", **traits)
    plan = plan_of(world.row(world.begin(state="draft")).body)
    tried = rehearse(world.store, world.settings, plan, 1)
    assert texts(tried.first["t"])["subject"] == subject
    world.close()


def test_who_must_wait_for_quiet_hours_is_asked_when_their_turn_comes(tmp_path: Path) -> None:
    world = Campaign(tmp_path)
    for name, zone in (("u1", "Asia/Tokyo"), ("u2", "America/New_York"), ("u3", "Nowhere")):
        world.identify(name, timezone=zone)
    night = {"channels": ["email"], "start": "21:00", "end": "08:00", "zone": "Europe/Berlin"}
    with world.store.write() as tx:
        definitions.put(tx, 1, "quiet_hours", "night", night, "test")
    noon = 1_790_596_800_000  # UTC; in Tokyo it is 21:00

    def said(**when: str) -> list[str]:
        plan = plan_of(world.row(world.begin(state="draft", when=when or None)).body)
        tried = rehearse(world.store, world.settings, plan, noon)
        assert tried.go == 3 and not tried.withheld
        return [item.text for item in checking.people(tried, plan)]

    whole = ["It is for 3 people.", "Nobody of them would be passed over."]
    assert said(local="2026-10-01T09:00", zone="UTC") == whole
    late = "would get it later, {}: it is quiet hours for them (night)."
    assert said()[1] == f"1 person {late.format('at 2026-09-28 23:00 UTC')}"
    between = "between 2026-09-29 06:00 and 2026-09-29 12:00 UTC"
    assert said(at="2026-09-29T02:00:00Z")[1] == f"2 people {late.format(between)}"
    world.close()


def test_a_template_for_another_channel_is_told_before_it_goes(tmp_path: Path) -> None:
    world = Campaign(tmp_path, templates=("s", "t"))
    id_ = world.begin(state="draft", template=None, channels=CHANNELS)
    with world.store.write() as tx, pytest.raises(BadPlan, match="is one for email, not sms"):
        acts.schedule(tx, id_, 1, at_once=True)
    with world.store.read() as tx:
        assert broadcasts.get(tx, id_).state == "draft"
    world.close()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"channels": CHANNELS, "template": "t"}, "channels"),
        ({"channels": CHANNELS[:1]}, "channels"),
        ({"channels": [CHANNELS[0], CHANNELS[0]]}, "channels"),
        ({"template": "t", "escalate": {"unread_for": "2h"}}, "escalate"),
        ({"channels": CHANNELS, "escalate": {"unread_for": "soon"}}, "escalate.unread_for"),
    ],
)
def test_what_does_not_fit_together_is_told(given: dict[str, object], field: str) -> None:
    with pytest.raises(BadPlan) as error:
        read({"name": "x", "who": {"everybody": True}, **given})
    assert field in error.value.fields
