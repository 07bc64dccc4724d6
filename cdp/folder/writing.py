"""Writing objects as files: steadily, and into a file that is there with its comments kept."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

from cdp.definitions import Id
from cdp.definitions.difference import same
from cdp.folder.beside import fresh_names, taken_out
from cdp.folder.model import Thing, hash_of
from cdp.folder.pictures import Shelf
from cdp.folder.planning import HANDLER_OF, Seen
from cdp.folder.reading import File, Folder, loader, plain

_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff]")
#: What a literal block shows as it is.
_BLOCK = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]*")


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


def yaml_of(thing: Thing) -> str:
    """The file of an object; equal objects give equal bytes."""
    whole = {"kind": thing.kind, "key": thing.key, **thing.body}
    return _checked(whole, _dumped(_formed(whole)))


def merged(file: File, thing: Thing) -> str:
    """The text of a file with the fields of an object, comments kept."""
    whole = {"kind": thing.kind, "key": thing.key, **thing.body}
    tree = loader().load(file.text)
    _merge(tree, whole)
    text = _dumped(tree)
    if not _is(whole, text):
        # Not every number is written again as it was read.
        _exact(tree)
        text = _dumped(tree)
    return _checked(whole, text)


def _exact(tree: Any) -> None:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        if isinstance(value, dict | list):
            _exact(value)
        elif isinstance(value, float):
            tree[key] = float(value)


def _merge(tree: Any, new: Mapping[str, Any]) -> None:
    for name in [name for name in tree if name not in new]:
        del tree[name]
    for name, value in new.items():
        if name in tree:
            _put(tree, name, value)
        else:
            tree[name] = _formed(value)


def _put(tree: Any, name: Any, value: Any) -> None:
    """Give a value to what a mapping or list has already."""
    old = tree[name]
    if isinstance(old, dict) and isinstance(value, dict):
        _merge(old, value)
    elif isinstance(old, list) and isinstance(value, list) and old and value:
        _merge_list(old, value)
    elif not same(plain(old), value):
        tree[name] = _formed(value)


def _merge_list(tree: Any, new: list[Any]) -> None:
    """Bring a list to what is new, item by item, so that those that stay keep their comments."""
    old, said = ([json.dumps(item, sort_keys=True) for item in each] for each in (plain(tree), new))
    parts = SequenceMatcher(None, old, said, autojunk=False).get_opcodes()
    for tag, first, end, start, stop in reversed(parts):
        if tag == "equal":
            continue
        both = min(end - first, stop - start)
        for at in reversed(range(first + both, end)):
            del tree[at]
        for at, item in enumerate(new[start + both : stop]):
            tree.insert(first + both + at, _formed(item))
        for at in range(both):
            _put(tree, first + at, new[start + at])


def _formed(value: Any) -> Any:
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.scalarstring import LiteralScalarString

    if isinstance(value, dict):
        return CommentedMap((key, _formed(item)) for key, item in value.items())
    if isinstance(value, list):
        return [_formed(item) for item in value]
    if isinstance(value, str) and "\n" in value and _fits_a_block(value):
        return LiteralScalarString(value)
    return value


def _fits_a_block(text: str) -> bool:
    rows = text.split("\n")
    return (
        _BLOCK.fullmatch(text.replace("\n", "")) is not None
        and rows[0][:1] not in ("", " ")
        and all(row == row.rstrip(" ") for row in rows)
    )


def _dumped(tree: Any) -> str:
    out = io.StringIO()
    loader().dump(tree, out)
    return out.getvalue()


def _checked(whole: Mapping[str, Any], text: str) -> str:
    """The text, in the plainest form if it would be read as something else."""
    if _is(whole, text):
        return text
    plainest = "".join(f"{_json(name)}: {_json(value)}\n" for name, value in whole.items())
    if not _is(whole, plainest):
        raise ValueError(f"the {whole['kind']} {whole['key']} can't be written as YAML")
    return plainest


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _is(whole: Mapping[str, Any], text: str) -> bool:
    from ruamel.yaml.error import YAMLError

    try:
        found = plain(loader().load(text))
    except (YAMLError, ValueError):
        return False
    id_ = (str(whole["kind"]), str(whole["key"]))
    return hash_of(id_, found) == hash_of(id_, whole) and found == whole


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
