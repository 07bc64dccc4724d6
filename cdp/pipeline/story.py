"""The story of a profile: what joined it, when, by which message and rule, as values to show.

Folded from the same facts and by the same code as the graph itself, so it can't say
anything else than what happened.
"""

from __future__ import annotations

import json
from collections.abc import Container
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from cdp.events import format_time
from cdp.identity import (
    NO_CUTS,
    Dropped,
    Group,
    Identifier,
    Rules,
    fold,
    identifier_hash,
    public_id,
)
from cdp.identity.explain import Branch, Step, branches
from cdp.pipeline.part import Change, fold_around
from cdp.store import config_rows
from cdp.store.events import history, timeline
from cdp.store.profiles import apart, graph, identity
from cdp.store.profiles.graph import NodeRow, ProfileRow
from cdp.store.profiles.identity import CutRow
from cdp.store.profiles.people import Profile

#: Of how many nodes the first message is looked up, to name its event.
MESSAGES = 200
#: Steps of one branch that are told, branches in branches, and messages of others.
STEPS, DEPTH, ELSEWHERE = 500, 40, 200


def word(identifier: Identifier) -> str:
    """An identifier as it is written: ``type:value``."""
    return ":".join(identifier)


def reason_text(reason: str, rules: Rules, cuts: dict[int, CutRow]) -> str:
    """In words, which rule kept an identifier apart (`cdp.identity.Dropped`)."""
    kind, _, detail = reason.partition(":")
    if kind == "limit":
        limit = rules.limit(detail)
        return f"a profile has at most {limit.count} {detail}{limit.within}"
    if kind == "identifiers":
        return f"a profile has at most {rules.max_ids} identifiers"
    if kind == "merges":
        return f"a profile takes in at most {rules.max_merges} others"
    if kind == "cut":
        row = cuts.get(int(detail))
        by = f" by {row.author} on {format_time(row.at)[:10]}" if row is not None else ""
        return f"they were parted{by} (cut {detail})"
    return "its value is blocked by the identity rules"


class _Teller:
    """What the steps of one component are told with."""

    def __init__(self, tx: Connection, profile: Profile | ProfileRow) -> None:
        self.collection = profile.collection
        self.rules = identity.load_rules(tx)
        self.cuts = {row.cut.number: row for row in identity.all_cuts(tx)}
        self.sources = {source.id: source.key for source in config_rows.all_sources(tx)}
        mine = graph.nodes_of_profiles(tx, [profile.id])
        self.mine = {row.id for row in mine}
        self.components = sorted({row.component for row in mine})
        holding = identity.load_cuts(tx).get(profile.collection, NO_CUTS)
        asked = Change(self.collection, self.components, asked=[profile.id])
        part = fold_around(tx, asked, self.rules, holding)
        self.whole = part is None
        if part is not None:
            rows, self.result = part.rows, part.result
        else:
            rows = graph.nodes_of_components(tx, self.components)
            self.result = fold(identity.facts_of(tx, rows, self.rules), self.rules, holding)
        self.nodes = {row.id: row for row in rows}
        self.anchors = {item: group.anchor for item, group in self.result.owner.items()}
        self.messages = self._messages(tx)

    def _messages(self, tx: Connection) -> dict[int, dict[str, Any]]:
        """The first message of each node that is told of: its call, name and place."""
        found: dict[int, dict[str, Any]] = {}
        told = sorted((self.nodes[id_] for id_ in self.mine), key=lambda row: row.first_t)
        for node in told[:MESSAGES]:
            t = node.first_t
            for row in timeline.rows_of_nodes(tx, [node.id], start=t, end=t, limit=1):
                type_, name = history.names_of(tx, [row.name]).get(row.name, ("", ""))
                found[node.id] = {"type": type_, "name": name, "seq": row.seq}
        return found

    def home(self, anchor: int) -> Group | None:
        """The profile as the rules have it; None if all of it is blocked.

        While a change of the rules is on its way through the store, who gives a profile
        its name there need not be in it any more.
        """
        for item, group in self.result.owner.items():
            if identifier_hash(self.collection, item) == anchor:
                return group
        return next(
            (group for id_, group in self.result.group_of.items() if id_ in self.mine), None
        )

    def branch(self, branch: Branch, depth: int = 0) -> dict[str, Any]:
        steps = branch.steps[:STEPS] if depth < DEPTH else []
        return {
            "id": public_id(self.collection, identifier_hash(self.collection, branch.anchor)),
            "founded_by": word(branch.anchor),
            "created_at": format_time(branch.created.t),
            "steps": [self.step(step, depth) for step in steps],
            "more": len(branch.steps) - len(steps),
        }

    def step(self, step: Step, depth: int) -> dict[str, Any]:
        return {
            "at": format_time(step.at.t),
            "t": step.at.t,
            "source": self.sources.get(step.at.source),
            "message_id": step.at.message_id,
            **self.messages.get(step.node, {"type": None, "name": None, "seq": None}),
            "identifiers": [word(item) for item in step.ids],
            "known_by": [word(item) for item in step.by],
            "added": [word(item) for item in step.added],
            "joined": [
                {
                    "by": [word(item) for item in join.by],
                    "profile": self.branch(join.branch, depth + 1),
                }
                for join in step.joined
            ],
            "kept_apart": [self.apart(item) for item in step.dropped],
        }

    def apart(self, item: Dropped) -> dict[str, Any]:
        anchor = self.anchors.get(item.identifier)
        return {
            "identifier": word(item.identifier),
            "reason": item.reason,
            "because": reason_text(item.reason, self.rules, self.cuts),
            "belongs_to": self.public(anchor) if anchor is not None else None,
        }

    def public(self, anchor: Identifier) -> str:
        """The id of the profile that an identifier names."""
        return public_id(self.collection, identifier_hash(self.collection, anchor))


