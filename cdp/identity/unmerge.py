"""Where to cut so that some identifiers are no longer one person's with another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cdp.identity.identifiers import Identifier
from cdp.identity.resolve import Node


class Sides(NamedTuple):
    """The two sides of a cut, and the nodes that linked them, first one first."""

    left: frozenset[Identifier]
    right: frozenset[Identifier]
    links: tuple[int, ...]


def sides(nodes: Sequence[Node], take: Iterable[Identifier], keep: Identifier) -> Sides:
    """Part a profile into what goes with ``take`` and what stays with ``keep``.

    ``nodes`` are the profile's, each with the identifiers that were kept of it, in the
    order of their stamps. The link is the node by which the two came together, and
    whatever would bring them together again; without the links each side is what its
    own messages connect.
    """
    taken = list(dict.fromkeys(take))
    link = _first_link(nodes, taken, keep)
    joined = Joined()
    for identifier in taken[1:]:
        joined.unite(taken[0], identifier)
    links: list[int] = []
    for index, node in enumerate(nodes):
        if index == link or joined.would_meet(node.ids, taken[0], keep):
            links.append(node.handle)
            continue
        for identifier in node.ids[1:]:
            joined.unite(node.ids[0], identifier)
    return Sides(frozenset(joined.members(taken[0])), frozenset(joined.members(keep)), tuple(links))


def _first_link(nodes: Sequence[Node], taken: list[Identifier], keep: Identifier) -> int | None:
    joined = Joined()
    for index, node in enumerate(nodes):
        for identifier in node.ids[1:]:
            joined.unite(node.ids[0], identifier)
        if any(joined.root(identifier) == joined.root(keep) for identifier in taken):
            return index
    return None


class Joined:
    """Which identifiers hang together (a union-find)."""

    def __init__(self) -> None:
        self._up: dict[Identifier, Identifier] = {}

    def root(self, identifier: Identifier) -> Identifier:
        while (up := self._up.setdefault(identifier, identifier)) != identifier:
            self._up[identifier] = self._up[up]
            identifier = up
        return identifier

    def unite(self, one: Identifier, other: Identifier) -> None:
        self._up[self.root(other)] = self.root(one)

    def would_meet(self, ids: Iterable[Identifier], one: Identifier, other: Identifier) -> bool:
        roots = {self.root(identifier) for identifier in ids}
        return {self.root(one), self.root(other)} <= roots

    def members(self, identifier: Identifier) -> list[Identifier]:
        home = self.root(identifier)
        return [item for item in list(self._up) if self.root(item) == home]
