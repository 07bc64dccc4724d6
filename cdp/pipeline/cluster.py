"""The parts of the graph that a micro-batch touches."""

from __future__ import annotations

from collections.abc import Collection

from cdp.events import Stamp
from cdp.identity import Identifier
from cdp.pipeline.drafts import Draft
from cdp.store.profiles import graph

#: Identifiers that the store knows, by collection and identifier.
Known = dict[tuple[int, Identifier], graph.IdentifierRow]


class Cluster:
    """New nodes and the components that they connect.

    ``last`` is the newest first sighting in the components, None without any;
    ``earlier`` are known nodes that were seen earlier than known, or met again; ``around``
    the identifiers of a cut that was made or undone, where there is no other reason.
    """

    def __init__(self, collection: int) -> None:
        self.collection = collection
        self.drafts: list[Draft] = []
        self.earlier: list[tuple[Draft, graph.NodeRow]] = []
        self.components: list[int] = []
        self.last: Stamp | None = None
        self.refold = False
        self.around: Collection[Identifier] = ()


def clusters_of(
    pending: list[Draft], earlier: list[tuple[Draft, graph.NodeRow]], known: Known
) -> list[Cluster]:
    """Group drafts that share an identifier or a component."""
    parent: dict[object, object] = {}

    def root(token: object) -> object:
        while (up := parent.setdefault(token, token)) != token:
            parent[token] = parent.setdefault(up, up)
            token = up
        return token

    def tokens(draft: Draft) -> list[object]:
        found: list[object] = []
        for identifier in draft.ids:
            token = (draft.collection, identifier)
            row = known.get(token)
            found.append(row.component if row is not None else token)
        return found

    for draft in pending:
        first, *rest = tokens(draft)
        for token in rest:
            parent[root(token)] = root(first)
    by_root: dict[object, Cluster] = {}

    def cluster(token: object, collection: int) -> Cluster:
        return by_root.setdefault(root(token), Cluster(collection))

    for draft in pending:
        mine = tokens(draft)
        home = cluster(mine[0], draft.collection)
        home.drafts.append(draft)
        home.components.extend(t for t in mine if isinstance(t, int))
    for draft, row in earlier:
        home = cluster(row.component, draft.collection)
        home.earlier.append((draft, row))
        home.components.append(row.component)
    for home in by_root.values():
        home.components = sorted(set(home.components))
        home.drafts.sort(key=lambda draft: (draft.first, draft.ids))
    return list(by_root.values())
