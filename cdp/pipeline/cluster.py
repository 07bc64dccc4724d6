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

    ``rows`` are the identifiers of ``drafts`` that the store knows. ``last`` is the newest
    first sighting in the components, None without any; ``earlier`` are known nodes that
    were seen earlier than known, or met again; ``around`` the identifiers of a cut that was
    made or undone, where there is no other reason. ``tokens`` are what `clusters_of` told
    it from others by.
    """

    __slots__ = (
        "around", "collection", "components", "drafts", "earlier", "last", "refold", "rows",
        "tokens",
    )  # fmt: skip

    def __init__(self, collection: int) -> None:
        self.collection = collection
        self.drafts: list[Draft] = []
        self.rows: list[graph.IdentifierRow] = []
        self.tokens: list[object] = []
        self.earlier: list[tuple[Draft, graph.NodeRow]] = []
        self.components: list[int] = []
        self.last: Stamp | None = None
        self.refold = False
        self.around: Collection[Identifier] = ()


def clusters_of(
    pending: list[Draft], earlier: list[tuple[Draft, graph.NodeRow]], known: Known
) -> list[Cluster]:
    """Group drafts that share an identifier or a component."""
    # By component, or by collection and identifier where the store does not know it.
    home: dict[object, Cluster] = {}

    def of(token: object, collection: int) -> Cluster:
        found = home.get(token)
        if found is None:
            found = home[token] = Cluster(collection)
            found.tokens.append(token)
        return found

    for draft in pending:
        rows: list[graph.IdentifierRow] = []
        mine: Cluster | None = None
        for identifier in draft.ids:
            token: object = (draft.collection, identifier)
            row = known.get((draft.collection, identifier))
            if row is not None:
                rows.append(row)
                token = row.component
            other = home.get(token)
            if mine is None:
                mine = of(token, draft.collection)
            elif other is None:
                home[token] = mine
                mine.tokens.append(token)
            elif other is not mine:
                mine = _united(mine, other, home)
        assert mine is not None, "a draft without identifiers"
        mine.drafts.append(draft)
        mine.rows.extend(rows)
    for draft, node in earlier:
        of(node.component, draft.collection).earlier.append((draft, node))
    found = list(dict.fromkeys(home.values()))
    for cluster in found:
        cluster.components = sorted(token for token in cluster.tokens if isinstance(token, int))
        if len(cluster.drafts) > 1:
            cluster.drafts.sort(key=lambda draft: (draft.first, draft.ids))
    return found


def _united(one: Cluster, other: Cluster, home: dict[object, Cluster]) -> Cluster:
    """Both as one: the larger, with what the smaller had."""
    large, small = (one, other) if len(one.tokens) >= len(other.tokens) else (other, one)
    for token in small.tokens:
        home[token] = large
    large.tokens += small.tokens
    large.drafts += small.drafts
    large.rows += small.rows
    return large
