"""Choosing the people of a broadcast: all that are in its audience at one instant.

One reading transaction sees that instant throughout, while what it finds is written in
short transactions of their own. Whoever dies while at it leaves nothing that counts: the
next one begins anew, at an instant of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from cdp.delivery.broadcasts import files, who
from cdp.delivery.broadcasts.turns import turns
from cdp.messaging.broadcasts.lots import FIRST, NEVER
from cdp.messaging.broadcasts.plan import Plan, plan_of
from cdp.store import Store
from cdp.store.messages import broadcast_people, broadcasts
from cdp.store.messages.broadcast_people import Chosen
from cdp.store.messages.broadcasts import Broadcast

#: How long whoever chooses may go without a sign of life (ms).
ALIVE_MS = 60_000


class Lost(RuntimeError):
    """It was paused or cancelled meanwhile, or somebody else has taken over."""


def gather(
    store: Store, row: Broadcast, me: str, clock: Callable[[], int], fetch: files.Fetch
) -> None:
    """Choose the people of ``row``, which is ``me``'s to do; `Lost`."""
    plan = plan_of(row.body)
    while True:
        with store.write() as tx:
            _mine(tx, row.id, me, clock())
            if not broadcast_people.drop(tx, row.id):
                break
    with store.read() as view:
        broadcast_people.one_moment(view)
        as_of = clock()
        people = held_out = 0
        try:
            for some in _pieces(view, row, plan, as_of, fetch):
                people += len(some)
                held_out += sum(item.wave == NEVER for item in some)
                with store.write() as tx:
                    _mine(tx, row.id, me, clock())
                    broadcast_people.add(tx, row.id, some)
        except (who.NoPeople, files.BadFile) as error:
            failed(store, row.id, str(error), clock())
            return
    with store.write() as tx:
        now = clock()
        _mine(tx, row.id, me, now)
        broadcasts.change(
            tx, row.id, state="sending", as_of=as_of, people=people, held_out=held_out,
            owner=None, until=0, wave=FIRST, reached_at=-1, reached=0, updated_at=now,
        )  # fmt: skip


def _pieces(
    view: Connection, row: Broadcast, plan: Plan, as_of: int, fetch: files.Fetch
) -> Iterator[list[Chosen]]:
    url = row.brought.get("file")
    if url:
        yield from files.people(view, row, plan, as_of, fetch(url))
        return
    for profiles in who.chosen(view, row.brought.get("who") or plan.who, as_of):
        yield turns(view, row.parent or row.id, plan, profiles, as_of)


def failed(store: Store, id_: int, why: str, now: int) -> None:
    """Give a broadcast up, and say why."""
    with store.write() as tx:
        broadcasts.change(
            tx, id_, state="failed", error=why[:1000], ended_at=now, updated_at=now, until=0
        )


def _mine(tx: Connection, id_: int, me: str, now: int) -> None:
    if not broadcasts.renew(tx, id_, me, now + ALIVE_MS):
        raise Lost(id_)
