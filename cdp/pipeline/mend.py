"""The graph around nodes that have lost messages, made from what remains.

A node without messages goes. Of any other the first stamp, the days on which it was
met, its memberships and its traits are worked out from its messages; then all that
it was connected with is folded anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.events import Stamp, decode_json
from cdp.identity import Cuts, Identifier, Rules
from cdp.identity.objects import DELETED, deed, traits_said
from cdp.identity.rules import DAY_MS
from cdp.identity.unmerge import Joined
from cdp.pipeline.drafts import Draft
from cdp.pipeline.identify import fold_components
from cdp.pipeline.placing import Outcome
from cdp.pipeline.relationships import Relationships
from cdp.pipeline.traits import update_traits
from cdp.profiles.consent import Consent, latest, said
from cdp.store.bulk import chunks
from cdp.store.events import history, timeline
from cdp.store.events.history import HistoryRow
from cdp.store.meta import take_numbers
from cdp.store.privacy import removal, retention
from cdp.store.profiles import graph, identity, objects
from cdp.store.profiles.graph import NodeRow
from cdp.store.profiles.trait_rules import load_trait_rules
from cdp.store.tables import SECONDARY, USERS

_decode_ids = msgspec.json.Decoder(list[tuple[str, str]]).decode
#: Messages at one time that are looked into for the first among them.
_TIES = 10_000


class Mended(NamedTuple):
    """What became of profiles: as placing says, whose traits changed, and who is gone."""

    outcome: Outcome
    changed: set[int]
    gone: list[int]


def mend(
    tx: Connection,
    ids: list[int],
    rules: Rules,
    cuts: dict[int, Cuts],
    now: int,
    whole: Collection[int] = (),
) -> Mended:
    """Make the graph around the nodes ``ids`` what their remaining messages say.

    What is older than retention keeps events stays as it is, since nobody knows any more
    what it stood on; but for the nodes in ``whole``, of which all was taken away.
    """
    horizon = retention.horizon(tx)
    rows = graph.nodes_by_id(tx, ids)
    times = removal.first_times(tx, [row.id for row in rows])
    kept = {row.id for row in rows if row.first_t < horizon and row.id not in whole}
    gone = [row for row in rows if row.id not in times and row.id not in kept]
    left = [row for row in rows if row.id in times or row.id in kept]
    removal.delete_nodes(tx, [row.id for row in gone])
    known = [row for row in left if row.id not in kept]
    _restamp(tx, known, times)
    _relate(tx, known)
    _say_consent_anew(tx, [row.id for row in known if row.collection == USERS])
    lost = _drop_empty_profiles(tx, {row.profile for row in gone if row.profile})
    components = sorted({row.component for row in rows})
    _forget_unnamed(tx, components)
    outcome = fold_components(tx, components, rules, cuts, now)
    # Not before: two parts would both go on with the profile that they shared.
    _part_components(tx, components)
    drafts = _said(tx, [row.id for row in left])
    outcome.refolded |= {draft.profile for draft in drafts if draft.profile}
    outcome.refolded |= removal.with_nodes(tx, sorted({row.profile for row in rows}))
    outcome.refolded.discard(0)
    changed = set(update_traits(tx, drafts, outcome, now))
    return Mended(outcome, changed, lost)


def _relate(tx: Connection, rows: list[NodeRow]) -> None:
    """Work out what is said of some nodes' people and objects together."""
    names = removal.object_names(tx)
    words = history.names_of(tx, names)
    users = [row.id for row in rows if row.collection == USERS]
    things = [row.id for row in rows if row.collection != USERS]
    objects.forget_edges(tx, users, things)
    found = Relationships()

    def note(pairs: list[tuple[int, HistoryRow]]) -> None:
        for some in chunks(pairs):
            bodies = history.bodies_of(tx, [row for _, row in some])
            for person, row in some:
                what = deed(*words[row.name])
                assert what is not None, "only such names were asked for"
                body = decode_json(bodies[row.seq].raw)
                found.add(what, person, row.node, body, Stamp(row.t, row.source, body["messageId"]))

    said = [HistoryRow(*row) for row in removal.rows_named(tx, users, sorted(names))]
    whose = {row.seq: row.node for row in said if not row.flags & SECONDARY}
    note([(whose[row.body_seq or 0], row) for row in removal.objects_rows(tx, said, names)])
    # What nobody said: deletions, and group calls without a person.
    own = [HistoryRow(*row) for row in removal.rows_named(tx, things, sorted(names))]
    persons = removal.nodes_at(tx, [row.body_seq or 0 for row in own])
    alone = [
        row
        for row in own
        if deed(*words[row.name]) == DELETED or persons.get(row.body_seq or 0) == objects.NOBODY
    ]
    note([(objects.NOBODY, row) for row in alone])
    found.put(tx, load_trait_rules(tx))


def _restamp(tx: Connection, rows: list[NodeRow], times: dict[int, int]) -> None:
    stamped: list[NodeRow] = []
    for row in rows:
        first = _first_between(tx, row.id, times[row.id], times[row.id])
        assert first is not None, f"node {row.id} has lost a row meanwhile"
        stamped.append(
            row._replace(
                first_t=first.t, first_source=first.source, first_message_id=first.message_id
            )
        )
    graph.update_nodes(tx, stamped)
    met = identity.sightings_of(tx, [row.id for row in rows])
    removal.delete_sightings(tx, [(node, day) for node, day, _ in met])
    again = [
        (node, day, stamp)
        for node, day, _ in met
        if (stamp := _first_between(tx, node, day * DAY_MS, (day + 1) * DAY_MS - 1)) is not None
    ]
    identity.add_sightings(tx, again)


