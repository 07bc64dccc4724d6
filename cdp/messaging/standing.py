"""Whether a message may go to a person: the last check before it is handed over (law 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cdp.messaging.request import Flag

#: Goes to people who have unsubscribed from everything, too: it is seen only by who comes
#: to look, or it is no message to the person at all.
_STILL = frozenset({"in_app", "slack", "webhook"})

#: Everything that a person may have an opinion of.
ALL = "*"


class Wish(NamedTuple):
    """What a person said last of one scope, in ms since 1970."""

    wanted: bool
    at: int


class Standing(NamedTuple):
    """How a person stands to our messages at one instant.

    ``wishes`` by scope (``*``, ``topic:KEY``, ``channel:NAME``). ``gone``: deleted or
    suppressed. ``opted_out_at``: since when the trait ``unsubscribed`` says so, in ms.
    ``noted``: what the trait ``cio_subscription_preferences`` says, by scope. ``zone``: the
    trait ``timezone``. ``person`` is the same for all nodes of one.
    """

    wishes: Mapping[str, Wish] = {}
    gone: bool = False
    opted_out_at: int | None = None
    noted: Mapping[str, bool] = {}
    zone: str | None = None
    person: int = 0

    @property
    def out(self) -> bool:
        """Whether the person wants nothing at all.

        An app's trait that says no to it takes back no opt-out: many apps send all that
        they know of a person again and again, and know nothing of our pages.
        """
        said = self.wishes.get(ALL)
        if said is not None and not said.wanted:
            return True
        return self.opted_out_at is not None and (said is None or self.opted_out_at > said.at)

    def says(self, scope: str) -> bool | None:
        """What the person said of a topic or channel; None: nothing."""
        wish = self.wishes.get(scope)
        return wish.wanted if wish is not None else self.noted.get(scope)


#: Somebody of whom nothing is known.
NOBODY = Standing()


def opted_out(traits: Mapping[str, Any]) -> bool:
    """Whether the trait ``unsubscribed`` says yes (customer.io: reserved attributes)."""
    value = traits.get("unsubscribed")
    return value is True or value == 1 or (isinstance(value, str) and value.lower() in _YES)


_YES = frozenset({"true", "1"})


def noted(traits: Mapping[str, Any]) -> dict[str, bool]:
    """What ``cio_subscription_preferences`` says, by scope (customer.io: reserved attributes).

    A topic goes by its key, or by ``topic_`` and its key.
    """
    found: dict[str, bool] = {}
    given = traits.get("cio_subscription_preferences")
    for group, kind in (("topics", "topic"), ("channels", "channel")):
        entries = given.get(group) if isinstance(given, dict) else None
        for name, value in entries.items() if isinstance(entries, dict) else ():
            if isinstance(value, bool):
                found[f"{kind}:{name}"] = value
                if kind == "topic" and name.startswith("topic_"):
                    found.setdefault(f"topic:{name.removeprefix('topic_')}", value)
    return found


def wants(standing: Standing, channel: str, topic: str | None, topics: Mapping[str, bool]) -> bool:
    """Whether the person wants messages of a channel about a topic; ``topics``: the defaults."""
    return why_not(standing, channel, topic, topics) is None


def why_not(
    standing: Standing, channel: str, topic: str | None, topics: Mapping[str, bool]
) -> str | None:
    """Which of the person's wishes keeps a message from them; None if none does.

    Unsubscribed from everything: only what is not sent *to* them goes. Else the topic and
    the channel must both be on; where nothing was said the topic's default holds
    (customer.io: subscription gate).
    """
    if standing.out and channel not in _STILL:
        return "unsubscribed"
    if standing.says(f"channel:{channel}") is False:
        return f"unsubscribed_channel: {channel}"
    if topic is not None:
        said = standing.says(f"topic:{topic}")
        if not (said if said is not None else topics.get(topic, True)):
            return f"unsubscribed_topic: {topic}"
    return None


def forbids(
    standing: Standing,
    channel: str,
    topic: str | None,
    flags: int,
    topics: Mapping[str, bool],
    suppressed: str | None,
) -> str | None:
    """Why a message must not be handed over, as ``code`` or ``code: detail``; None: it may.

    ``suppressed`` is the reason for which its address is on the list.
    """
    if standing.gone:
        return "deleted"
    if suppressed is not None:
        return f"suppressed: {suppressed}"
    if flags & Flag.TO_UNSUBSCRIBED:
        return None
    return why_not(standing, channel, topic, topics)
