"""From a delivery to the finished message, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from cdp.plugin import Content
from cdp.store.messages.deliveries import Delivery


class Prepared(NamedTuple):
    """A message that could go now.

    ``addresses`` are all that it goes to, ``recipient`` the first; ``names`` the person's
    identifiers, one of each type.
    """

    delivery: Delivery
    public: str
    recipient: str
    addresses: tuple[str, ...]
    content: Content
    version: int | None
    names: Mapping[str, str]
    #: What of the answer becomes a trait (`cdp.messaging.saving`).
    saves: Mapping[str, str] = MappingProxyType({})


class Problem(NamedTuple):
    """A delivery of which no message can be made: the state it comes into, and why.

    ``public`` and ``names`` as of `Prepared`, for the event that tells of it.
    """

    delivery: Delivery
    state: str
    reason: str
    public: str = ""
    names: Mapping[str, str] = MappingProxyType({})


class Composer(Protocol):
    """Makes messages of deliveries, many at a time."""

    def compose(self, found: Sequence[Delivery], now: int) -> list[Prepared | Problem]:
        """One answer for each, in order."""
