"""One micro-batch, one transaction.

Read `run_batch` from top to bottom: everything that a slice of the log does to the
store is in it, and all of it commits together with the checkpoint, or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.events import Rejected
from cdp.pipeline.audiences.definitions import Plan
from cdp.pipeline.audiences.stage import Said, after_fold
from cdp.pipeline.beforehand import Beforehand
from cdp.pipeline.consent import update_consent
from cdp.pipeline.drafts import Draft, Drafts, Placed
from cdp.pipeline.dropped import told, told_objects
from cdp.pipeline.fresh import Fresh, take_fresh
from cdp.pipeline.identify import identify
from cdp.pipeline.journeys import clockwork
from cdp.pipeline.journeys.follow import after_fold as runs_follow
from cdp.pipeline.memory import Memory
from cdp.pipeline.placing import Outcome
from cdp.pipeline.prepare import Prepared
from cdp.pipeline.suppress import WHAT, without_suppressed
from cdp.pipeline.traits import update_traits
from cdp.profiles.traits import Dropped
from cdp.store.audiences.members import Change
from cdp.store.destinations import hooks as delivery_hooks
from cdp.store.events import history, progress
from cdp.store.meta import take_numbers
from cdp.store.profiles import object_types
from cdp.store.tables import ACCOUNTS, HISTORICAL, SECONDARY, USERS

_encode = msgspec.json.Encoder().encode
_MINUTE = 60_000
_KINDS = {USERS: "user", ACCOUNTS: "account"}


class Done(NamedTuple):
    """What became of a micro-batch."""

    taken: int
    repeated: int
    rejected: int
    suppressed: int = 0


def run_batch(
    tx: Connection,
    batch: Prepared,
    additions: dict[int, dict[str, Any]],
    memory: Memory,
    epoch: int,
    now: int,
    clock: int | None = None,
) -> Done:
    """Turn ``batch`` into state and move the checkpoint, all in ``tx``.

    ``additions`` is what enrichers add to a message, by its index in the batch. ``clock``
    is the logical clock once the batch is handled (`cdp.pipeline.clock`).
    """
    batch, additions, unheard = without_suppressed(batch, additions, memory.suppression)
    fresh = take_fresh(tx, batch, additions, memory, now)
    messages, known = fresh.messages, fresh.known
    drafts = Drafts(memory.rules, memory.object_types)
    placed = drafts.take(messages, fresh.named, known)
    object_types.add(tx, memory.object_types.take_new(), now)
    outcome = identify(tx, drafts, memory.rules, memory.cuts, now, memory.met)
    dropped: list[Dropped] = []
    changed = update_traits(tx, drafts, outcome, now, memory.trait_rules, dropped)
    update_consent(tx, drafts)
    drafts.relationships().put(tx, memory.trait_rules, dropped)
    first = _append(tx, placed, known, memory, now)
    said = [
        Said(message, seq, person, known.events[kind])
        for seq, (kind, (message, person, _)) in enumerate(
            zip(known.of_kind, placed, strict=True), first
        )
    ]
    moved = memory.stage.micro_batch(tx, said, drafts, outcome, changed, clock or now)
    memory.travels.micro_batch(tx, said, outcome, moved, clock or now)
    clockwork.note_dates(tx, memory.travels, drafts, outcome, clock or now)
    memory.catalogue.take(tx, known.tallies, messages, now)
    if memory.tell_changes:
        tell_changes(tx, drafts, outcome, changed, now)
        tell_moves(tx, moved, memory.stage.plan, now)
    refused = batch.rejected
    if dropped:
        refused = refused + told(dropped, messages, now)
    if drafts.refused:
        refused = refused + told_objects(drafts.refused)
    progress.add_rejected(tx, refused)
    progress.add_counts(tx, _count(batch, fresh, refused, unheard))
    progress.advance(tx, batch.part, epoch, batch.last_pos, now)
    repeated = len(batch.messages) - len(messages)
    return Done(len(messages), repeated, len(batch.rejected), len(unheard))


def _append(
    tx: Connection, placed: list[Placed], known: Beforehand, memory: Memory, now: int
) -> int:
    """Write the history rows and the blocks of bodies; returns the first position."""
    if not placed:
        return 0
    groups = [item for item in enumerate(placed) if item[1][2] is not None] if known.own else []
    first = take_numbers(tx, "seq", len(placed) + len(groups))
    partition = memory.partition_for(tx, first, now)
    memory.learn_names(tx, known.kinds, now)
    numbers = [memory.names[kind] for kind in known.kinds]
    said = [(message, person.id if person is not None else 0) for message, person, _ in placed]
    rows: list[tuple[Any, ...]] = [
        (seq, node, numbers[kind], one.t, one.source, 0 if one.live else HISTORICAL, None)
        for seq, (kind, (one, node)) in enumerate(zip(known.of_kind, said, strict=True), first)
    ]
    for own, (place, (_, _, account)) in enumerate(groups, first + len(placed)):
        assert account is not None
        seq, _, name, t, source, flags, _ = rows[place]
        rows.append((own, account.id, name, t, source, flags | SECONDARY, seq))
    history.append(tx, partition.id, rows, first, len(placed), known.blocks)
    memory.kept.write(tx, partition.id, first, said, known)
    return first


def tell_changes(
    tx: Connection, drafts: Iterable[Draft], outcome: Outcome, changed: Container[int], now: int
) -> None:
    """Write what plugins that follow profiles want to know."""
    rows: list[tuple[int, str, str]] = []
    for loser, survivor in outcome.merged:
        rows.append((survivor, "merged", _encode({"from": outcome.names[loser]}).decode()))
    for old, new in sorted(outcome.split):
        rows.append((new, "split", _encode({"from": outcome.names[old]}).decode()))
    for draft in drafts:
        if draft.profile in outcome.created:
            outcome.created.discard(draft.profile)
            kind = _KINDS.get(draft.collection, "object")
            rows.append((draft.profile, "created", _encode({"collection": kind}).decode()))
    for draft in drafts:
        if draft.traits and draft.profile in changed:
            names = sorted({name for values, _ in draft.traits for name in values})
            rows.append((draft.profile, "updated", _encode({"traits": names}).decode()))
    progress.add_profile_changes(tx, rows, now)


def tell_moves(tx: Connection, moved: list[Change], plan: Plan, now: int) -> None:
    """Write who entered and left audiences, for plugins that follow profiles."""
    keys = {row.id: row.key for row in plan.rows}
    rows = [
        (
            item.profile,
            "audience_entered" if item.entered else "audience_exited",
            _encode({"audience": keys[item.audience]}).decode(),
        )
        for item in moved
    ]
    progress.add_profile_changes(tx, rows, now)


def tell_refolded(tx: Connection, outcome: Outcome, changed: Collection[int], now: int) -> None:
    """Tell of a fold that no message caused: audiences, and plugins that follow profiles."""
    after_fold(tx, outcome, changed, now)
    runs_follow(tx, outcome, now)
    if delivery_hooks.are_followed(tx, "on_profile_changes"):
        tell_changes(tx, [], outcome, changed, now)


def _count(
    batch: Prepared, fresh: Fresh, refused: list[Rejected], unheard: list[tuple[int, int]]
) -> dict[tuple[int, int, str], int]:
    totals = Counter(fresh.known.counts)
    for item in refused:
        what = f"rejected:{item.code}"
        totals[item.received_at // _MINUTE, item.source or 0, what] += 1
    for at, source in unheard:
        totals[at // _MINUTE, source or 0, WHAT] += 1
    repeats = len(batch.messages) - len(fresh.messages)
    if repeats:
        last = batch.messages[-1]
        totals[last.received_at // _MINUTE, last.source, "repeated"] += repeats
    return totals
