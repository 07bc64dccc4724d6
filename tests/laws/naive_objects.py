"""Who is related to which object, the slow and obvious way; shares no code with `cdp`.

It takes the messages that `tests.laws.objects.object_messages` makes.
"""

from __future__ import annotations

from typing import Any

from tests.laws.naive import Ident, Model

Stamp = tuple[int, str]
Thing = tuple[str, str]
ATTRIBUTES = "relationshipAttributes"


def type_of(message: dict[str, Any]) -> str:
    if message["type"] == "group":
        places = [message, message["traits"], message["context"]]
    else:
        places = [message["properties"]]
    found = [str(place["objectTypeId"]) for place in places if "objectTypeId" in place]
    return found[0] if found else "1"


def thing_of(message: dict[str, Any]) -> Thing | None:
    if message["type"] == "group":
        return type_of(message), message["groupId"]
    if message.get("event") in ("Relationship Deleted", "Object Deleted"):
        return type_of(message), message["properties"]["objectId"]
    return None


def objects(messages: list[dict[str, Any]]) -> dict[Thing, dict[str, Any]]:
    """Traits of each object that is there."""
    named: dict[Thing, int] = {}
    deleted: dict[Thing, int] = {}
    traits: dict[Thing, dict[str, Any]] = {}
    for message in sorted(messages, key=lambda m: (m["timestamp"], m["messageId"])):
        thing = thing_of(message)
        if thing is None:
            continue
        if message["type"] == "group":
            named[thing] = message["timestamp"]
            said = {
                k: v for k, v in message["traits"].items() if k not in (ATTRIBUTES, "objectTypeId")
            }
            traits.setdefault(thing, {}).update(said)
        elif message["event"] == "Object Deleted":
            deleted[thing] = message["timestamp"]
    return {
        thing: {k: v for k, v in traits[thing].items() if v is not None}
        for thing, t in named.items()
        if t > deleted.get(thing, -1)
    }


def relationships(
    model: Model, messages: list[dict[str, Any]]
) -> dict[tuple[frozenset[Ident], Thing], dict[str, Any]]:
    """Attributes of each relationship that is there, by the person and the object."""
    owner = {ident: ids for ids in model.people(messages) for ident in ids}
    joined: dict[Any, int] = {}
    ended: dict[Any, int] = {}
    deleted: dict[Thing, int] = {}
    said: dict[Any, dict[str, tuple[int, Any]]] = {}
    for message in sorted(messages, key=lambda m: (m["timestamp"], m["messageId"])):
        thing, t = thing_of(message), message["timestamp"]
        person = next((owner[i] for i in model.identifiers(message) if i in owner), None)
        if thing is None:
            continue
        if message.get("event") == "Object Deleted":
            deleted[thing] = t
        elif person is None:
            continue
        elif message.get("event") == "Relationship Deleted":
            ended[person, thing] = t
        else:
            joined[person, thing] = t
            values = message.get(ATTRIBUTES) or message["traits"].get(ATTRIBUTES) or {}
            known = said.setdefault((person, thing), {})
            for name, value in values.items():
                known[name] = (t, value)
    found = {}
    for edge, t in joined.items():
        end = max(ended.get(edge, -1), deleted.get(edge[1], -1))
        if t > end:
            kept = said.get(edge, {}).items()
            found[edge] = {k: v for k, (at, v) in kept if at > end and v is not None}
    return found


def accounts(
    model: Model, messages: list[dict[str, Any]]
) -> dict[frozenset[Ident], list[dict[str, Any]]]:
    """Of each person the traits of the account that a group call named last, of all that were
    named at that time."""
    there, traits = relationships(model, messages), objects(messages)
    owner = {ident: ids for ids in model.people(messages) for ident in ids}
    last: dict[Any, dict[Thing, int]] = {}
    for message in messages:
        thing = thing_of(message)
        if message["type"] == "group" and thing is not None and thing[0] == "1":
            for person in {owner[i] for i in model.identifiers(message) if i in owner}:
                if (person, thing) in there:
                    known = last.setdefault(person, {})
                    known[thing] = max(message["timestamp"], known.get(thing, -1))
    return {
        person: [traits[thing] for thing, t in times.items() if t == max(times.values())]
        for person, times in last.items()
    }
