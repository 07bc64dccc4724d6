"""The queue of in-app messages of each person, on the whole app."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cdp_inapp.tokens import sign
from sqlalchemy import select, update

from cdp.messaging.request import Request
from cdp.plugin import InAppMessage
from cdp.store import config_rows
from cdp.store.messages import deliveries
from cdp.store.messages.actions import Refused, act, act_many
from cdp.store.messages.inbox import PersonalInbox
from cdp.store.messages.reads import Which
from cdp.store.tables import deliveries as table
from cdp.store.tables import reports
from tests.destinations.in_app.waiting import SECRET, add_destination, now_ms, recall, send
from tests.factories import Space
from tests.postgres import new_database

U1, U2 = ("user_id", "u1"), ("user_id", "u2")


class Shop:
    """Two people and an in-app destination."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.id = add_destination(space.store)
        space.send(*({"type": "identify", "userId": user} for user in ("u1", "u2")))

    def send(self, user: str = "u1", **content: Any) -> str:
        return send(self.space.store, self.id, user, **{"title": "Hello", **content})

    def waiting(self, person: tuple[str, str] = U1, limit: int = 10) -> list[InAppMessage]:
        inbox = PersonalInbox(self.space.store, self.id)
        return inbox.waiting(person, now_ms(), limit)

    def ids(self, person: tuple[str, str] = U1) -> list[str]:
        return [message.id for message in self.waiting(person)]

    def ask(self, path: str, user: str = "u1", expires: float = 600) -> Any:
        token = sign(SECRET.encode(), ("user_id", user), int(time.time() + expires))
        headers = {"Authorization": f"Bearer {token}"}
        return self.space.client().get(f"/channels/in_app/{path}", headers=headers)

    def say(self, user: str, *events: dict[str, Any]) -> Any:
        token = sign(SECRET.encode(), ("user_id", user), int(time.time() + 600))
        body = {"token": token, "events": list(events)}
        return self.space.client().post("/channels/in_app/events", json=body)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    space = Space(tmp_path, new_database() if request.param == "postgres" else None)
    yield Shop(space)
    space.close()


def test_a_message_waits_for_its_person_alone(shop: Shop) -> None:
    name = shop.send(form="modal", buttons=({"text": "Go", "link": "/go"},), data={"n": 1})
    (found,) = shop.waiting()
    assert found.id == name and found.content.form == "modal" and found.content.data == {"n": 1}
    assert found.content.buttons[0]["link"] == "/go" and found.opened_at is None
    assert shop.waiting(U2) == [] and shop.waiting(("user_id", "nobody")) == []
    inbox = PersonalInbox(shop.space.store, shop.id)
    assert inbox.sent(U1, [name, "x", ""]) == {name} and inbox.sent(U2, [name]) == set()
    other = PersonalInbox(shop.space.store, shop.id + 1)
    assert other.waiting(U1, now_ms(), 10) == [] and other.sent(U1, [name]) == set()


def test_the_newest_come_first_and_only_so_many(shop: Shop) -> None:
    names = [shop.send() for _ in range(4)]
    assert [message.id for message in shop.waiting(limit=3)] == names[:0:-1]


def test_what_has_expired_or_was_recalled_is_not_shown(shop: Shop) -> None:
    shop.send(expires_at=now_ms() - 1)
    later, gone = shop.send(expires_at=now_ms() + 60_000), shop.send()
    recall(shop.space.store, gone)
    assert shop.ids() == [later]


def test_only_what_waits_here_can_be_recalled(shop: Shop) -> None:
    shop.send()
    with shop.space.store.write() as tx:
        request = Request(key="m", channel="email", node=None, origin="test", recipient="a@b.c")
        id_ = deliveries.add(tx, [request], now_ms())[0].id
        tx.execute(update(table).where(table.c.id == id_).values(state="sent"))
        row = deliveries.get(tx, id_)
        assert row is not None
        with pytest.raises(Refused, match="by email"):
            act(tx, row, "recall", "test", now_ms())
    with shop.space.store.write() as tx:
        done = act_many(tx, Which(), "recall", "test", now_ms())
    assert done.changed == 1 and shop.ids() == []


