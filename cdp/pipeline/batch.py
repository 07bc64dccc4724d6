"""One micro-batch, one transaction.

Read `run_batch` from top to bottom: everything that a slice of the log does to the
store is in it, and all of it commits together with the checkpoint, or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.events import Message, Rejected
from cdp.pipeline.audiences.definitions import Plan
from cdp.pipeline.audiences.stage import Said, after_fold
from cdp.pipeline.consent import update_consent
from cdp.pipeline.drafts import Draft, Drafts
from cdp.pipeline.dropped import told, told_objects
from cdp.pipeline.identify import identify
from cdp.pipeline.journeys import clockwork
from cdp.pipeline.journeys.follow import after_fold as runs_follow
from cdp.pipeline.memory import Memory
from cdp.pipeline.placing import Outcome
from cdp.pipeline.prepare import Named, Prepared
from cdp.pipeline.suppress import WHAT, without_suppressed
from cdp.pipeline.traits import update_traits
from cdp.profiles.traits import Dropped
from cdp.store.audiences.members import Change
from cdp.store.destinations import hooks as delivery_hooks
from cdp.store.events import history, progress
from cdp.store.events.dedupe import Key
from cdp.store.meta import take_numbers
from cdp.store.profiles import object_types
from cdp.store.tables import ACCOUNTS, HISTORICAL, SECONDARY, USERS

_encode = msgspec.json.Encoder().encode
_MINUTE = 60_000
_KINDS = {USERS: "user", ACCOUNTS: "account"}

Placed = tuple[Message, Draft | None, Draft | None]


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
    fresh = _dedupe(tx, batch, additions, memory, now)
    drafts = Drafts(memory.rules, memory.object_types)
    placed: list[Placed] = [(message, *drafts.add(message, named)) for message, _, named in fresh]
    object_types.add(tx, memory.object_types.take_new(), now)
    outcome = identify(tx, drafts, memory.rules, memory.cuts, now, memory.met)
    dropped: list[Dropped] = []
    changed = update_traits(tx, drafts, outcome, now, memory.trait_rules, dropped)
    update_consent(tx, drafts)
    drafts.relationships().put(tx, memory.trait_rules, dropped)
    additions_ = [added for _, added, _ in fresh]
    blocks = batch.blocks if len(fresh) == len(batch.messages) and not any(additions_) else None
    first = _append(tx, placed, additions_, blocks, memory, now)
    said = [Said(message, first + at, person) for at, (message, person, _) in enumerate(placed)]
    moved = memory.stage.micro_batch(tx, said, drafts, outcome, changed, clock or now)
    memory.travels.micro_batch(tx, said, outcome, moved, clock or now)
    clockwork.note_dates(tx, memory.travels, drafts, outcome, clock or now)
    memory.catalogue.take(tx, [message for message, _, _ in fresh], now)
    if memory.tell_changes:
        tell_changes(tx, drafts, outcome, changed, now)
        tell_moves(tx, moved, memory.stage.plan, now)
    refused = batch.rejected
    if dropped:
        refused = refused + told(dropped, [message for message, _, _ in fresh], now)
    if drafts.refused:
        refused = refused + told_objects(drafts.refused)
    progress.add_rejected(tx, refused)
    progress.add_counts(tx, _count(batch, fresh, refused, unheard))
    progress.advance(tx, batch.part, epoch, batch.last_pos, now)
    repeated = len(batch.messages) - len(fresh)
    return Done(len(fresh), repeated, len(batch.rejected), len(unheard))


#: Each with what enrichers added to it, and with whom it names if that is known already.
Fresh = list[tuple[Message, dict[str, Any] | None, Named | None]]


def _dedupe(
    tx: Connection,
    batch: Prepared,
    additions: dict[int, dict[str, Any]],
    memory: Memory,
    now: int,
) -> Fresh:
    """Leave out what was taken before; of repeats within the batch the first stays."""
    hashes = batch.hashes or [message.dedupe_hash for message in batch.messages]
    keys = [Key(hash_, one.client_t) for hash_, one in zip(hashes, batch.messages, strict=True)]
    # Rules may have changed since it was prepared.
    named = batch.named if batch.rules == memory.rules else None
    seen = memory.dedupe.known(tx, keys)
    fresh: Fresh = []
    new: list[Key] = []
    for index, (message, key) in enumerate(zip(batch.messages, keys, strict=True)):
        if key.hash not in seen:
            seen.add(key.hash)
            new.append(key)
            fresh.append((message, additions.get(index), named[index] if named else None))
    memory.dedupe.add(tx, new, now)
    return fresh


def _append(
    tx: Connection,
    placed: list[Placed],
    additions: list[dict[str, Any] | None],
    blocks: list[bytes] | None,
    memory: Memory,
    now: int,
) -> int:
    """Write the history rows and the blocks of bodies; returns the first position."""
    if not placed:
        return 0
    groups = sum(1 for _, _, account in placed if account is not None)
    first = take_numbers(tx, "seq", len(placed) + groups)
    partition = memory.partition_for(tx, first, now)
    memory.learn_names(tx, [(message.type, message.name) for message, _, _ in placed], now)
    rows: list[tuple[Any, ...]] = []
    secondary: list[tuple[Any, ...]] = []
    said: list[tuple[Message, int]] = []
    names = memory.names
    for index, (message, person, account) in enumerate(placed):
        name = names[message.type, message.name]
        flags = 0 if message.live else HISTORICAL
        node = person.id if person is not None else 0
        seq = first + index
        rows.append((seq, node, name, message.t, message.source, flags, None))
        said.append((message, node))
        if account is not None:
            own = first + len(placed) + len(secondary)
            flags |= SECONDARY
            secondary.append((own, account.id, name, message.t, message.source, flags, seq))
    if blocks is None:
        kept = zip(placed, additions, strict=True)
        blocks = history.pack_all([history.body_of(item[0], added) for item, added in kept])
    history.append(tx, partition.id, rows + secondary, first, len(placed), blocks)
    memory.kept.write(tx, partition.id, first, said)
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
    totals: dict[tuple[int, int, str], int] = {}

    def add(at: int, source: int | None, what: str) -> None:
        key = (at // _MINUTE, source or 0, what)
        totals[key] = totals.get(key, 0) + 1

    for message, _, _ in fresh:
        add(message.received_at, message.source, message.type)
    for item in refused:
        add(item.received_at, item.source, f"rejected:{item.code}")
    for at, source in unheard:
        add(at, source, WHAT)
    repeats = len(batch.messages) - len(fresh)
    if repeats and batch.messages:
        last = batch.messages[-1]
        key = (last.received_at // _MINUTE, last.source, "repeated")
        totals[key] = totals.get(key, 0) + repeats
    return totals
