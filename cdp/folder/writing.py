"""Writing objects as files: steadily, and into a file that is there with its comments kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from cdp.definitions import Id
from cdp.folder.beside import fresh_names, taken_out
from cdp.folder.merging import merged
from cdp.folder.model import Thing
from cdp.folder.pictures import Shelf
from cdp.folder.planning import HANDLER_OF, Seen
from cdp.folder.reading import Folder
from cdp.folder.texts import yaml_of


class Pulled(NamedTuple):
    """What happened to a file: ``written``, ``changed``, ``removed`` or ``kept`` (with ``why``)."""

    id: Id
    file: str
    action: str
    why: str | None = None


def pull(
    folder: Folder,
    mine: Mapping[Id, str],
    there: Mapping[Id, Thing],
    seen: Mapping[Id, Seen],
    shelf: Shelf,
    *,
    overwrite: bool = False,
) -> tuple[list[Pulled], dict[Id, Seen]]:
    """Bring a folder to what the store has, but for edits that only the folder has.

    ``mine`` are the hashes of what the folder's files say. Returns what happened and
    what the folder has seen now. An object that both have changed is kept, with the
    reason; so is the file of one that others removed and that was edited here.
    """
    now = dict(seen)
    told = []
    for id_, thing in there.items():
        file, local, last = folder.files.get(id_), mine.get(id_), seen.get(id_)
        if file is None:
            path = _new_path(folder.root, id_)
            said = shelf.taken_out(thing)
            out, texts = taken_out(said, path, fresh_names(folder.root, path, said))
            _write(folder.root / path, yaml_of(out))
            _write_texts(folder.root, texts)
            told.append(Pulled(id_, path, "written"))
        elif local != thing.hash:
            edited = last is None or local != last.hash
            if edited and not overwrite:
                if last is None or thing.hash != last.hash:
                    told.append(Pulled(id_, file.name, "kept", _both(thing)))
                continue
            out, texts = taken_out(shelf.taken_out(thing), file.name, file.beside)
            _write(folder.root / file.name, merged(file, out))
            _write_texts(folder.root, texts)
            told.append(Pulled(id_, file.name, "changed"))
        now[id_] = Seen(thing.hash, thing.version)
    for id_ in [id_ for id_ in seen if id_ not in there]:
        file = folder.files.get(id_)
        if file is not None and mine.get(id_) != seen[id_].hash and not overwrite:
            told.append(
                Pulled(id_, file.name, "kept", "somebody has removed it, and it was edited here")
            )
            continue
        if file is not None:
            for name in (file.name, *file.beside.values()):
                (folder.root / name).unlink(missing_ok=True)
            told.append(Pulled(id_, file.name, "removed"))
        del now[id_]
    return told, now


def _both(thing: Thing) -> str:
    return f"{thing.author or 'somebody'} has changed it, and it was edited here"


def _new_path(root: Path, id_: Id) -> str:
    """Where the file of an object goes, if nothing else is there."""
    for name in _names(id_):
        if not (root / name).exists():
            return name
    raise AssertionError


def _names(id_: Id) -> Iterator[str]:
    kind, key = id_
    folder = HANDLER_OF[kind].folders[kind]
    first = f"{folder}/{key}" if folder else kind
    yield f"{first}.yaml"
    number = 2
    while True:
        yield f"{first}_{number}.yaml"
        number += 1


def _write_texts(root: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        _write(root / name, text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
