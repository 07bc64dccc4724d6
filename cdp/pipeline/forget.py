"""Deleting people, to the last byte (law 7).

A regulation goes through phases, each in short pieces whose place stands in the store:
its people are *found* and vanish from the graph; what of them was still in the log is
*taken* (and refused); destinations are *told*; then it *waits* for others, so that one
*sweep* through the whole store cleans up after all of them: other people's messages
that name them, tables of all kinds, the log, and what deleted rows leave on the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Event
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cdp.config import Settings
from cdp.events import decode_json
from cdp.identity import Identifier
from cdp.log.open import Reader, open_reader
from cdp.pipeline import rebuild
from cdp.pipeline.sweep_out import Sweeping, begin_sweep, go_on, sweeping
from cdp.profiles.needles import texts_of
from cdp.protocols import looks_personal
from cdp.store import Store, StoreBusy, meta
from cdp.store.audiences import members
from cdp.store.bulk import chunks
from cdp.store.events import history, progress
from cdp.store.messages import preferences
from cdp.store.privacy import forgotten, removal
from cdp.store.privacy.removal import TARGET
from cdp.store.profiles import apart, graph, imports, people, regulations
from cdp.store.profiles.regulations import (
    DELETE_INTERNAL,
    DELETE_ONLY,
    SUPPRESS_ONLY,
    SUPPRESS_WITH_DELETE,
    SUPPRESS_WITH_DELETE_INTERNAL,
    UNSUPPRESS,
    Regulation,
)
from cdp.store.tables import USERS

logger = structlog.get_logger(__name__)

#: People that are looked up in one transaction.
PEOPLE = 50
_IDLE_S = 0.5
#: An import that has not noted anything for so long is not waited for; it will be refused.
_STALE_MS = 600_000
#: Kinds of values that many people have in common, and what is not personal at all.
_SHARED = {
    None, "city", "zipcode", "gender", "race", "ethnicity", "citizenship", "location", "visa",
    "veteran", "disability", "license", "certificate", "device",
}  # fmt: skip
_SUPPRESSING = (SUPPRESS_ONLY, SUPPRESS_WITH_DELETE, SUPPRESS_WITH_DELETE_INTERNAL)
_TELLING = (DELETE_ONLY, SUPPRESS_WITH_DELETE)
_DELETING = (*_TELLING, DELETE_INTERNAL, SUPPRESS_WITH_DELETE_INTERNAL)


def regulate(
    store: Store,
    type_: str,
    subjects: Iterable[Identifier],
    author: str,
    now: int,
    within_hours: float,
    at_once: bool = False,
) -> Regulation:
    """Begin a regulation about ``subjects``; what is suppressed is so when this returns.

    It is swept out at once, or when ``within_hours`` are three quarters over, together
    with others.
    """
    about = list(dict.fromkeys(subjects))
    deletes = type_ in _DELETING
    due = now if at_once else now + int(within_hours * 3_600_000 * 0.75)
    with store.write() as tx:
        progress.take_turn(tx)
        if type_ in _SUPPRESSING:
            regulations.suppress(tx, now, about)
        elif type_ == UNSUPPRESS:
            regulations.unsuppress(tx, about)
        if not deletes:
            return regulations.add(
                tx, now, type_, author, now, state="FINISHED", phase="done", finished_at=now,
                work=None, detail={"subjects": len(about)},
            )  # fmt: skip
        regulations.suppress(tx, now, about, before=now + 1)
        work = {
            "todo": about,
            "identifiers": about,
            "values": [],
            "private": [],
            "removal": None,
            "ends": None,
        }
        made = regulations.add(
            tx, now, type_, author, due, state="INITIALIZED", phase="finding", finished_at=None,
            work=work, detail={"subjects": len(about), "people": 0, "done": 0.0},
        )  # fmt: skip
        if type_ in _TELLING:
            regulations.add_forwards(tx, made.id, now)
    return made


def hurry(store: Store, number: int, now: int) -> None:
    """Let a regulation wait for no others."""
    with store.write() as tx:
        found = regulations.get(tx, number)
        if found is not None and not found.ended and found.due_at > now:
            regulations.put(tx, found._replace(due_at=now))


def step(store: Store, reader: Reader, now: int) -> bool:
    """Go on with what is under way, by one piece; False if there is nothing to do just now."""
    with store.read() as tx:
        if not regulations.any_under_way(tx):
            return False
        waiting = regulations.under_way(tx)
        swept = sweeping(tx)
    if swept is not None:
        go_on(store, reader, swept, now)
        return True
    for item in waiting:
        if item.phase in _PHASES and _PHASES[item.phase](store, reader, item, now):
            return True
    ready = [item for item in waiting if item.phase == "waiting"]
    if any(item.due_at <= now for item in ready):
        begin_sweep(store, [item.id for item in ready], now)
        return True
    return False


def run(store: Store, settings: Settings, stop: Event) -> None:
    """Go on with regulations until ``stop``; beside the pipeline, in the owner's process."""
    reader = open_reader(settings)
    try:
        while not stop.is_set():
            try:
                if step(store, reader, int(time.time() * 1000)):
                    continue
            except (DBAPIError, StoreBusy, OSError) as error:
                logger.error("deletion_waits", error=str(error).splitlines()[:1])
            stop.wait(_IDLE_S)
    finally:
        reader.close()


