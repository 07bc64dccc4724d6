"""``cdp.lock``: what of each space a folder has seen, kept beside its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from cdp.definitions import Id
from cdp.folder.planning import Seen
from cdp.store import meta
from cdp.store.keys import new_space_id

NAME = "cdp.lock"
_FORM = 1
_SPACE = "space_id"


class BadLock(ValueError):
    """A lock file that can't be read."""


def space_id(tx: Connection) -> str | None:
    """What tells this space from others; None if no folder has met it yet."""
    return meta.get(tx, _SPACE)


def give_space_id(tx: Connection) -> str:
    """The same, made if there is none."""
    found = space_id(tx)
    if found is None:
        found = new_space_id()
        meta.put(tx, _SPACE, found)
    return found


def read_lock(root: Path, space: str | None) -> dict[Id, Seen]:
    """What the folder has seen of a space; nothing if it has not met it."""
    seen = _spaces(root).get(space or "", {})
    try:
        return {
            (kind, key): Seen(str(item["hash"]), item.get("version"))
            for kind, items in seen.items()
            for key, item in items.items()
        }
    except (KeyError, TypeError, AttributeError):
        raise _bad(root) from None


def write_lock(root: Path, space: str, seen: Mapping[Id, Seen]) -> None:
    """Remember what the folder has seen; equal content gives equal bytes."""
    kinds: dict[str, dict[str, Any]] = {}
    for (kind, key), item in sorted(seen.items()):
        row = {"version": item.version} if item.version is not None else {}
        kinds.setdefault(kind, {})[key] = {**row, "hash": item.hash}
    spaces = {**_spaces(root), space: kinds}
    text = _written(spaces)
    path = root / NAME
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _spaces(root: Path) -> dict[str, Any]:
    try:
        found = json.loads((root / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise _bad(root) from None
    if not isinstance(found, dict) or not isinstance(found.get("spaces"), dict):
        raise _bad(root)
    if found.get("form") != _FORM:
        raise BadLock(f"{root / NAME} was written by another version of Headwater")
    spaces: dict[str, Any] = found["spaces"]
    return spaces


def _bad(root: Path) -> BadLock:
    return BadLock(f"{root / NAME} can't be read: resolve it in Git, or delete it and pull")


def _written(spaces: Mapping[str, Any]) -> str:
    """JSON with an object's line of its own, so that Git merges what two people did."""
    parts = []
    for space, kinds in sorted(spaces.items()):
        rows = [
            f"  {json.dumps(kind)}: {{\n"
            + ",\n".join(f"   {json.dumps(key)}: {json.dumps(item)}" for key, item in items.items())
            + "\n  }"
            for kind, items in kinds.items()
        ]
        inside = "\n" + ",\n".join(rows) + "\n " if rows else ""
        parts.append(f" {json.dumps(space)}: {{{inside}}}")
    return f'{{"form": {_FORM}, "spaces": {{\n' + ",\n".join(parts) + "\n}}\n"
