"""Law 7's foundation: what is taken away leaves the store as if it had never been."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from cdp.pipeline import rebuild
from cdp.store.events import history
from cdp.store.tables import components, doomed, nodes, removals
from tests.laws.test_identity import rules
from tests.laws.world import BASE, World, messages
from tests.postgres import new_database

#: An example is three stores, so that it takes ten times as long as others.
EXAMPLES = max(2, int(os.environ.get("CDP_PROOF_EXAMPLES", "80")) // 10)
ON_POSTGRES = max(3, EXAMPLES // 10)
SOURCES = st.lists(st.sampled_from([1, 1, 2]), min_size=14, max_size=14)


def take(world: World, sent: list[dict[str, Any]], sources: list[int], only: int = 0) -> World:
    """Each message by itself or with those beside it that are from the same source."""
    batch: list[dict[str, Any]] = []
    for index, message in enumerate(sent):
        source = sources[index]
        if only in (0, source):
            batch.append(message)
        if batch and (index + 1 == len(sent) or sources[index + 1] != source):
            world.take([batch], source)
            batch = []
    return world


def finish(world: World, number: int) -> None:
    for _ in rebuild.finish(world.store, number, BASE):
        pass
    with world.store.read() as tx:
        assert tx.execute(removals.select()).all() == []
        assert tx.execute(doomed.select()).all() == []


def check_source(
    sent: list[dict[str, Any]], sources: list[int], file: dict[str, Any], url: str | None
) -> None:
    world = take(World(url, rules=file), sent, sources)
    never = take(World(rules=file), sent, sources, only=1)
    try:
        with world.store.write() as tx:
            number = rebuild.remove_source(tx, 2, BASE)
        finish(world, number)
        assert world.facts() == never.facts()
        assert connected(world) == connected(never)
        # It can come again, and makes the same of it.
        again = [m for index, m in enumerate(sent) if sources[index] == 2]
        if again:
            whole = take(World(rules=file), sent, sources)
            assert world.take([again], 2).facts() == whole.facts()
            whole.close()
    finally:
        world.close()
        never.close()


def connected(world: World) -> set[frozenset[str]]:
    """The nodes of each component."""
    with world.store.read() as tx:
        found: dict[int, set[str]] = {}
        for row in tx.execute(nodes.select()):
            found.setdefault(row.component, set()).add(row.ids)
        assert found.keys() == set(tx.execute(select(components.c.id)).scalars())
        return {frozenset(ids) for ids in found.values()}


@settings(max_examples=EXAMPLES, deadline=None)
@given(messages(), SOURCES, rules())
def test_removing_a_source_equals_never_having_had_it(
    sent: list[dict[str, Any]], sources: list[int], file: dict[str, Any]
) -> None:
    check_source(sent, sources, file, None)


@pytest.mark.postgres
@settings(max_examples=ON_POSTGRES, deadline=None)
@given(messages(), SOURCES, rules())
def test_on_postgres_removing_a_source_equals_never_having_had_it(
    sent: list[dict[str, Any]], sources: list[int], file: dict[str, Any]
) -> None:
    check_source(sent, sources, file, new_database())


@settings(max_examples=EXAMPLES, deadline=None)
@given(messages(), st.integers(0, 3))
def test_removing_nodes_equals_never_having_had_their_messages(
    sent: list[dict[str, Any]], pick: int
) -> None:
    world = World().take([sent])
    with world.store.read() as tx:
        rows = tx.execute(nodes.select().where(nodes.c.collection == 0)).all()
        chosen = rows[pick % len(rows)]
    theirs = {mid for mid, ids, _ in world.history() if ids == chosen.ids}
    never = World().take([[m for m in sent if m["messageId"] not in theirs]])
    try:
        with world.store.write() as tx:
            number = rebuild.remove_nodes(tx, [chosen.id], BASE)
        finish(world, number)
        assert world.facts() == never.facts()
        assert connected(world) == connected(never)
    finally:
        world.close()
        never.close()


def test_a_removal_in_small_pieces_goes_on_beside_new_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ROWS", "NODES", "BLOCKS"):
        monkeypatch.setattr(rebuild, name, 2)
    old = [
        {"type": "identify", "userId": f"u{n % 5}", "messageId": f"old{n}", "traits": {"n": n}}
        for n in range(30)
    ]
    new = [
        {"type": "track", "event": "Seen", "userId": f"u{n % 5}", "messageId": f"new{n}"}
        for n in range(40)
    ]
    world = World().take([old[:11], old[11:]], source=2).take([new[:10]])
    never = World().take([[message] for message in new])
    try:
        with world.store.write() as tx:
            number = rebuild.remove_source(tx, 2, BASE)
        reached = []
        for index, piece in enumerate(rebuild.finish(world.store, number, BASE)):
            reached.append(piece.phase)
            world.take([new[10 + index : 11 + index]])
        world.take([new[10 + len(reached) :]])
        assert reached.count("bodies") > 1 and reached.count("rows") > 5
        assert world.facts() == never.facts()
        with world.store.read() as tx:
            kept = history.rows_after(tx, 0, 1000)
            assert len(history.bodies_of(tx, kept)) == len(kept) == 40
    finally:
        world.close()
        never.close()


def test_an_objects_row_far_behind_its_message_goes_with_it() -> None:
    said = {"type": "group", "groupId": "acme", "timestamp": BASE}
    first = {**said, "userId": "u1", "messageId": "m0", "traits": {"name": "Acme"}}
    crowd = [
        {**said, "userId": f"c{number}", "messageId": f"m{number}"}
        for number in range(1, 2 * history.BLOCK + 20)
    ]
    world = World().take([[first, *crowd]])  # one micro-batch of three blocks
    with world.store.read() as tx:
        node = tx.execute(select(nodes.c.id).where(nodes.c.ids == '[["user_id","u1"]]')).scalar()
    assert node is not None
    with world.store.write() as tx:
        number = rebuild.remove_nodes(tx, [node], BASE)
    finish(world, number)
    with world.store.read() as tx:
        rows = history.rows_after(tx, 0, 10_000)
        bodies = history.bodies_of(tx, rows)
    assert len(rows) == 2 * len(crowd)
    assert len(bodies) == len(rows) and b"null" not in {body.raw for body in bodies.values()}
    world.close()
