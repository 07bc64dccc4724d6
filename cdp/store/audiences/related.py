"""Whose account is one of some, of very many people, where SQLite would sort all of them.

Almost everybody has been named together with one account by one of their nodes. Of all
others the database decides, if they have to do with the accounts that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, select

from cdp.conditions.sql.accounts import deletions, latest_accounts
from cdp.store.audiences import whose
from cdp.store.audiences.whose import Whose, listed
from cdp.store.events.homes import listed_by
from cdp.store.tables import ACCOUNTS, memberships, nodes


class Related(Whose):
    """Finds the people of accounts, in one transaction of a store in SQLite."""

    #: By profile, whether it takes more than a look: 1.
    _several: bytearray | None = None

    def _people_of(self, accounts: Select[Any], now: int | None) -> list[int] | None:
        """The people whose account is one of ``accounts``, by group calls until ``now`` (ms)."""
        if self._too_many:
            return None
        m, n = memberships.c, nodes.c
        theirs = select(n.id).where(n.profile.in_(accounts), n.collection == ACCOUNTS)
        found = dict.fromkeys(self._people_in(m.account_node.in_(theirs)))
        found.pop(0, None)
        if self._several is None and len(found) > whose.FEW:
            self._several = self._who_has_several()
        several = self._several
        unclear = [profile for profile in found if several is None or several[profile]]
        later = self._people_in(m.last_t > now) if now is not None else ()
        for profile in (*unclear, *later):
            found.pop(profile, None)
        if unclear:
            among = latest_accounts(listed(unclear)).c
            said = [among.last_t <= now] if now is not None else []
            own = among.account.in_(accounts)
            found.update(dict.fromkeys(listed_by(self._tx.execute, among.profile, own, *said)))
        return sorted(found)

    def _people_in(self, *where: Any) -> Iterable[int]:
        """The people in relationships, and 0 for nobody: as often as they are in one."""
        c = memberships.c
        known = c.user_node > 0, c.user_node <= self._nodes
        users = listed_by(self._tx.execute, c.user_node, *known, *where)
        return map(self._whose(users).__getitem__, users)

    def _who_has_several(self) -> bytearray:
        """Who has to do with several objects, or had to: one of them may be another account."""
        seen, several = bytearray(self._profiles + 1), bytearray(self._profiles + 1)
        for profile in self._people_in():
            if seen[profile]:
                several[profile] = 1
            seen[profile] = 1
        gone = deletions()
        theirs = select(nodes.c.id).where(nodes.c.profile.in_(select(gone.c.account)))
        for ended in (memberships.c.ended_t.is_not(None), memberships.c.account_node.in_(theirs)):
            for profile in self._people_in(ended):
                several[profile] = 1
        return several
