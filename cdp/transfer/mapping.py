"""What the columns of a table are: which identifier, trait or time."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, NamedTuple

from cdp.store.tables import ACCOUNTS
from cdp.transfer.errors import TransferError

#: Types of cells: by rule (``auto``, for text files), or as the file itself has it (``own``).
TYPES = ("text", "number", "boolean", "date", "auto", "own")
IDS = ("user_id", "anonymous_id", "group_id", "email", "phone")
IGNORE, TIME = "ignore", "time"
#: A custom identifier is ``id:<its type>``.
CUSTOM = "id:"
_CUSTOM = re.compile(r"id:[a-z][a-z0-9_.]{0,99}")

_WORD = re.compile(r"[^0-9a-z]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Headers by which columns are known, folded by `_fold`.
_KNOWN = {
    "user_id": ("user_id", "userid", "id", "customer_id", "customer_no", "customer_number"),
    "anonymous_id": ("anonymous_id", "anonymousid"),
    "email": ("email", "e_mail", "mail", "email_address", "e_mail_address"),
    "phone": ("phone", "phone_number", "mobile", "mobile_number", "telephone"),
    TIME: ("timestamp",),
    "traits.firstName": ("first_name", "firstname", "given_name"),
    "traits.lastName": ("last_name", "lastname", "surname", "family_name"),
    "traits.createdAt": ("createdat",),
    IGNORE: ("profile", "accounts"),
}
_ACCOUNT_IDS = ("group_id", "groupid", "account_id", "company_id", "organization_id", "id")


class Column(NamedTuple):
    """Where the cells of a column go, and how they are read.

    ``to`` is an identifier (`IDS`, ``id:<type>``), ``traits.<path>``, `TIME` or `IGNORE`;
    ``format`` is a `strptime` pattern of dates.
    """

    to: str
    type: str = "auto"
    format: str | None = None


Mapping = dict[str, Column]


def guess(columns: list[str], collection: int) -> Mapping:
    """What columns are likely to be, from their names; each thing comes once."""
    found: Mapping = {}
    taken: set[str] = set()
    # What is written exactly as we write it comes before what only looks like it.
    for exact in (True, False):
        for name in columns:
            if name in found:
                continue
            to = _exact(name) if exact else _guessed(name, collection)
            if to is None or (to in taken and to != IGNORE):
                if not exact:
                    found[name] = Column(IGNORE)
                continue
            taken.add(to)
            found[name] = Column(to)
    return {name: found[name] for name in columns}


def _exact(name: str) -> str | None:
    if name.startswith("traits.") and len(name) > 7:
        return name
    return name if name in IDS or name == TIME else None


def _fold(name: str) -> str:
    return _WORD.sub("_", name.casefold()).strip("_")


def _guessed(name: str, collection: int) -> str:
    folded = _fold(name)
    if collection == ACCOUNTS and folded in _ACCOUNT_IDS:
        return "group_id"
    for to, words in _KNOWN.items():
        if folded in words:
            return to
    return "traits." + trait_name(name)


def trait_name(column: str) -> str:
    """What the trait of a column is called, if nobody says otherwise."""
    return column if _NAME.fullmatch(column) else _fold(column) or column


def from_json(value: Any, columns: list[str]) -> Mapping:
    """A mapping as people write it: ``{column: target}`` or ``{column: {to, type, format}}``.

    Columns that it does not name are ignored. `TransferError`.
    """
    if not isinstance(value, dict):
        raise TransferError("a mapping must be an object: column, then what it is")
    found: Mapping = {name: Column(IGNORE) for name in columns}
    for name, item in value.items():
        if isinstance(item, str):
            item = {"to": item}
        if not isinstance(item, dict) or not isinstance(item.get("to"), str):
            raise TransferError(f"column {name!r}: say what it is, such as traits.plan")
        if unknown := set(item) - {"to", "type", "format"}:
            raise TransferError(f"column {name!r}: {', '.join(sorted(map(str, unknown)))}?")
        found[str(name)] = Column(item["to"], item.get("type", "auto"), item.get("format"))
    return found


def to_json(mapping: Mapping) -> dict[str, Any]:
    """The form that `from_json` reads."""
    return {
        name: {key: value for key, value in column._asdict().items() if value is not None}
        for name, column in mapping.items()
    }


def check(mapping: Mapping, columns: list[str], collection: int, nested: bool = False) -> None:
    """`TransferError` if rows could not become people or accounts with this mapping."""
    targets: dict[str, str] = {}
    for name, column in mapping.items():
        if name not in columns and not (nested and name.partition(".")[0] in columns):
            raise TransferError(f"there is no column {name!r}; there are {', '.join(columns)}")
        to = column.to
        trait = to.startswith("traits.") and all(to.split("."))
        if not (to in IDS or to in (TIME, IGNORE) or trait or _CUSTOM.fullmatch(to)):
            known = ", ".join((*IDS, "id:<type>", "traits.<name>", TIME, IGNORE))
            raise TransferError(f"column {name!r} can't be {to!r}; there are {known}")
        if column.type not in TYPES:
            raise TransferError(f"column {name!r}: a type is one of {', '.join(TYPES)}")
        if column.format is not None and not isinstance(column.format, str):
            raise TransferError(f"column {name!r}: a format is text, such as %d.%m.%Y")
        if to != IGNORE and to in targets:
            raise TransferError(f"columns {targets[to]!r} and {name!r} are both {to}")
        targets[to] = name
    paths = sorted(to for to in targets if to.startswith("traits."))
    for one, other in pairwise(paths):
        if other.startswith(one + "."):
            raise TransferError(f"{one} can't be a value and an object, see {other}")
    if collection == ACCOUNTS:
        if "group_id" not in targets:
            raise TransferError("no column is the account's group_id")
        return
    if "group_id" in targets:
        raise TransferError("group_id names accounts, and this is of people")
    if not any(to in IDS or to.startswith(CUSTOM) for to in targets):
        raise TransferError(
            "no column names a person: one must be the user_id, email, phone, or another identifier"
        )
