"""A store fed through the real pipeline, and what it holds as plain values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from cdp.log.record import Record, Taken
from cdp.pipeline import sweep
from cdp.pipeline.run import Pipeline
from cdp.profiles.traits import TraitMap
from cdp.store.profiles import identity
from cdp.store.tables import ACCOUNTS, USERS, identifiers, memberships, nodes, profiles, rejected
from tests.laws import spaces

BASE = 1_790_000_000_000


class World:
    """An empty store; ``take`` pushes micro-batches through the pipeline."""

    def __init__(
        self,
        database_url: str | None = None,
        rules: dict[str, Any] | None = None,
        cuts: Iterable[tuple[set[tuple[str, str]], set[tuple[str, str]]]] = (),
        folder: Path | None = None,
    ) -> None:
        space = self._space = spaces.lend(database_url, folder)
        self.settings, self.store, self._open = space.settings, space.store, True
        self.log: list[Record] = []
        self.now = BASE
        self.pipeline = Pipeline(self.store, self, self.settings, clock=lambda: self.now / 1000)

        if rules is not None:
            self.change_rules(rules)
            self.sweep()  # while it is under way, all that joins is folded whole
        with self.store.write() as tx:
            for left, right in cuts:
                identity.add_cut(tx, BASE, USERS, frozenset(left), frozenset(right), "test", None)

    def change_rules(self, rules: dict[str, Any]) -> None:
        """Make other identity rules hold."""
        sweep.change_rules(self.store, rules, "test", BASE)

    def sweep(self) -> None:
        """Fold the past anew under the rules that hold now."""
        while sweep.step(self.store, BASE, piece=3) is not None:
            pass

    # A log in memory, as the pipeline reads it.
    def parts(self) -> list[str]:
        return ["web-0"]

    def read(self, part: str, after: int, limit: int) -> list[Taken]:
        return [Taken(part, after + 1, self.log[after])] if after < len(self.log) else []

    def end(self, part: str) -> int:
        return len(self.log)

    def ended(self, part: str, taken: int) -> bool:
        return False

    def drop_taken(self, part: str, taken: int) -> None:
        pass

    def forget_taken(self, part: str, taken: int) -> bool:
        empty = Record(BASE, 1, "batch", b'{"batch":[]}')
        self.log[:taken] = [empty] * len(self.log[:taken])
        return True

    def close(self) -> None:
        if self._open:
            self._open = False
            spaces.give_back(self._space)

    def take(self, batches: Iterable[list[dict[str, Any]]], source: int = 1) -> World:
        """Each batch is one record, and so one micro-batch."""
        for batch in batches:
            body = json.dumps({"batch": batch}).encode()
            self.log.append(Record(self.now, source, "batch", body))
        self.pipeline.drain()
        return self

    def people(self) -> dict[frozenset[tuple[str, str]], dict[str, Any]]:
        """Profiles by their identifiers: the name-giving identifier, birth and traits."""
        with self.store.read() as tx:
            members: dict[int, set[tuple[str, str]]] = {}
            names: dict[int, tuple[str, str]] = {}
            for row in tx.execute(identifiers.select()):
                # Objects of different types may have one id.
                kind = f"{row.collection}:{row.type}" if row.collection > ACCOUNTS else row.type
                names[row.hash] = (kind, row.value)
                if row.profile is not None:
                    members.setdefault(row.profile, set()).add((kind, row.value))
            found = {}
            for row in tx.execute(profiles.select()):
                found[frozenset(members[row.id])] = {
                    "anchor": names[row.anchor],
                    "created": (row.created_t, row.created_source, row.created_message_id),
                    "merges": row.merges,
                    "traits": TraitMap.decode(row.traits).values(),
                    "name": row.name,
                }
            return found

    def facts(self) -> dict[str, Any]:
        """All that must not depend on the order of arrival."""
        with self.store.read() as tx:
            owner = {row.id: row.profile for row in tx.execute(nodes.select())}
            anchors = {row.id: row.anchor for row in tx.execute(profiles.select())}
            described = {
                row.id: f"{row.collection} {row.ids}" for row in tx.execute(nodes.select())
            }
            return {
                "people": self.people(),
                "nodes": {
                    described[row.id]: (
                        anchors[owner[row.id]],
                        row.first_t,
                        row.first_message_id,
                        row.dropped,
                    )
                    for row in tx.execute(nodes.select())
                },
                "known": {
                    (row.collection, row.type, row.value): (row.first_t, row.first_message_id)
                    for row in tx.execute(identifiers.select())
                },
                "memberships": {
                    (
                        described.get(row.user_node, ""),
                        described[row.account_node],
                        *row[2:5],
                        str(TraitMap.decode(row.traits).values()),
                    )
                    for row in tx.execute(memberships.select())
                },
                "consent": {
                    row.ids: row.consent for row in tx.execute(nodes.select()) if row.consent
                },
                "history": sorted(self.history()),
            }

    def history(self) -> list[tuple[str, str, int]]:
        """(messageId, node's identifiers, event time) of every row of the history."""
        from cdp.store.events import history

        with self.store.read() as tx:
            rows = history.rows_after(tx, 0, 10**6)
            bodies = history.bodies_of(tx, rows)
            ids = {row.id: row.ids for row in tx.execute(nodes.select())}
        return [
            (json.loads(bodies[row.seq].raw)["messageId"], ids.get(row.node, ""), row.t)
            for row in rows
        ]

    def refusals(self) -> list[tuple[str, str]]:
        """(code, detail) of what was rejected."""
        with self.store.read() as tx:
            return [(row.code, row.detail) for row in tx.execute(rejected.select())]


def messages(people: int = 4) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Distinct messages about few people, with much to merge, to limit and to tie."""
    users = st.sampled_from([f"u{n}" for n in range(people)])
    devices = st.sampled_from([f"a{n}" for n in range(people)])
    emails = st.sampled_from([f"e{n}@x.org" for n in range(people)])
    traits = st.dictionaries(
        st.sampled_from(["plan", "city", "email"]),
        st.one_of(st.none(), st.integers(0, 3), emails),
        max_size=3,
    )
    one = st.fixed_dictionaries(
        {"type": st.sampled_from(["identify", "track", "group", "alias"]), "t": st.integers(0, 12)},
        optional={
            "user": users,
            "device": devices,
            "email": emails,
            "traits": traits,
            "agrees": st.dictionaries(st.sampled_from(["ads", "stats"]), st.booleans()),
        },
    )

    def build(drafts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        made = []
        for number, draft in enumerate(drafts):
            type_ = draft["type"]
            message: dict[str, Any] = {
                "type": type_,
                "messageId": f"m{number}",
                "timestamp": BASE - 60_000 + draft["t"] * 1000,
                "context": {},
            }
            if "user" in draft:
                message["userId"] = draft["user"]
            if "device" in draft or "user" not in draft:
                message["anonymousId"] = draft.get("device", "a0")
            if "email" in draft:
                message["context"] = {"traits": {"email": draft["email"]}}
            if "agrees" in draft:
                message["context"]["consent"] = {"categoryPreferences": draft["agrees"]}
            if type_ == "track":
                message["event"] = "Seen"
            elif type_ == "group":
                message["groupId"] = f"g{draft['t'] % 3}"
                message["traits"] = draft.get("traits", {})
            elif type_ == "alias":
                message.setdefault("userId", "u0")
                message["previousId"] = draft.get("device", "a1")
            else:
                message["traits"] = draft.get("traits", {})
            made.append(message)
        return made

    return st.lists(one, min_size=1, max_size=14).map(build)


def splits(items: list[Any], cuts: list[int]) -> list[list[Any]]:
    """``items`` cut into runs of the lengths ``cuts``, over and over."""
    found, at, turn = [], 0, 0
    while at < len(items):
        size = max(1, cuts[turn % len(cuts)]) if cuts else len(items)
        found.append(items[at : at + size])
        at, turn = at + size, turn + 1
    return found
