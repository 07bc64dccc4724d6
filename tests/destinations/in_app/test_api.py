"""The JSON API of clients, its streams and its script."""

from __future__ import annotations

import gzip
import json
import threading
import time
from typing import Any

import pytest
from cdp_inapp.channel import script
from cdp_inapp.reporting import EACH as EACH_MINUTE
from cdp_inapp.reporting import Brake
from cdp_inapp.stream import BEAT_S, EACH, Stream

from cdp.plugin import (
    Forged,
    Inbound,
)
from tests.destinations.in_app.client import Queue, ask, body, channel, message, token
from tests.destinations.in_app.waiting import SECRET

NOW = 1_800_000_000
KEY = SECRET.encode()


def test_a_person_gets_their_messages_and_nobody_elses() -> None:
    inbox = Queue(u1=[message("m1"), message("m2", form="modal")], u2=[message("m3")])
    said = body(channel(inbox, poll=60).receive(ask("GET", "messages", token("u1"))))
    assert [each["id"] for each in said["messages"]] == ["m1", "m2"]
    assert (said["unread"], said["poll"], said["stream"]) == (1, 60, True)
    assert said["messages"][0]["sent_at"] == "1970-01-01T00:00:01.000Z"
    assert body(channel(inbox).receive(ask("GET", "messages", token("u9"))))["messages"] == []


@pytest.mark.parametrize("path", ["messages", "stream"])
def test_without_a_good_token_nobody_gets_anything(path: str) -> None:
    for wrong in ("", "wk_a_write_key", token("u1", time.time() - 3600), token()[:-2]):
        with pytest.raises(Forged):
            channel().receive(ask("GET", path, wrong))
    basic = {"authorization": "Basic " + token()}
    with pytest.raises(Forged):
        channel().receive(Inbound("GET", path, "", {"token": token()}, basic, b""))


def test_there_is_nothing_else() -> None:
    assert channel().receive(ask("GET", "other")) is None
    assert channel().receive(ask("GET", "")) is None
    reply = channel().receive(ask("DELETE", "messages", token()))
    assert reply is not None and reply.status == 405


def say(*events: Any, as_user: str = "u1", in_body: bool = True, **more: Any) -> Any:
    said: dict[str, Any] = {"events": list(events), **more}
    if in_body:
        said["token"] = token(as_user)
    header = "" if in_body else token(as_user)
    return channel().receive(ask("POST", "events", header, json.dumps(said).encode()))


@pytest.mark.parametrize("in_body", [True, False])
def test_events_become_reports(in_body: bool) -> None:
    at = time.time() * 1000 - 5000
    reply = say(
        {"id": "m1", "type": "shown", "at": at},
        {"id": "m1", "type": "clicked", "ref": "r-1", "link": "https://x/", "button": "Go"},
        {"id": "m1", "type": "dismissed"},
        in_body=in_body,
    )
    assert body(reply) == {"taken": 3, "unknown": []}
    opened, clicked, dismissed = reply.reports
    assert (opened.kind, opened.id, opened.delivery) == ("opened", "m1:shown", "m1")
    assert opened.at == int(at)
    assert (clicked.id, clicked.detail) == (
        "m1:clicked:r-1",
        {"href": "https://x/", "link_id": "Go"},
    )
    assert (dismissed.kind, dismissed.id) == ("dismissed", "m1:dismissed")


def test_what_is_told_again_has_the_same_name() -> None:
    event = {"id": "m1", "type": "clicked", "link": "/a", "at": 1}
    assert say(event).reports[0].id == say(event).reports[0].id
    assert say(event).reports[0].id != say({**event, "link": "/b"}).reports[0].id


def test_another_persons_message_cannot_be_marked() -> None:
    reply = say({"id": "m1", "type": "dismissed"}, {"id": "nobodys", "type": "shown"}, as_user="u2")
    assert reply.reports == [] and body(reply) == {"taken": 0, "unknown": ["m1", "nobodys"]}


def test_a_clock_that_is_wrong_is_not_believed() -> None:
    now = time.time() * 1000
    future, past = say(
        {"id": "m1", "type": "shown", "at": now + 1e12}, {"id": "m1", "type": "shown", "at": -1e300}
    ).reports
    assert abs(future.at - now) < 60_000 and past.at > now - 8 * 86_400_000


