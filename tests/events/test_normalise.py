from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdp.events import Message, Origin, Rejected, format_time, normalise
from cdp.events.message import TYPES

NOW = 1_767_268_800_000  # 2026-01-01T12:00:00Z
HOUR = 3_600_000
ORIGIN = Origin(source=7, received_at=NOW, ref="hw-1-a")


def take(message: dict[str, Any], origin: Origin = ORIGIN, **more: Any) -> Message:
    found = normalise(json.dumps(message).encode(), origin, **more)
    assert isinstance(found, Message), found
    return found


def refuse(message: Any, origin: Origin = ORIGIN, **more: Any) -> Rejected:
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    found = normalise(raw, origin, **more)
    assert isinstance(found, Rejected), found
    assert found.detail and found.body and found.source == 7 and found.received_at == NOW
    return found


def track(**more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Ran", "userId": "u1", **more}


def test_a_message_gets_what_the_server_fills_in() -> None:
    found = take(track(writeKey="secret"))
    assert found.body == {
        "type": "track", "event": "Ran", "userId": "u1", "messageId": "hw-1-a-0",
        "timestamp": "2026-01-01T12:00:00.000Z", "originalTimestamp": "2026-01-01T12:00:00.000Z",
        "receivedAt": "2026-01-01T12:00:00.000Z", "context": {}, "integrations": {},
    }  # fmt: skip
    assert (found.type, found.name, found.message_id) == ("track", "Ran", "hw-1-a-0")
    assert (found.source, found.t, found.received_at, found.client_t) == (7, NOW, NOW, None)
    assert found.live


def test_items_without_a_message_id_get_different_ones() -> None:
    assert take(track(), index=3).message_id == "hw-1-a-3"
    assert take(track(messageId=""), index=4).message_id == "hw-1-a-4"
    assert take(track(messageId=12)).message_id == "12"
    assert take(track(messageId="m" * 100)).message_id == "m" * 100


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "track", "event": "x"}, "no_user_anon_id"),
        ({"type": "track", "event": "x", "userId": "", "anonymousId": " "}, "no_user_anon_id"),
        ({"type": "track", "event": "x", "userId": None}, "no_user_anon_id"),
        ({"type": "page", "userId": "\0"}, "no_user_anon_id"),
        ({"type": "track", "userId": "u"}, "no_event"),
        ({"type": "track", "userId": "u", "event": "  "}, "no_event"),
        ({"type": "track", "userId": "u", "event": {"a": 1}}, "no_event"),
        ({"type": "track", "userId": "u", "event": True}, "no_event"),
        ({"type": "group", "userId": "u"}, "no_groupId"),
        ({"type": "alias", "userId": "u"}, "no_previousId"),
        ({"type": "alias", "previousId": "u", "anonymousId": "a"}, "no_userId"),
        ({"userId": "u", "event": "x"}, "unknown_type"),
        ({"type": "delete", "userId": "u"}, "unknown_type"),
        ({"type": ["track"], "userId": "u"}, "unknown_type"),
        (track(userId={"id": 1}), "wrong_type"),
        (track(userId=True), "wrong_type"),
        (track(anonymousId=["a"]), "wrong_type"),
        (track(userId="u" * 501), "id_too_long"),
        (track(messageId="m" * 101), "messageId_too_long"),
        (track(messageId={}), "wrong_type"),
        (track(properties="x"), "wrong_type"),
        (track(properties=[1]), "wrong_type"),
        (track(context=3), "wrong_type"),
        (track(integrations=True), "wrong_type"),
        (track(pad="x" * 32 * 1024), "message_too_large"),
        ([], "not_an_object"),
        ("text", "not_an_object"),
        (None, "not_an_object"),
        (b'{"type":', "invalid_json"),
        (b'{"type":"track","n":1e999}', "invalid_json"),
        (b'{"type":"track","event":"\xff"}', "invalid_json"),
        (b'{"type":"track","a":' + b"[" * 5000 + b"]" * 5000 + b"}", "invalid_json"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_its_reason(message: Any, code: str) -> None:
    assert refuse(message).code == code


def test_a_rejected_message_tells_what_is_known_of_it() -> None:
    found = refuse({"type": "track", "event": "Ran", "messageId": "m1"})
    assert (found.type, found.name, found.message_id) == ("track", "Ran", "m1")
    assert refuse({"name": 5, "messageId": []}, kind="page").type == "page"


def test_the_path_decides_the_type() -> None:
    assert take(track(type="page"), kind="track").type == "track"
    assert take({"userId": "u", "name": "Home"}, kind="page").name == "Home"


def test_ids_become_text() -> None:
    found = take(track(userId=12.0, anonymousId=3.5, groupId=-0.0, previousId="  p "))
    assert [found.body[key] for key in ("userId", "anonymousId", "groupId", "previousId")] == [
        "12", "3.5", "0", "p"
    ]  # fmt: skip
    assert take({"type": "track", "event": 404, "user_id": "u"}).name == "404"


def test_empty_arrays_are_objects_as_php_writes_them() -> None:
    found = take(track(properties=[], context=[], integrations=[], traits=None))
    assert found.body["properties"] == found.body["context"] == found.body["integrations"] == {}
    assert "traits" not in found.body


def test_properties_beyond_ten_thousand_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    # So many don't fit into 32 KB of JSON, unless a batch's context adds to them.
    monkeypatch.setattr(sys.modules["cdp.events.normalise"], "MAX_KEYS", 3)
    found = take(track(properties=dict.fromkeys("abcde", 1)))
    assert found.body["properties"] == {"a": 1, "b": 1, "c": 1}


def test_a_batch_shares_its_context_and_the_item_wins() -> None:
    shared = {"context": {"a": {"b": 1}, "c": 1}, "integrations": {"All": False}}
    one = take(track(context={"c": 2}), shared=shared)
    two = take(track(context=[]), shared=shared)
    assert one.body["context"] == {"a": {"b": 1}, "c": 2}
    assert two.body["integrations"] == {"All": False}
    two.body["context"]["a"]["b"] = 2
    assert shared["context"]["a"] == {"b": 1} and one.body["context"]["a"] == {"b": 1}


class TestTimes:
    def test_a_wrong_clock_is_corrected(self) -> None:
        sent, event = NOW - 5 * HOUR, NOW - 6 * HOUR
        found = take(track(timestamp=format_time(event), sentAt=format_time(sent)))
        assert found.t == NOW - HOUR
        assert found.body["timestamp"] == format_time(NOW - HOUR)
        assert found.body["originalTimestamp"] == format_time(event)
        assert found.client_t == event

    def test_the_batch_says_when_it_was_sent(self) -> None:
        origin = msgspec.structs.replace(ORIGIN, sent_at=format_time(NOW + HOUR))
        assert take(track(timestamp=format_time(NOW)), origin).t == NOW - HOUR
        junk = take(track(timestamp=format_time(NOW), sentAt="junk"), origin)
        assert junk.t == NOW - HOUR
        assert junk.body["sentAt"] == format_time(NOW + HOUR)

    def test_without_sent_at_the_clients_time_stays(self) -> None:
        assert take(track(timestamp=format_time(NOW - HOUR))).t == NOW - HOUR

    def test_rudderstack_sends_only_the_original_timestamp(self) -> None:
        found = take(track(originalTimestamp=format_time(NOW - HOUR), sentAt=format_time(NOW)))
        assert (found.t, found.client_t) == (NOW - HOUR, NOW - HOUR)
        null = take(track(timestamp=None, originalTimestamp=format_time(NOW - HOUR)))
        assert null.t == NOW - HOUR

    def test_a_little_future_stays_and_a_lot_does_not(self) -> None:
        assert take(track(timestamp=format_time(NOW + HOUR))).t == NOW + HOUR
        assert take(track(timestamp="9999-01-01")).t == NOW
        assert take(track(timestamp="0001-01-01T00:00:00+14:00")).t == NOW

    @pytest.mark.parametrize("junk", ["yesterday", {}, [], True, "", 1e308, "1" * 500])
    def test_junk_is_the_time_of_receipt(self, junk: Any) -> None:
        found = take(track(timestamp=junk, sentAt=junk))
        assert (found.t, found.client_t) == (NOW, None)
        assert found.body["originalTimestamp"] == found.body["timestamp"]
        assert "sentAt" not in found.body

    def test_epoch_numbers_become_text(self) -> None:
        found = take(track(timestamp=NOW - 1, sentAt=str(NOW)))
        assert found.t == NOW - 1
        assert found.body["originalTimestamp"] == format_time(NOW - 1)
        assert found.body["sentAt"] == format_time(NOW)

    def test_more_than_72_hours_old_is_history(self) -> None:
        assert take(track(timestamp=format_time(NOW - 72 * HOUR))).live
        assert not take(track(timestamp=format_time(NOW - 72 * HOUR - 1))).live

    def test_what_a_server_corrected_keeps_its_time(self) -> None:
        archived = take(
            track(timestamp=format_time(NOW - 9 * HOUR), originalTimestamp=format_time(NOW - HOUR),
                  sentAt=format_time(NOW), receivedAt=format_time(NOW - 8 * HOUR))
        )  # fmt: skip
        assert (archived.t, archived.client_t) == (NOW - 9 * HOUR, NOW - HOUR)

    def test_what_is_imported_was_not_sent_just_now(self) -> None:
        origin = msgspec.structs.replace(ORIGIN, live=False)
        found = take(track(timestamp="2020-01-01T00:00:00Z", sentAt="2020-01-01T00:00:01Z"), origin)
        assert found.body["timestamp"] == "2020-01-01T00:00:00.000Z"
        assert not found.live


class TestAddresses:
    ORIGIN = msgspec.structs.replace(ORIGIN, ip="203.0.113.9", user_agent="Mozilla/5.0 X")
    SERVER = msgspec.structs.replace(ORIGIN, user_agent="python-requests/2")

    def test_browsers_and_phones_get_the_connections_address(self) -> None:
        context = take(track(), self.ORIGIN).body["context"]
        assert context == {"ip": "203.0.113.9", "userAgent": "Mozilla/5.0 X"}
        phone = msgspec.structs.replace(self.ORIGIN, user_agent="okhttp/4")
        kotlin = track(context={"library": {"name": "analytics-kotlin"}})
        assert take(kotlin, phone).body["context"]["ip"] == "203.0.113.9"

    def test_servers_do_not(self) -> None:
        for library in ({"name": "analytics-python"}, None, "x"):
            context = take(track(context={"library": library}), self.SERVER).body["context"]
            assert "ip" not in context and "userAgent" not in context

    def test_a_server_that_says_direct_does(self) -> None:
        server = msgspec.structs.replace(self.SERVER, ip="203.0.113.9")
        assert take(track(context={"direct": True}), server).body["context"]["ip"] == "203.0.113.9"
        assert "ip" not in take(track(context={"direct": 1}), server).body["context"]

    def test_what_the_client_says_stays(self) -> None:
        own = {"ip": "2001:db8::1", "userAgent": None}
        assert take(track(context=own), self.ORIGIN).body["context"] == own


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["2026-01-01T00:00:00Z", "u1", str(NOW), "Ran"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)  # fmt: skip
names = st.sampled_from(
    [
        "type",
        "userId",
        "anonymousId",
        "groupId",
        "previousId",
        "event",
        "name",
        "messageId",
        "timestamp",
        "originalTimestamp",
        "sentAt",
        "receivedAt",
        "context",
        "integrations",
        "properties",
        "traits",
        "user_id",
        "message_id",
        "writeKey",
    ]
)
bodies = st.dictionaries(names, junk) | st.builds(
    lambda base, more: {"userId": "u", "event": "x", **base, "type": more},
    st.dictionaries(names, junk, max_size=4),
    st.sampled_from(TYPES),
)
origins = st.builds(
    Origin, source=st.just(1), received_at=st.just(NOW), ref=st.just("hw"), sent_at=junk,
    ip=st.sampled_from([None, "192.0.2.1"]), live=st.booleans(),
    user_agent=st.sampled_from([None, "Mozilla/5.0", "curl/8"]),
)  # fmt: skip


@given(bodies, origins, st.none() | st.sampled_from(TYPES))
@example({"type": "track", "event": "x", "userId": "u", "timestamp": "0001-01-01T00:00+14:00"},
         ORIGIN, None)  # fmt: skip
def test_no_message_raises_and_what_is_kept_is_json_and_stays_as_it_is(
    body: dict[str, Any], origin: Origin, kind: str | None
) -> None:
    found = normalise(json.dumps(body).encode(), origin, kind=kind)
    if isinstance(found, Rejected):
        assert found.code and found.detail
        return
    again = normalise(msgspec.json.encode(found.body), origin)
    assert isinstance(again, Message), again
    assert again.body == found.body
    assert (again.t, again.client_t, again.message_id, again.live) == (
        found.t, found.client_t if found.client_t is not None else found.t,
        found.message_id, found.live,
    )  # fmt: skip
