"""One person of whom everything is told, in every place: for tests of what is masked."""

from __future__ import annotations

from typing import Any

import msgspec

from cdp.store import Store, config_rows
from cdp.store.catalogue import fields
from cdp.store.destinations.outbox import add_items
from cdp.store.destinations.streams import Call, add_calls

#: Values that say something of a person, none of which is part of another word.
SECRET = (
    "user-77-zulu", "anon-88-yankee", "zoe@quagmire.example", "Zoe", "Quagmire", "+48601123456",
    "601123456", "Elm Street", "203.0.113.77", "crm-9-xray", "Rexolino", "acct-5-whiskey",
)  # fmt: skip
_CONTEXT = {
    "ip": "203.0.113.77",
    "traits": {"email": "zoe@quagmire.example"},
    "externalIds": [
        {"id": "crm-9-xray", "type": "crm_id", "collection": "users", "encoding": "none"}
    ],
    "page": {"url": "https://shop.example/?mail=zoe@quagmire.example"},
}
_TRAITS = {
    "name": "Zoe Quagmire",
    "email": "zoe@quagmire.example",
    "phone": "+48 601 123 456",
    "address": {"street": "Elm Street", "zip": "00-950"},
    "pet": "Rexolino",
    "plan": "pro",
}
_GUEST = {
    "full_name": "Zoe Quagmire",
    "by": "user-77-zulu",
    "note": "write to zoe@quagmire.example",
    "guests": [{"phone": "+48601123456"}],
    "pet": "Rexolino",
    "total": 42,
}
#: In the order in which they are sent.
MESSAGES: list[dict[str, Any]] = [
    {"type": "page", "anonymousId": "anon-88-yankee", "context": _CONTEXT, "name": "Home"},
    {
        "type": "identify",
        "userId": "user-77-zulu",
        "anonymousId": "anon-88-yankee",
        "traits": _TRAITS,
        "context": _CONTEXT,
    },
    {
        "type": "track",
        "event": "Signed Up",
        "userId": "user-77-zulu",
        "context": _CONTEXT,
        "properties": _GUEST,
    },
    {
        "type": "group",
        "userId": "user-77-zulu",
        "groupId": "acct-5-whiskey",
        "traits": {"name": "Acme Ltd", "email": "zoe@quagmire.example", "seats": 7},
    },
]
#: Of nobody, so that it is refused; and no JSON.
LOST: dict[str, Any] = {
    "type": "track",
    "event": "Lost",
    "properties": {**_TRAITS, "by": "user-77-zulu"},
}
BROKEN = b'{"event": "Zoe Quagmire", "userId": "user-77-zulu", '


def deliver(store: Store, now: int) -> None:
    """A destination that says of her what it can, with a call and an event it gave up; decisions
    of what is personal."""
    with store.write() as tx:
        fields.decide(tx, 0, {"traits.pet": True, "properties.pet": True}, "test")
        config_rows.add_destination(tx, 0, "hook", "Hook", "webhook", None, {}, "test")
        body = '{"who": "user-77-zulu", "m": {"n": ["Zoe Quagmire", 601123456]}}'
        exchange = {
            "request": {
                "line": "POST https://api.example/people/user-77-zulu?mail=zoe@quagmire.example",
                "headers": {"x-person": "user-77-zulu"},
                "body": body,
            },
            "response": {"line": "400 in 3 ms", "headers": {}, "body": "no Zoe Quagmire here"},
        }
        error = "the answer was 400: no person called Zoe Quagmire (user-77-zulu)"
        call = Call(
            1, now, 3.0, "rejected", 400, 1, 1, "d1-2", error, msgspec.json.encode(exchange)
        )
        add_calls(tx, [call])
        item = {"destination_id": 1, "key": "d1-2", "seq": 2, "payload": b"{}", "state": "dead"}
        add_items(tx, [{**item, "attempts": 1, "next_at": 0, "error": error}], now)