def test_messages_go_where_their_person_goes(shop: Shop) -> None:
    shop.space.send({"type": "track", "anonymousId": "a1", "event": "Looked"})
    unknown, known = shop.send("a1", type_="anonymous_id"), shop.send("u1")
    assert shop.ids() == [known] and shop.ids(("anonymous_id", "a1")) == [unknown]
    shop.space.send({"type": "identify", "userId": "u1", "anonymousId": "a1"})
    assert shop.ids() == [known, unknown] == shop.ids(("anonymous_id", "a1"))
    assert shop.say("u1", {"id": unknown, "type": "dismissed"}).json["taken"] == 1
    assert shop.ids() == [known]


def test_while_the_destination_is_off_nothing_is_shown(shop: Shop) -> None:
    shop.send()
    store = shop.space.store
    assert PersonalInbox(store, shop.id, open_=False).waiting(U1, now_ms(), 10) == []
    assert len(shop.ask("messages").json["messages"]) == 1
    with store.write() as tx:
        found = config_rows.destination_by_key(tx, "in_app")
        assert found is not None
        config_rows.change_destination(tx, now_ms(), found, "test", enabled=False)
    time.sleep(0.5)
    assert shop.ask("messages").json["messages"] == []


def test_shown_clicked_and_dismissed_are_kept_and_told(shop: Shop) -> None:
    banner, item = shop.send(form="banner"), shop.send(form="inbox")
    said = shop.say(
        "u1",
        {"id": item, "type": "shown"},
        {"id": item, "type": "clicked", "link": "https://example.org/", "ref": "c1"},
        {"id": banner, "type": "shown"},
    )
    assert said.json == {"taken": 3, "unknown": []}
    assert {message.id: bool(message.opened_at) for message in shop.waiting()} == {
        banner: True, item: True,
    }  # fmt: skip
    for _ in range(2):
        shop.say("u1", {"id": item, "type": "dismissed"}, {"id": banner, "type": "clicked"})
    assert shop.ids() == []
    with shop.space.store.read() as tx:
        kinds = tx.execute(select(reports.c.kind)).scalars().all()
        assert sorted(kinds) == ["clicked", "clicked", "dismissed", "opened", "opened"]
        assert all(tx.execute(select(table.c.clicked_at)).scalars())


def test_a_banner_that_was_followed_is_over_and_an_inbox_message_stays(shop: Shop) -> None:
    names = {form: shop.send(form=form) for form in ("banner", "modal", "slide_in", "inbox")}
    shop.say("u1", *({"id": name, "type": "clicked"} for name in names.values()))
    assert shop.ids() == [names["inbox"]]


def test_nobody_puts_away_what_is_anothers(shop: Shop) -> None:
    name = shop.send("u1")
    said = shop.say("u2", {"id": name, "type": "dismissed"})
    assert said.json == {"taken": 0, "unknown": [name]}
    assert shop.ids() == [name]


def test_forged_and_expired_tokens_are_refused_and_so_is_a_write_key(shop: Shop) -> None:
    from tests.factories import KEY, TOKEN

    shop.send()
    assert shop.ask("messages", expires=-120).status_code == 401
    client = shop.space.client()
    for value in (f"Bearer {KEY}", f"Bearer {TOKEN}", f"Basic {KEY}", ""):
        answer = client.get("/channels/in_app/messages", headers={"Authorization": value})
        assert answer.status_code == 401 and "messages" not in answer.json
    assert client.get(f"/channels/in_app/messages?writeKey={KEY}").status_code == 401


def test_the_stream_tells_of_a_new_message(shop: Shop) -> None:
    first = shop.send()
    answer = shop.ask("stream")
    events = answer.iter_encoded()
    assert first.encode() in next(events)
    second = shop.send()
    assert second.encode() in next(events)
    answer.close()
