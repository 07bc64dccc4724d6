"""The subscriptions of a person, as staff and apps see and change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.delivery.messages.choices import choose
from cdp.events import format_time
from cdp.messaging.choices import CHANNELS, read_scope, topic_scope
from cdp.messaging.names import delivery_name, signed_text, text_in
from cdp.messaging.request import TRANSACTIONAL, Flag, Request
from cdp.messaging.standing import ALL, Standing
from cdp.messaging.topics import Choice, Topic, choices
from cdp.store import definitions
from cdp.store.messages import addressees, deliveries, link_keys, preferences
from cdp.store.messages.preferences import Said
from cdp.store.messages.topics import all_topics

_PURPOSE = "confirm"
#: How long a link that confirms holds, and within which time one such message is enough.
CONFIRM_WITHIN_MS, ONE_WITHIN_MS = 30 * 86_400_000, 3_600_000


class NotChosen(ValueError):
    """A choice that can't be taken, with why."""


class Changed(NamedTuple):
    """Scopes that are otherwise now, and topics of which the person is asked first."""

    scopes: list[str]
    awaiting: list[str]


def shown(tx: Connection, profile: int) -> dict[str, Any]:
    """How a person stands to topics and channels, with where it came from."""
    node = addressees.node_of(tx, profile)
    stands = preferences.standings(tx, [node])[node] if node is not None else Standing()
    said = {item.scope: item for item in preferences.of_profile(tx, profile)}
    keys = link_keys.load(tx)
    topics = all_topics(tx)
    of_topics, of_channels = choices(stands, topics.values(), CHANNELS)
    gone = [scope for scope in said if scope.startswith("topic:") and scope[6:] not in topics]
    of_topics += [Choice(scope, scope[6:], "", said[scope].wanted, True) for scope in gone]
    return {
        "unsubscribed": stands.out,
        **_cause(said.get(ALL), keys),
        "topics": [_row(item, said, keys) for item in of_topics],
        "channels": [_row(item, said, keys) for item in of_channels],
    }


def _row(item: Choice, said: Mapping[str, Said], keys: tuple[str, ...]) -> dict[str, Any]:
    return {
        "key": item.scope.partition(":")[2],
        "name": item.name,
        "subscribed": item.wanted,
        "said": item.said,
        **_cause(said.get(item.scope), keys),
    }


def _cause(said: Said | None, keys: tuple[str, ...]) -> dict[str, Any]:
    return {
        "at": format_time(said.at) if said else None,
        "cause": said.cause if said else None,
        "message": delivery_name(keys, said.delivery) if said and said.delivery else None,
    }


def change(
    tx: Connection,
    profile: int,
    wishes: Mapping[str, bool],
    now: int,
    cause: str,
    base: str,
    confirmed: bool = False,
) -> Changed:
    """Take what somebody says for a person; scopes as `read_scope` reads them. `NotChosen`.

    Whoever subscribes to a topic with double opt-in is asked first by a message whose link
    begins with ``base``; with ``confirmed`` it is known that they want it.
    """
    preferences.change_turn(tx)
    node = addressees.node_of(tx, profile)
    if node is None:
        raise NotChosen("the profile has no history to keep it with")
    topics = all_topics(tx)
    known: dict[str, bool] = {}
    for text, wanted in wishes.items():
        scope = read_scope(text, topics)
        if scope is None:
            raise NotChosen(f"there is no {text.replace(':', ' ', 1)}")
        known[scope] = wanted
    standing = preferences.standings(tx, [node])[node]
    awaiting = []
    for topic in topics.values():
        scope = topic_scope(topic.key)
        if known.get(scope) and topic.confirmation and not confirmed and not standing.says(scope):
            del known[scope]
            _ask(tx, node, topic, now, base)
            awaiting.append(topic.key)
    return Changed(list(choose(tx, node, known, now, cause)), awaiting)


def _ask(tx: Connection, node: int, topic: Topic, now: int, base: str) -> None:
    """Send the message whose link confirms; one an hour, however often it is asked for."""
    template = definitions.current(tx, "template", topic.confirmation or "")
    if template is None:
        raise NotChosen(f"the template {topic.confirmation} of the topic {topic.key} is gone")
    signed = signed_text(link_keys.ensure(tx), _PURPOSE, f"{node} {now} {topic.key}")
    request = Request(
        key=f"confirm:{node}:{topic.key}:{now // ONE_WITHIN_MS}",
        channel=str((template.body or {}).get("channel", "email")),
        node=node,
        origin="transactional",
        origin_key=template.key,
        template=template.key,
        # It is what the person has asked for just now.
        flags=Flag.UNLIMITED | Flag.TO_UNSUBSCRIBED | Flag.UNTRACKED,
        priority=TRANSACTIONAL,
        data={"trigger": {"confirm_url": f"{base}/confirm/{signed}", "topic": topic.name}},
    )
    deliveries.add(tx, [request], now)


class Confirmation(NamedTuple):
    """What a link confirms: that a person wants a topic."""

    node: int
    topic: Topic


def confirmation(tx: Connection, signed: str, now: int) -> Confirmation | None:
    """What is to be confirmed by a link; None if it is none of ours, or too old."""
    text = text_in(link_keys.load(tx), _PURPOSE, signed)
    if text is None:
        return None
    node, at, key = text.split(" ", 2)
    topic = all_topics(tx).get(key)
    if topic is None or now - int(at) > CONFIRM_WITHIN_MS:
        return None
    if preferences.standings(tx, [int(node)])[int(node)].gone:
        return None
    return Confirmation(int(node), topic)


def confirm(tx: Connection, found: Confirmation, now: int) -> None:
    """The person has followed the link: they want it, even if they wanted nothing before."""
    wishes = {topic_scope(found.topic.key): True}
    if preferences.standings(tx, [found.node])[found.node].out:
        wishes[ALL] = True
    choose(tx, found.node, wishes, now, "page")