@pytest.mark.parametrize(
    "bad",
    [b"", b"[]", b"null", b"{", b"\xff", b'{"events": 1}', b'{"events": [{"id": 1}]}',
     b'{"events": [{"id": "m1", "type": "loved"}]}', b"[" * 60_000,
     json.dumps({"events": [{"id": "m1", "type": "shown"}] * 101}).encode()],
)  # fmt: skip
def test_events_that_say_nothing_are_refused(bad: bytes) -> None:
    reply = channel().receive(ask("POST", "events", token(), bad))
    assert reply is not None and reply.status == 400 and not reply.reports
    assert body(reply)["error"]


def test_events_need_a_token_too() -> None:
    said = {"events": [{"id": "m1", "type": "shown"}]}
    for more in ({}, {"token": "x"}, {"token": token("u1", time.time() - 3600)}):
        with pytest.raises(Forged):
            channel().receive(ask("POST", "events", "", json.dumps(said | more).encode()))


def test_no_single_person_keeps_the_store_busy() -> None:
    time_ = [0.0]
    brake = Brake(lambda: time_[0])
    assert [brake.lets(("user_id", "u1")) for _ in range(EACH_MINUTE + 1)][-2:] == [True, False]
    assert brake.lets(("user_id", "u2"))
    time_[0] = 60.0
    assert brake.lets(("user_id", "u1"))
    made, said = channel(), json.dumps({"events": []}).encode()
    replies: list[Any] = [
        made.receive(ask("POST", "events", token(), said)) for _ in range(EACH_MINUTE * 2 + 1)
    ]
    assert replies[-1].status == 429 and "Retry-After" in replies[-1].headers


def test_a_stream_tells_of_changes_and_gives_a_sign_of_life() -> None:
    time_, stopped, ended = [0.0], threading.Event(), []
    state = [b'{"a":1}']
    stream = Stream(lambda: state[0], 100.0, stopped, lambda: ended.append(1), lambda: time_[0])
    assert next(stream) == b'retry: 2000\nevent: messages\ndata: {"a":1}\n\n'
    time_[0] = BEAT_S
    assert next(stream) == b": still here\n\n"
    state[0] = b'{"a":2}'
    assert next(stream) == b'event: messages\ndata: {"a":2}\n\n'
    time_[0] = 101.0
    assert list(stream) == [] and ended == [1]
    stream.close()
    assert ended == [1]


def test_streams_end_when_the_channel_is_closed() -> None:
    made = channel()
    reply = made.receive(ask("GET", "stream", token()))
    assert reply is not None and reply.type == "text/event-stream"
    assert b'"m1"' in next(iter(reply.body))  # type: ignore[arg-type]
    made.close()
    assert list(reply.body) == []


def test_one_person_has_so_many_streams_and_no_more() -> None:
    made = channel()
    replies: list[Any] = [made.receive(ask("GET", "stream", token())) for _ in range(EACH + 1)]
    assert [reply.status for reply in replies] == [200] * EACH + [503]
    assert int(replies[-1].headers["Retry-After"]) > 0
    assert made.receive(ask("GET", "stream", token("u2"))).status == 200  # type: ignore[union-attr]
    replies[0].body.close()  # never begun
    assert made.receive(ask("GET", "stream", token())).status == 200  # type: ignore[union-attr]


def test_streams_can_be_switched_off() -> None:
    reply = channel(stream=False).receive(ask("GET", "stream", token()))
    assert reply is not None and reply.status == 503 and "Retry-After" in reply.headers


def test_a_stream_ends_with_its_token() -> None:
    made = channel()
    reply = made.receive(ask("GET", "stream", token("u1", time.time() - 30)))
    assert reply is not None and list(reply.body) == []


def test_the_client_is_at_most_5_kb() -> None:
    plain, packed, _ = script()
    assert len(packed) <= 5 * 1024
    assert gzip.decompress(packed) == plain
    for forbidden in (b"innerHTML", b"eval(", b"Function(", b".cssText", b"setAttribute('style"):
        assert forbidden not in plain


def test_the_client_comes_gzipped_or_not_or_not_at_all() -> None:
    made = channel()
    packed: Any = made.receive(ask("GET", "client.js", **{"accept-encoding": "gzip, br"}))
    plain: Any = made.receive(ask("GET", "client.js"))
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"]
    assert plain.type.startswith("text/javascript") and "max-age" in plain.headers["Cache-Control"]
    again: Any = made.receive(ask("GET", "client.js", **{"if-none-match": plain.headers["ETag"]}))
    assert again.status == 304 and again.body == b""
