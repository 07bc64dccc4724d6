"""``cdp.lock``: what of the store a folder has seen, kept beside its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from cdp.definitions import Id
from cdp.folder.planning import Seen

NAME = "cdp.lock"
_FORM = 1


class BadLock(ValueError):
    """A lock file that can't be read."""


def read_lock(root: Path) -> dict[Id, Seen]:
    """What the folder has seen; nothing if it has no lock file."""
    try:
        found = json.loads((root / NAME).read_text(encoding="utf-8"))
        if found["form"] != _FORM:
            raise BadLock(f"{root / NAME} was written by another version of Headwater")
        return {
            (kind, key): Seen(str(item["hash"]), item.get("version"))
            for kind, items in found["seen"].items()
            for key, item in items.items()
        }
    except FileNotFoundError:
        return {}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, BadLock):
            raise
        text = "can't be read: resolve it in Git, or delete it and pull"
        raise BadLock(f"{root / NAME} {text}") from None


def write_lock(root: Path, seen: Mapping[Id, Seen]) -> None:
    """Remember what the folder has seen; equal content gives equal bytes."""
    kinds: dict[str, dict[str, dict[str, object]]] = {}
    for (kind, key), item in sorted(seen.items()):
        row = {"version": item.version} if item.version is not None else {}
        kinds.setdefault(kind, {})[key] = {**row, "hash": item.hash}
    # A line an object, so that Git merges the edits of two people.
    lines = [f'{{"form": {_FORM}, "seen": {{']
    for number, (kind, items) in enumerate(kinds.items(), 1):
        lines.append(f"  {json.dumps(kind)}: {{")
        rows = [f"    {json.dumps(key)}: {json.dumps(item)}" for key, item in items.items()]
        lines.append(",\n".join(rows))
        lines.append("  }" + ("," if number < len(kinds) else ""))
    lines.append("}}")
    text = "\n".join(lines) + "\n"
    path = root / NAME
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
