"""Several channels for one message: the first that reaches the person, then the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

#: Channels of one message at most.
MAX_LINKS = 6
#: When to look again at what is neither sent nor at its end (ms): nobody tells of all that
#: is decided by hand.
AGAIN_MS = 3_600_000

#: Reasons that hold for every channel: nothing follows.
_FINAL = frozenset({"deleted", "cancelled", "discarded", "merged", "outranked"})
#: What surely hasn't arrived; of what is held nobody knows.
_LOST = frozenset({"failed", "bounced", "undeliverable"})
_OPEN = frozenset({"drafted", "waiting", "paused", "sending", "held"})


class Link(NamedTuple):
    """A message by one channel; ``topic`` is its template's."""

    channel: str
    template: str
    topic: str | None = None


class Chain(NamedTuple):
    """``links`` in the order in which they are tried.

    ``unread_ms``: how long after one was sent, and neither opened nor clicked, the next
    goes, too; None: the next goes only for one that surely did not arrive. ``later``: they
    follow others, which were tried before.
    """

    links: tuple[Link, ...]
    unread_ms: int | None = None
    later: bool = False


class Chosen(NamedTuple):
    """The first link that reaches the person, and why those before it don't, by channel.

    Where none does ``link`` is None.
    """

    link: Link | None
    rest: tuple[Link, ...]
    passed: dict[str, str]


def choose(chain: Chain, why_not: Callable[[Link], str | None]) -> Chosen:
    """The first link for which ``why_not`` knows no reason against it."""
    passed: dict[str, str] = {}
    for index, link in enumerate(chain.links):
        why = why_not(link)
        if why is None:
            return Chosen(link, chain.links[index + 1 :], passed)
        passed[link.channel] = why
    return Chosen(None, (), passed)


class Fate(NamedTuple):
    """What follows a message: ``end``, ``next`` (why), or ``look`` again at ``at`` (ms)."""

    what: str
    at: int = 0
    why: str = ""


def fate(
    state: str, reason: str | None, sent_at: int | None, seen: bool, unread_ms: int | None, now: int
) -> Fate:
    """What follows a message that stands so at ``now``; ``seen``: by the person, or refused."""
    if state in _OPEN:
        return Fate("look", now + AGAIN_MS)
    if state in _LOST:
        code = (reason or "").partition(":")[0]
        return Fate("end") if code in _FINAL or seen else Fate("next", why=state)
    if state != "sent" or unread_ms is None or seen:
        return Fate("end")
    due = (sent_at or now) + unread_ms
    return Fate("next", why="unread") if due <= now else Fate("look", due)


def key_of(key: str, chain: Chain, link: Link) -> str:
    """The idempotency key of a link's message (law 6).

    The first goes by the key of its reason, whichever channel it is: asked again when the
    person can be reached otherwise, it is still one message.
    """
    return f"{key}>{link.channel}" if chain.later else key
