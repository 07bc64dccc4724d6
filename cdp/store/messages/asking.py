"""Taking in what is to be sent: by the first of a request's channels that reaches the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from cdp.messaging.chain import AGAIN_MS, Chain, Chosen, Link, choose, key_of
from cdp.messaging.request import Request
from cdp.messaging.standing import NOBODY, Standing, forbids
from cdp.store.messages import addressees, deliveries, followups, preferences, topics
from cdp.store.messages.addressees import Addressee
from cdp.store.messages.deliveries import Added
from cdp.store.messages.followups import Followup

#: Channels that need no address of the person's.
ANYWHERE = frozenset({"webhook", "slack"})


def ask(tx: Connection, requests: Sequence[Request], now: int) -> list[Added]:
    """Take requests in, each key once; in the order given.

    Of one with a chain the first link that reaches the person is asked for; where none does
    the first, which will say why. What is asked for again is one message, whichever channel
    would be the first by now.
    """
    if all(item.chain is None for item in requests):
        return deliveries.add(tx, requests, now)
    found = iter(choices(tx, [item for item in requests if item.chain is not None]))
    made: list[Request] = []
    rest: list[Chain | None] = []
    for item in requests:
        left = None
        if item.chain is not None:
            item, left = _linked(item, item.chain, next(found))
        made.append(item)
        rest.append(left)
    added = deliveries.add(tx, made, now)
    followups.add(
        tx,
        [
            Followup(one.id, max(now, item.due_at) + AGAIN_MS, item.key, left)
            for one, item, left in zip(added, requests, rest, strict=True)
            if one.new and left is not None
        ],
    )
    return added


def choices(tx: Connection, requests: Sequence[Request]) -> list[Chosen]:
    """By which link each of ``requests``, which have chains, would go as things are."""
    nodes = [item.node for item in requests if item.node is not None]
    people = addressees.load(tx, nodes)
    standings = preferences.standings(tx, nodes)
    defaults = topics.defaults(tx)
    suppressed = _suppressed(tx, requests, people)

    def why_not(item: Request, link: Link) -> str | None:
        person = people.get(item.node) if item.node is not None else None
        to = item.recipient or (person.reached(link.channel) if person else None)
        if to is None and link.channel not in ANYWHERE:
            return "no_address"
        standing = _standing(standings, item.node)
        topic = item.topic or link.topic
        listed = suppressed.get(link.channel, {}).get(to or "")
        return forbids(standing, link.channel, topic, int(item.flags), defaults, listed)

    return [
        choose(item.chain, lambda link, item=item: why_not(item, link))  # type: ignore[misc]
        for item in requests
        if item.chain is not None
    ]


def _standing(standings: Mapping[int, Standing], node: int | None) -> Standing:
    return standings[node] if node is not None else NOBODY


def _suppressed(
    tx: Connection, requests: Sequence[Request], people: Mapping[int, Addressee]
) -> dict[str, dict[str, str]]:
    """Addresses of theirs that nothing is sent to, by channel, with why."""
    addresses: dict[str, set[str]] = {}
    for item in requests:
        person = people.get(item.node) if item.node is not None else None
        for link in item.chain.links if item.chain is not None and person is not None else ():
            to = person.reached(link.channel) if person is not None else None
            if to is not None:
                addresses.setdefault(link.channel, set()).add(to)
    return {
        channel: preferences.why_suppressed(tx, channel, found)
        for channel, found in addresses.items()
    }


def _linked(item: Request, chain: Chain, chosen: Chosen) -> tuple[Request, Chain | None]:
    """The request of one link, and what is left of the chain for when it comes to nothing."""
    link = chosen.link or chain.links[0]
    left = chosen.rest if chosen.link is not None else chain.links[1:]
    rest = tuple(one._replace(topic=item.topic or one.topic) for one in left)
    said = {"channels": [one.channel for one in chain.links]}
    passed = {"passed": chosen.passed} if chosen.passed else {}
    before = item.data.get("chain") or {}
    made = item._replace(
        key=key_of(item.key, chain, link),
        channel=link.channel,
        template=link.template,
        topic=item.topic or link.topic,
        data={**item.data, "chain": {**said, **before, **passed}},
        chain=None,
    )
    return made, Chain(rest, chain.unread_ms, later=True) if rest else None
