"""As much of a message as definitions read of it: little, where the whole is much.

What definitions read is known before messages come (`cdp.store.events.kept`), so whoever
gets them ready takes it out of them, and the pipeline needs the rest of few.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cdp.events import Message
from cdp.events.paths import Path
from cdp.store.events.kept import event_of

#: By event and key, which keys below it are read; None: all of it.
Reads = dict[str, dict[str, list[str] | None]]

#: Of these calls all traits are read, by profiles.
_WITH_TRAITS = ("identify", "group")


def reads_of(paths: Iterable[tuple[str, Path]]) -> Reads:
    """What is read, of (event, path)s; all that is below a second key is read with it."""
    found: Reads = {}
    for event, path in sorted(paths):
        if path:
            keys = found.setdefault(event, {})
            if len(path) == 1:
                keys[path[0]] = None
            elif (below := keys.setdefault(path[0], [])) is not None and path[1] not in below:
                below.append(path[1])
    return found


def excerpts(messages: Sequence[Message], reads: Reads) -> list[dict[str, Any]]:
    """What is read of each of some messages."""
    of_kind: dict[tuple[str, str], dict[str, list[str] | None]] = {}
    made: list[dict[str, Any]] = []
    for message in messages:
        kind = message.type, message.name
        keys = of_kind.get(kind)
        if keys is None:
            keys = of_kind[kind] = _keys(*kind, reads)
        made.append(_excerpt(message.body, keys) if keys else {})
    return made


def _keys(type_: str, name: str, reads: Reads) -> dict[str, list[str] | None]:
    event = event_of(type_, name)
    keys = dict(reads.get(event, {})) if event is not None else {}
    return {**keys, "traits": None} if type_ in _WITH_TRAITS else keys


def _excerpt(body: dict[str, Any], keys: dict[str, list[str] | None]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, below in keys.items():
        value = body.get(key)
        if value is None:
            continue
        if below is not None and type(value) is dict:
            value = {name: value[name] for name in below if name in value}
        made[key] = value
    return made
