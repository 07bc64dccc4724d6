"""From a row to the message that it stands for.

A person's row becomes an identify call, an account's a group call, with a message id
made of the import, the line and its content: a row taken twice is one, and of two rows
about one person at the same time the later line wins.

It names people by what the table has and by nothing else. A row with an e-mail address
alone has no user id and no anonymous id, and none is made up, for it would stick to the
person for good; the pipeline takes that of what we wrote ourselves (`Origin.checked`).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from cdp.events import Message, Origin, Rejected, format_time, normalise
from cdp.events.message import MAX_MESSAGE_BYTES
from cdp.identity import Found, Rules, extract, normal_value
from cdp.profiles.trait_rules import TraitRules
from cdp.profiles.traits import clean
from cdp.store.tables import ACCOUNTS
from cdp.transfer.errors import Refused
from cdp.transfer.mapping import CUSTOM, IGNORE, TIME, Column, Mapping
from cdp.transfer.tables import TableRow
from cdp.transfer.values import id_of, time_of, value_of

_encode = msgspec.json.Encoder().encode
_canonical = msgspec.json.Encoder(order="deterministic").encode


class Taken(NamedTuple):
    """The message of a row, ready and as it goes into the log, and whom it names."""

    message: Message
    raw: bytes
    named: Found


class RowReader:
    """Makes messages of rows; ``number`` and ``at`` are the import's, ``source`` its source."""

    def __init__(
        self,
        mapping: Mapping,
        collection: int,
        rules: Rules,
        traits: TraitRules,
        number: int,
        source: int,
        at: int,
    ) -> None:
        self._columns = [(n, c) for n, c in mapping.items() if c.to != IGNORE]
        self._accounts = collection == ACCOUNTS
        self._rules, self._traits, self._number = rules, traits, number
        self._origin = Origin(source=source, received_at=at, live=False, checked=True)
        self._at = format_time(at)

    def read(self, row: TableRow) -> Taken:
        """The message of a row. Raises `Refused`."""
        body = self._body(row)
        digest = blake2b(_canonical(body), digest_size=12).hexdigest()
        body["messageId"] = f"import-{self._number}-{row.line:010d}-{digest}"
        body.setdefault("timestamp", self._at)
        raw = _encode(body)
        if len(raw) > MAX_MESSAGE_BYTES:
            size = f"{len(raw):,} bytes, {MAX_MESSAGE_BYTES:,} are allowed"
            raise Refused(f"as a message it has {size}", self._largest(row))
        found = normalise(raw, self._origin)
        if isinstance(found, Rejected):
            raise Refused(found.detail)
        named = extract(found, self._rules)
        if not (named.account if self._accounts else named.person):
            why = "are empty or blocked" if named.blocked else "are empty"
            raise Refused(f"all of its identifiers {why}", self._first_id())
        _, dropped = clean(found.body.get("traits") or {}, self._traits)
        if dropped:
            raise Refused(dropped[0][1], self._column_of("traits." + dropped[0][0]))
        return Taken(found, raw, named)

    def _body(self, row: TableRow) -> dict[str, Any]:
        traits: dict[str, Any] = {}
        person = {} if self._accounts else traits
        external: list[dict[str, str]] = []
        body: dict[str, Any] = {"type": "group" if self._accounts else "identify"}
        for name, column in self._columns:
            cell = look_up(row.cells, name)
            to = column.to
            if to == TIME:
                if cell is not None and cell != "":
                    body["timestamp"] = format_time(time_of(cell, column, name))
            elif to.startswith("traits."):
                if (value := value_of(cell, column, name)) is not None:
                    _put(traits, to.split(".")[1:], value)
            elif (text := id_of(cell, name)) is not None:
                if to in _FIELDS:
                    body[_FIELDS[to]] = text
                elif to.startswith(CUSTOM):
                    external.append(self._external(to[len(CUSTOM) :], text))
                else:
                    person[to] = self._address(to, text, name)
        body["traits"] = traits
        if external:
            body["context"] = {"externalIds": external}
        if self._accounts and person:
            body.setdefault("context", {})["traits"] = person
        return body

    def _external(self, kind: str, text: str) -> dict[str, str]:
        collection = "accounts" if self._accounts else "users"
        return {"id": text, "type": kind, "collection": collection, "encoding": "none"}

    def _address(self, kind: str, text: str, name: str) -> str:
        if kind == "email" and normal_value("email", text) is None:
            raise Refused("it is no e-mail address", name)
        return text

    def _first_id(self) -> str | None:
        wanted = "group_id" if self._accounts else None
        for name, column in self._columns:
            if column.to == wanted or (wanted is None and not column.to.startswith("traits.")):
                return name
        return None

    def _column_of(self, to: str) -> str | None:
        return next((n for n, c in self._columns if c.to == to or c.to.startswith(to + ".")), None)

    def _largest(self, row: TableRow) -> str | None:
        def size(item: tuple[str, Column]) -> int:
            cell = look_up(row.cells, item[0])
            return len(cell) if isinstance(cell, str) else len(_encode(cell))

        return max(self._columns, key=size)[0] if self._columns else None


_FIELDS = {"user_id": "userId", "anonymous_id": "anonymousId", "group_id": "groupId"}


def look_up(cells: dict[str, Any], name: str) -> Any:
    """The cell of a column; in JSON lines a nested one by its dotted path."""
    if name in cells:
        return cells[name]
    value: Any = cells
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _put(traits: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        traits = traits.setdefault(step, {})
    traits[path[-1]] = value