def _say_consent_anew(tx: Connection, ids: list[int]) -> None:
    """The latest that is left, where the message that said it last is gone."""
    rows: list[tuple[int, str | None]] = []
    for node, text in graph.node_consents(tx, ids).items():
        stamp = Consent.decode(text).stamp
        tied = timeline.rows_of_nodes(tx, [node], start=stamp.t, end=stamp.t, limit=_TIES)
        if stamp not in _stamps(tx, tied):
            found = _last_consent(tx, node)
            rows.append((node, found.encode() if found is not None else None))
    graph.put_node_consents(tx, rows)


def _last_consent(tx: Connection, node: int) -> Consent | None:
    found: Consent | None = None
    before: tuple[int, int] | None = None
    while True:
        rows = timeline.rows_of_nodes(tx, [node], before=before, limit=500)
        if not rows or (found is not None and rows[0].t < found.stamp.t):
            return found
        bodies = history.bodies_of(tx, rows)
        for row in rows:
            body = decode_json(bodies[row.seq].raw)
            preferences = said(body)
            if preferences is not None:
                stamp = Stamp(row.t, row.source, body["messageId"])
                found = latest((found, Consent(stamp, preferences)))
        before = (rows[-1].t, rows[-1].seq)


def _first_between(tx: Connection, node: int, start: int, end: int) -> Stamp | None:
    """The stamp of a node's first message between two times, both included."""
    head = timeline.rows_of_nodes(tx, [node], ascending=True, start=start, end=end, limit=1)
    if not head:
        return None
    t = head[0].t
    tied = timeline.rows_of_nodes(tx, [node], ascending=True, start=t, end=t, limit=_TIES)
    return min(_stamps(tx, tied))


def _stamps(tx: Connection, rows: list[HistoryRow]) -> Iterable[Stamp]:
    bodies = history.bodies_of(tx, rows)
    for row in rows:
        yield Stamp(row.t, row.source, decode_json(bodies[row.seq].raw)["messageId"])


def _drop_empty_profiles(tx: Connection, profiles: set[int]) -> list[int]:
    lost = sorted(profiles - removal.with_nodes(tx, sorted(profiles)))
    graph.drop_profiles(tx, lost)
    return lost


def _forget_unnamed(tx: Connection, ids: list[int]) -> None:
    """Delete the identifiers of components that none of their nodes names any more."""
    nodes = graph.nodes_of_components(tx, ids)
    known = {(row.collection, *item) for row in nodes for item in _decode_ids(row.ids)}
    items = graph.identifiers_of_components(tx, ids)
    unnamed = [i.id for i in items if (i.collection, i.type, i.value) not in known]
    removal.delete_identifiers(tx, unnamed)
    removal.delete_components(tx, sorted(set(ids) - {row.component for row in nodes}))


def _part_components(tx: Connection, ids: list[int]) -> None:
    """Make components of their own of what nothing connects any more."""
    nodes: dict[int, list[NodeRow]] = {}
    for row in graph.nodes_of_components(tx, ids):
        nodes.setdefault(row.component, []).append(row)
    named: dict[int, list[graph.IdentifierRow]] = {}
    for item in graph.identifiers_of_components(tx, ids):
        named.setdefault(item.component, []).append(item)
    for id_, members in nodes.items():
        for index, (rows, own) in enumerate(_connected(members)):
            newest = max(Stamp(r.first_t, r.first_source, r.first_message_id) for r in rows)
            if index == 0:
                graph.update_components(tx, [graph.ComponentRow(id_, *newest)])
                continue
            number = take_numbers(tx, "component", 1)
            graph.insert_components(tx, [graph.ComponentRow(number, *newest)])
            graph.update_nodes(tx, [row._replace(component=number) for row in rows])
            mine = [item for item in named[id_] if (item.type, item.value) in own]
            graph.update_identifiers(tx, [item._replace(component=number) for item in mine])


def _connected(rows: list[NodeRow]) -> list[tuple[list[NodeRow], set[Identifier]]]:
    """Nodes in parts that share no identifier, with the identifiers of each."""
    joined = Joined()
    named = [(row, _decode_ids(row.ids)) for row in sorted(rows, key=lambda row: row.id)]
    for _, ids in named:
        for identifier in ids:
            joined.unite(ids[0], identifier)
    parts: dict[Identifier, tuple[list[NodeRow], set[Identifier]]] = {}
    for row, ids in named:
        mine, own = parts.setdefault(joined.root(ids[0]), ([], set()))
        mine.append(row)
        own.update(ids)
    return list(parts.values())


def _said(tx: Connection, ids: list[int]) -> list[Draft]:
    """The nodes ``ids``, without traits, and what their messages say of these."""
    removal.clear_node_traits(tx, ids)
    drafts: list[Draft] = []
    for row in graph.nodes_by_id(tx, ids):
        stamp = Stamp(row.first_t, row.first_source, row.first_message_id)
        draft = Draft(row.collection, tuple(_decode_ids(row.ids)), stamp)
        draft.id, draft.profile = row.id, row.profile
        speaks = "identify" if row.collection == USERS else "group"
        numbers = history.names_of_type(tx, speaks)
        said = [HistoryRow(*found) for found in removal.rows_named(tx, [row.id], numbers)]
        for some in chunks(said):
            bodies = history.bodies_of(tx, list(some))
            for one in some:
                body = decode_json(bodies[one.seq].raw)
                traits = traits_said(speaks, body)
                if traits:
                    draft.traits.append((traits, Stamp(one.t, one.source, body["messageId"])))
        drafts.append(draft)
    return drafts