def finish(
    store: Store,
    reader: Reader,
    number: int,
    clock: Callable[[], int],
    meanwhile: Callable[[], object],
) -> Regulation:
    """Go on until a regulation is done; ``meanwhile`` is called where something is waited for."""
    hurry(store, number, clock())
    while True:
        with store.read() as tx:
            found = regulations.get(tx, number)
        if found is None or found.ended:
            assert found is not None
            return found
        if not step(store, reader, clock()):
            meanwhile()


# -- the phases of one regulation ----------------------------------------------------


def _find(store: Store, reader: Reader, item: Regulation, now: int) -> bool:
    ends = {part: reader.end(part) for part in reader.parts()}
    with store.write() as tx:
        progress.take_turn(tx)
        preferences.change_turn(tx)
        fresh = regulations.get(tx, item.id)
        if fresh is None or fresh.phase != "finding" or fresh.work is None:
            return True
        work, detail = fresh.work, fresh.detail
        some, work["todo"] = work["todo"][:PEOPLE], work["todo"][PEOPLE:]
        nodes: list[int] = []
        mine: list[int] = []
        known = {tuple(pair) for pair in work["identifiers"]}
        for type_, value in some:
            profile = people.resolve(tx, USERS, type_, value)
            if profile is None:
                continue
            detail["people"] += 1
            mine.append(profile.id)
            rows = graph.nodes_of_profiles(tx, [profile.id])
            nodes += [row.id for row in rows]
            own = people.identifiers_of(tx, profile.id)
            known |= {(row.type, row.value) for row in own} | apart.nobodys(tx, rows, profile.id)
            said = _said(tx, [row.id for row in rows])
            work["values"] = sorted({*work["values"], *said.values})
            work["private"] = sorted({*work["private"], *said.private})
            removal.drop_told(tx, said.messages)
        work["identifiers"] = sorted(known)
        regulations.suppress(tx, now, known, before=fresh.created_at + 1)
        regulations.drop_deliveries(tx, nodes, mine)
        forgotten.forget_messages(tx, nodes, known)
        members.erase_people(tx, mine)
        if work["removal"] is None:
            work["removal"] = rebuild.remove_nodes(tx, nodes, now)
        else:
            removal.doom(tx, work["removal"], TARGET, nodes)
        phase = "finding" if work["todo"] else "removing"
        work.setdefault("until", meta.next_number(tx, "seq"))
        work["ends"] = work["ends"] or ends
        regulations.put(tx, fresh._replace(state="RUNNING", phase=phase, work=work, detail=detail))
    return True


class _Said(NamedTuple):
    """What messages of some nodes said of traits: values, those that say who it is, messages."""

    values: set[str]
    private: set[str]
    messages: set[str]


def _said(tx: Connection, nodes: list[int]) -> _Said:
    names = [n for n, (type_, _) in history.all_names(tx).items() if type_ == "identify"]
    rows = [history.HistoryRow(*row) for row in removal.rows_named(tx, nodes, names)]
    found = _Said(set(), set(), set())
    for some in chunks(rows):
        for body in history.bodies_of(tx, list(some)).values():
            message: dict[str, Any] = decode_json(body.raw)
            found.messages.add(message["messageId"])
            context = message.get("context")
            inner = context.get("traits") if isinstance(context, dict) else None
            for traits in (message.get("traits"), inner):
                if not isinstance(traits, dict):
                    continue
                for name, value in traits.items():
                    found.values.update(texts_of(value))
                    if looks_personal(f"traits.{name}", value) not in _SHARED:
                        found.private.update(texts_of(value))
    return found


def _remove(store: Store, reader: Reader, item: Regulation, now: int) -> bool:
    assert item.work is not None
    reached = rebuild.step(store, now, item.work["removal"])
    _move(store, item.id, "removing", "taking" if reached is None else "removing",
          0.5 * (reached.share if reached is not None else 1.0))  # fmt: skip
    return True


def _take(store: Store, reader: Reader, item: Regulation, now: int) -> bool:
    assert item.work is not None
    with store.read() as tx:
        if imports.any_read_in(tx, item.created_at, now - _STALE_MS):
            return False
        reached = progress.positions(tx)
    there = set(reader.parts())  # a part that was taken whole is dropped
    ends = {part: end for part, end in (item.work["ends"] or {}).items() if part in there}
    if any(reached.get(part, 0) < end for part, end in ends.items()):
        return False
    _move(store, item.id, "taking", "telling", 0.5)
    return True


def _tell(store: Store, reader: Reader, item: Regulation, now: int) -> bool:
    with store.read() as tx:
        forwards = regulations.forwards_of(tx, item.id)
    if any(forward.state == "waiting" for forward in forwards):
        return False
    _move(store, item.id, "telling", "waiting", 0.6)
    return True


def _move(store: Store, number: int, before: str, phase: str, done: float) -> None:
    with store.write() as tx:
        fresh = regulations.get(tx, number)
        if fresh is not None and fresh.phase == before:
            detail = {**fresh.detail, "done": round(done, 3)}
            regulations.put(tx, fresh._replace(phase=phase, detail=detail))


_PHASES = {"finding": _find, "removing": _remove, "taking": _take, "telling": _tell}

__all__ = ["Sweeping", "finish", "hurry", "regulate", "run", "step"]
