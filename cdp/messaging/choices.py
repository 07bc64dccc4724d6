"""What people choose to get: scopes, and the calls that tell of a choice.

A choice is an event in the log like any other, so that conditions see it: ``Subscription
Preferences Changed`` with ``scope`` and ``subscribed``. Unsubscribing from everything also
sets the trait ``unsubscribed``, as Customer.io does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cdp.conditions.subscribed import EVENT
from cdp.events import format_time
from cdp.messaging.standing import ALL

#: The channels that somebody can choose.
CHANNELS = ("email", "sms", "push", "in_app")


def topic_scope(key: str) -> str:
    """The scope of a topic."""
    return f"topic:{key}"


def channel_scope(name: str) -> str:
    """The scope of a channel."""
    return f"channel:{name}"


def scope_of(topic: str | None) -> str:
    """What the way out of a message is about: its topic if it has one, else everything."""
    return topic_scope(topic) if topic else ALL


def scope_of_words(channel: str, topic: str | None) -> str:
    """What an opt-out is about that a provider tells of: STOP in a text ends all texts."""
    return scope_of(topic) if channel == "email" else channel_scope(channel)


def read_scope(text: str, topics: Iterable[str]) -> str | None:
    """A scope as people write it (``topic:news``, ``channel:sms``, ``*``); None: there is none."""
    if text in (ALL, "everything"):
        return ALL
    kind, _, name = text.partition(":")
    known = {"topic": topics, "channel": CHANNELS}.get(kind, ())
    return text if name in known else None


def call_of(
    scope: str,
    wanted: bool,
    at: int,
    number: int,
    person: Mapping[str, str],
    cause: str,
    delivery: str = "",
) -> dict[str, Any] | None:
    """The track call that tells of a choice; ``number`` is its own; None: nobody is named."""
    who = who_of(person)
    if who is None:
        return None
    kind, _, name = scope.partition(":")
    properties = {
        "scope": scope,
        "subscribed": wanted,
        kind if name else "everything": name or True,
        "cause": cause,
        "delivery_id": delivery,
    }
    return {
        "type": "track",
        "event": EVENT,
        "messageId": f"choice-{number:012x}",
        "timestamp": format_time(at),
        "properties": {key: value for key, value in properties.items() if value != ""},
        **who,
    }


def traits_of(
    wanted: bool, at: int, number: int, person: Mapping[str, str]
) -> dict[str, Any] | None:
    """The identify call that goes with a choice about everything."""
    who = who_of(person)
    if who is None:
        return None
    return {
        "type": "identify",
        "messageId": f"choice-{number:012x}-t",
        "timestamp": format_time(at),
        "traits": {"unsubscribed": not wanted},
        **who,
    }


def one_of_each(ids: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """One identifier of each type: the first user_id, the newest of all others."""
    return {
        type_: values[0] if type_ == "user_id" else values[-1]
        for type_, values in ids.items()
        if values
    }


def customer_of(names: Mapping[str, str], public: str, traits: Mapping[str, Any]) -> dict[str, Any]:
    """``customer`` in Liquid: the traits, and ``id``, ``email`` and ``phone`` where known."""
    known = {
        "id": names.get("user_id") or public,
        "email": names.get("email"),
        "phone": names.get("phone"),
    }
    return {**{name: value for name, value in known.items() if value}, **traits}


def who_of(person: Mapping[str, str]) -> dict[str, Any] | None:
    """How a call names a person by identifiers of each type; None if there are none."""
    context: dict[str, Any] = {"library": {"name": "headwater"}}
    if "user_id" in person:
        return {"userId": person["user_id"], "context": context}
    if "anonymous_id" in person:
        return {"anonymousId": person["anonymous_id"], "context": context}
    if not person:
        return None
    type_ = "email" if "email" in person else min(person)
    context["externalIds"] = [
        {"id": person[type_], "type": type_, "collection": "users", "encoding": "none"}
    ]
    return {"context": context}
