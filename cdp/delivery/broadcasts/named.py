"""People that a call names by their ids or addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.store.messages.deliveries import pack
from cdp.store.profiles import people
from cdp.store.tables import USERS


class Named(NamedTuple):
    """Profiles with the data brought for each (packed, or nothing), and what was wrong."""

    people: dict[int, bytes]
    faults: list[dict[str, str]]


def resolve(
    tx: Connection, entries: Sequence[Mapping[str, Any]], flags: Mapping[str, Any]
) -> Named:
    """The people that ``entries`` (each with ``id`` or ``email``, and ``data``) name.

    Whoever isn't known is a fault, unless ``id_ignore_missing`` or ``email_ignore_missing``;
    nobody is made (customer.io: broadcast triggers). A person named twice gets one message.
    """
    found: dict[int, bytes] = {}
    faults: list[dict[str, str]] = []
    for place, entry in enumerate(entries, 1):
        type_ = "id" if entry.get("id") not in (None, "") else "email"
        value = entry.get(type_)
        at = f"line {entry['line']}" if "line" in entry else f"entry {place}"
        if value in (None, "") or isinstance(value, dict | list | bool):
            faults.append({"detail": f"{at}: say id or email", "source": at})
            continue
        profile = people.resolve(
            tx, USERS, "user_id" if type_ == "id" else "email", str(value).strip()
        )
        if profile is None:
            if not flags.get(f"{type_}_ignore_missing"):
                faults.append({"detail": f"{at}: there is no person with this {type_}",
                               "source": at})  # fmt: skip
            continue
        data = entry.get("data") or {}
        if not isinstance(data, dict):
            faults.append({"detail": f"{at}: data must be an object", "source": at})
            continue
        found.setdefault(profile.id, pack(data) if data else b"")
    return Named(found, faults)
