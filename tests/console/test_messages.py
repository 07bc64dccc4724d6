"""The console's messages: lists, one as it was sent, decisions about held ones, masks."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from cdp.messaging.request import Request
from cdp.plugin import EmailContent
from cdp.store.messages import addressees, claims, copies, deliveries, link_keys
from cdp.store.messages.claims import Change
from cdp.store.profiles import people
from cdp.store.tables import USERS
from cdp.store.tables import deliveries as table
from tests.console.factory import World
from tests.console.test_masking import viewer_of

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def letters(world: World) -> World:
    """One message in each of some states, to ana."""
    world.send({"type": "identify", "userId": "ana", "traits": {"email": "ana@example.com"}})
    with world.store.write() as tx:
        link_keys.ensure(tx)
        profile = people.resolve(tx, USERS, "user_id", "ana")
        assert profile is not None
        node = addressees.node_of(tx, profile.id)
        states = ("sent", "held", "drafted", "undeliverable", "failed")
        asked = [
            Request(state, "email", node, "test", recipient="ana@example.com") for state in states
        ]
        for item, state in zip(deliveries.add(tx, asked, 1000), states, strict=True):
            reason = {"undeliverable": "unsubscribed", "failed": f"bad_content: {SCRIPT}"}
            claims.withhold(tx, [Change(item.id, state, 1, reason.get(state), None)], 1)
        html = f'<p>Hi ana</p>{SCRIPT}<img src="http://h/e/o/abc.gif" width="1">'
        content = EmailContent("s@example.com", ("ana@example.com",), "Hi", html)
        copies.keep(tx, {1: content}, 1)
    return world


def address(world: World, state: str) -> str:
    found = re.search(
        r'href="(/messages/deliveries/\w+)"', world.admin().page(f"/messages?state={state}")
    )
    assert found is not None, state
    return found.group(1)


def state_of(world: World, key: str) -> str:
    with world.store.read() as tx:
        return str(tx.execute(select(table.c.state).where(table.c.key == key)).scalar())


def test_a_message_is_shown_as_it_was_sent_and_can_do_nothing(letters: World) -> None:
    admin = letters.admin()
    page = admin.page(address(letters, "sent"))
    assert "Hi" in page and "ana@example.com" in page and SCRIPT not in page
    frame = admin.get(address(letters, "sent") + "/html")
    assert frame.status_code == 200 and "<p>Hi ana</p>" in frame.text
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "/e/o/" not in frame.text  # looking at it here is no opening


def test_reasons_are_told_in_words_and_never_run(letters: World) -> None:
    page = letters.admin().page("/messages")
    assert "They want no messages" in page
    assert SCRIPT not in page and "&lt;script&gt;" in page
    health = letters.admin().page("/messages/health")
    assert "They want no messages" not in health  # they were asked for long ago
    assert letters.admin().get("/messages/health?days=5").status_code == 404


def test_held_ones_are_decided_one_by_one_or_all(letters: World) -> None:
    admin = letters.admin()
    assert "1 message is held" in admin.page("/messages")
    assert admin.post(address(letters, "held"), action="repeat").status_code == 303
    assert state_of(letters, "held") == "waiting"
    assert admin.post("/messages", state="drafted", action="send").status_code == 303
    assert state_of(letters, "drafted") == "waiting"
    answer = admin.post(address(letters, "sent"), action="cancel")
    assert answer.status_code == 303 and state_of(letters, "sent") == "sent"
    assert admin.post(address(letters, "sent"), action="explode").status_code == 400


def test_a_viewer_sees_no_addresses_and_no_contents(letters: World) -> None:
    viewer = viewer_of(letters)
    for page in (viewer.page("/messages"), viewer.page(address(letters, "sent"))):
        assert "ana@example.com" not in page and "Hi ana" not in page
    assert viewer.get(address(letters, "sent") + "/html").status_code == 404
    assert viewer.post(address(letters, "held"), action="repeat").status_code == 403


def test_a_persons_messages_stand_on_their_page(letters: World) -> None:
    admin = letters.admin()
    page = admin.page(admin.get("/people/user_id:ana/messages").headers["Location"])
    assert page.count("/messages/deliveries/") == 5


def test_what_is_not_there(letters: World) -> None:
    admin = letters.admin()
    assert admin.get("/messages/deliveries/nothing").status_code == 404
    assert "No message is like this" in admin.page("/messages?person=nobody@example.com")
