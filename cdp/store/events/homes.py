"""Whose all nodes are, and other numbers, as SQLite hands them over at once."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from cdp.store.tables import homes

decode = msgspec.json.Decoder(list[int]).decode


def listed_by(run: Callable[[Any], Any], value: Any, *where: Any) -> list[int]:
    """A column of whole numbers from SQLite: one text is there sooner than so many rows."""
    found: list[int] = decode(run(select(func.json_group_array(value)).where(*where)).scalar_one())
    return found


def all_homes(tx: Connection, newest: int) -> array[int]:
    """By the number of a node up to the ``newest`` its profile; 0: none, or no such node."""
    c = homes.c
    ordered = select(c.id, c.profile).order_by(c.id).subquery().c
    listed = func.json_group_array(ordered.profile)
    text, count = tx.execute(select(listed, func.count())).one()
    profiles: list[int] = decode(text)
    if count == newest:  # no number is left out
        return array("q", [0, *profiles])
    text = tx.execute(select(func.json_group_array(ordered.id))).scalar_one()
    found = array("q", [0]) * (newest + 1)
    for node, profile in zip(decode(text), profiles, strict=True):
        found[node] = profile
    return found
