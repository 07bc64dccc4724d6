"""Pull, plan and apply: a folder and a store together."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cdp.definitions import Id
from cdp.folder import planning
from cdp.folder.destinations import Destinations
from cdp.folder.lock import give_space_id, read_lock, space_id, write_lock
from cdp.folder.model import Plan, World
from cdp.folder.pictures import Picture, Shelf, missing
from cdp.folder.planning import HANDLER_OF, Seen
from cdp.folder.reading import Folder, Located, read_folder
from cdp.folder.writing import Pulled
from cdp.folder.writing import pull as bring
from cdp.store import Store
from cdp.store.messages import images


class BadFiles(Exception):
    """Files that can't be used; ``faults`` has all that is wrong, by file and place."""

    def __init__(self, faults: list[Located]) -> None:
        self.faults = sorted(faults)
        files = len({fault.file for fault in faults})
        several = "s" * (len(faults) != 1)
        super().__init__(f"{len(faults)} error{several} in {files} file{'s' * (files != 1)}")


class Conflicts(Exception):
    """Changes that would go over somebody's edit; ``plan`` says which."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        first = plan.conflicts[0]
        more = f", and {len(plan.conflicts) - 1} more" if len(plan.conflicts) > 1 else ""
        text = f"the {first.id[0].replace('_', ' ')} {first.id[1]}: {first.conflict}{more}"
        super().__init__(f"{text}; pull first, or --overwrite")


class Planned(NamedTuple):
    """A folder, and what an apply of it would do; ``images`` are those that the store lacks."""

    folder: Folder
    plan: Plan
    seen: dict[Id, Seen]
    images: list[Picture]


def pull(store: Store, root: Path, world: World, *, overwrite: bool = False) -> list[Pulled]:
    """Bring the folder to what the store says. Raises `BadFiles` before it writes anything."""
    root.mkdir(parents=True, exist_ok=True)
    folder = read_folder(root, world)
    if folder.faults:
        raise BadFiles(folder.faults)
    with store.read() as tx:
        space = space_id(tx)
    if space is None:
        with store.write() as tx:
            space = give_space_id(tx)
    seen = read_lock(root, space)
    with store.read() as tx:
        there = planning.things(tx, world)
        mine = {}
        for item in folder.wanted:
            settled = HANDLER_OF[item.kind].settle(tx, item, there.get(item.id), world)
            mine[item.id] = settled.wanted.hash
    shelf = Shelf(store, root, world.base, folder.images)
    told, now = bring(folder, mine, there, seen, shelf, overwrite=overwrite)
    write_lock(root, space, now)
    return told


def left_out(store: Store, world: World) -> list[str]:
    """What of the store has no file, and why."""
    with store.read() as tx:
        return Destinations().left_out(tx, world)


def plan(
    store: Store,
    root: Path,
    world: World,
    *,
    prune: bool = False,
    overwrite: bool = False,
    now: int | None = None,
) -> Planned:
    """What an apply would do; with ``now`` also for whom. Raises `BadFiles` with all faults."""
    folder = read_folder(root, world)
    world = world._replace(broken=folder.broken)
    with store.read() as tx:
        seen = read_lock(root, space_id(tx))
        made = planning.plan(
            tx, folder.wanted, seen, world, prune=prune, overwrite=overwrite, now=now
        )
        new = missing(tx, folder.images)
        full = images.too_many(tx, sum(len(one.image.data) for one in new), world.room)
    faults = [*folder.faults, *folder.located(made.faults)]
    if full is not None and not faults:
        faults = [Located(new[0].file, 1, 1, full)]
    if faults:
        raise BadFiles(faults)
    return Planned(folder, made, seen, new)


def apply(store: Store, planned: Planned, world: World, author: str, now: int) -> None:
    """Do what was planned, in one transaction, and remember it beside the files.

    Raises `Conflicts`, or `planning.StalePlan` if the store changed after the plan was
    made; nothing is done then.
    """
    if planned.plan.conflicts:
        raise Conflicts(planned.plan)
    with store.write() as tx:
        space = give_space_id(tx)
        for one in planned.images:
            images.add(tx, now, f"{author} {planning.BY_FILES}", one.name, one.image, world.room)
        planning.apply(tx, now, planned.plan, author, world)
    with store.read() as tx:
        there = planning.things(tx, world)
    seen = dict(planned.seen)
    for id_ in {*planned.folder.files, *planned.plan.changes}:
        if id_ in there:
            seen[id_] = Seen(there[id_].hash, there[id_].version)
        else:
            seen.pop(id_, None)
    write_lock(planned.folder.root, space, seen)