def story(tx: Connection, profile: Profile | ProfileRow) -> dict[str, Any]:
    """Why a profile is what it is.

    ``profile`` is a tree: a branch has ``id founded_by created_at steps``, and in ``more``
    how many steps there are besides; a step says what one message did (``known_by added
    joined kept_apart``), and each of its ``joined`` has the branch of a profile that it
    took in. None if all of it is blocked by now. ``elsewhere`` are messages of others that
    named an identifier of this one, which a rule kept apart; ``cuts`` hold here.
    """
    teller = _Teller(tx, profile)
    mine = teller.home(profile.anchor)
    own: Container[Identifier] = mine.ids if mine is not None else ()
    elsewhere = [
        {
            "at": format_time(row.first_t),
            "t": row.first_t,
            "source": teller.sources.get(row.first_source),
            "message_id": row.first_message_id,
            "identifiers": [word(item) for item in identity.node_of(row).ids],
            "profile": home,
            "kept_apart": [teller.apart(item) for item in dropped],
        }
        for row, home, dropped in _elsewhere(tx, teller, profile.id, own)
    ]
    grown = branches(teller.result)
    return {
        "id": public_id(profile.collection, profile.anchor),
        "profile": teller.branch(grown[mine.anchor]) if mine is not None else None,
        "elsewhere": elsewhere,
        "cuts": [
            cut_shown(row)
            for row in teller.cuts.values()
            if row.undone_at is None
            and row.cut.collection == profile.collection
            and any(item in own for item in row.cut.left | row.cut.right)
        ],
    }


#: A node of another profile, that profile's id, and what was kept apart from it.
_Other = tuple[NodeRow, str, tuple[Dropped, ...]]


def _elsewhere(
    tx: Connection, teller: _Teller, profile: int, own: Container[Identifier]
) -> list[_Other]:
    if not teller.whole:
        return _elsewhere_stored(tx, teller, profile, own)
    named = (
        (teller.nodes[handle], teller.public(teller.result.group_of[handle].anchor), dropped)
        for handle, dropped in teller.result.dropped.items()
        if handle not in teller.mine and handle in teller.result.group_of
        if any(item.identifier in own for item in dropped)
    )
    return list(islice(named, ELSEWHERE))


def _elsewhere_stored(
    tx: Connection, teller: _Teller, profile: int, own: Container[Identifier]
) -> list[_Other]:
    """As the store has it, where what is not around the profile was not folded."""
    texts = apart.texts(tx, teller.components)
    hits = [text for text in texts if any(item.identifier in own for item in apart.read(text))]
    rows = apart.first_with(tx, teller.components, hits, profile, ELSEWHERE)
    said = {row.id: tuple(apart.read(row.dropped)) for row in rows}
    hashes = {
        identifier_hash(teller.collection, item.identifier)
        for dropped in said.values()
        for item in dropped
    }
    items = graph.identifiers_by_hash(tx, sorted(hashes))
    wanted = {row.profile for row in rows} | {row.profile for row in items if row.profile}
    named = {row.id: row.anchor for row in graph.profiles_by_id(tx, sorted(wanted))}
    anchors = {
        row.hash: (row.type, row.value)
        for row in graph.identifiers_by_hash(tx, sorted(set(named.values())))
        if row.collection == teller.collection
    }
    for item in items:
        if item.collection == teller.collection and item.profile:
            teller.anchors[item.type, item.value] = anchors[named[item.profile]]
    return [(row, public_id(teller.collection, named[row.profile]), said[row.id]) for row in rows]


def cut_shown(row: CutRow) -> dict[str, Any]:
    """A cut as lists show it."""
    return {
        "number": row.cut.number,
        "taken": [word(item) for item in sorted(row.cut.left)],
        "from": [word(item) for item in sorted(row.cut.right)],
        "author": row.author,
        "at": format_time(row.at),
        "note": row.note,
        "undone_at": format_time(row.undone_at) if row.undone_at is not None else None,
        "undone_by": row.undone_by,
    }


def kept_apart(tx: Connection, node: int) -> list[dict[str, Any]]:
    """What was kept apart of the identifiers of a message: ``identifier reason because``."""
    found = graph.nodes_by_id(tx, [node])
    if not found or not found[0].dropped:
        return []
    rules = identity.load_rules(tx)
    cuts = {row.cut.number: row for row in identity.all_cuts(tx)}
    return [
        {
            "identifier": f"{type_}:{value}",
            "reason": reason,
            "because": reason_text(reason, rules, cuts),
        }
        for type_, value, reason in json.loads(found[0].dropped)
    ]
