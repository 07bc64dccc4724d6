"""What is said of an audience or a computed trait, in Segment's shapes.

A change is told once for each user id of a person, or where there is none for each
anonymous id (segment.com: Engage, ID sync); of an account as a ``group`` call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from cdp.audiences.book import AUDIENCE
from cdp.events import format_time

#: Identifiers of one person that are told at most.
MOST = 30
_CLASSES = {AUDIENCE: "audience", "computed_trait": "trait"}


class Computation(NamedTuple):
    """An audience or computed trait as it is told: ``of`` people or accounts, ``ways`` how."""

    kind: str
    key: str
    name: str
    of: str
    ways: tuple[str, ...]
    space: str

    @property
    def id(self) -> str:
        """Its ``computation_id``: the same for good."""
        text = f"{self.space}\0{self.kind}\0{self.key}"
        prefix = "aud_" if self.kind == AUDIENCE else "tra_"
        return prefix + blake2b(text.encode(), digest_size=12).hexdigest()


def messages(
    about: Computation,
    seq: int,
    at: int,
    value: Any,
    identifiers: Mapping[str, Sequence[str]],
    destination: str,
    consent: Mapping[str, bool] | None = None,
) -> list[dict[str, Any]]:
    """The messages of one change, in an order that more identifiers only add to.

    ``seq`` is the change's position, of which ``messageId`` is made; ``value`` whether
    somebody is in, or what the trait is worth. Who has no identifier to be told by is left out.
    """
    found: list[dict[str, Any]] = []
    for type_, field in (("user_id", "userId"), ("anonymous_id", "anonymousId")):
        if about.of == "accounts" or found:
            break
        for name in identifiers.get(type_, ())[:MOST]:
            found += [_said(about, way, value, {field: name}) for way in about.ways]
    if about.of == "accounts":
        names = identifiers.get("group_id", ())[:MOST]
        found = [_said(about, "group", value, {"groupId": name}) for name in names]
    email = next(reversed(identifiers.get("email", ())), None)
    for message in found:
        if email is not None and message["type"] == "identify":
            message["traits"]["email"] = email
        elif email is not None and message["type"] == "track":
            message["context"]["traits"] = {"email": email}
        if consent is not None:
            message["context"]["consent"] = {"categoryPreferences": dict(consent)}
        message["integrations"] = {"All": False, destination: True}
        whom = message.get("userId") or message.get("anonymousId") or message.get("groupId")
        mark = "\0".join((about.id, str(seq), message["type"], str(whom)))
        message["messageId"] = f"personas_{blake2b(mark.encode(), digest_size=16).hexdigest()}"
        for name in ("timestamp", "originalTimestamp", "sentAt", "receivedAt"):
            message[name] = format_time(at)
    return found


def _said(about: Computation, way: str, value: Any, whom: dict[str, str]) -> dict[str, Any]:
    personas = {
        "computation_class": _CLASSES[about.kind],
        "computation_id": about.id,
        "computation_key": about.key,
        "namespace": about.space,
        "space_id": about.space,
    }
    message: dict[str, Any] = {"type": way, **whom, "context": {"personas": personas}}
    if way != "track":
        return {**message, "traits": {about.key: value}}
    if about.kind == AUDIENCE:
        named = {"audience_key": about.key, "audience_name": about.name}
        event = "Audience Entered" if value else "Audience Exited"
    else:
        named, event = {"trait_key": about.key, "trait_name": about.name}, "Trait Computed"
    return {**message, "event": event, "properties": {**named, about.key: value}}
