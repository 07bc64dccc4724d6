"""Reading a folder: every file, with the place of everything in it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cdp.conditions.errors import did_you_mean
from cdp.definitions import DefinitionError, Fault, Id
from cdp.folder import pictures
from cdp.folder.beside import put_in
from cdp.folder.model import Wanted, World
from cdp.folder.pictures import Picture
from cdp.folder.planning import HANDLER_OF

#: No object needs more.
MAX_BYTES = 1024 * 1024
_MOST_PARTS = 100_000
_ENDINGS = (".yaml", ".yml")


class Located(NamedTuple):
    """Something wrong with a file, and where; line and column count from 1.

    ``file`` is empty where an object that has no file any more is meant.
    """

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return self.text if not self.file else f"{self.file}:{self.line}:{self.column}: {self.text}"


class File(NamedTuple):
    """A YAML file that could be parsed. ``tree`` is ruamel's, with comments and places."""

    name: str
    text: str
    tree: Any
    #: Files beside it, by the fields whose texts they are.
    beside: Mapping[str, str] = {}

    def place(self, field: str, line: int | None = None, column: int | None = None) -> Any:
        """Line and column of a field, or of a place in its text."""
        at, parent, key = self._field(field)
        if parent is None or line is None or column is None:
            return at
        return _inside(self.text, parent, key, line, column) or at

    def located(self, fault: Fault) -> Located:
        """A fault with its place in the file."""
        if fault.field in self.beside and fault.line is not None and fault.column is not None:
            return Located(self.beside[fault.field], fault.line, fault.column, fault.text)
        line, column = self.place(fault.field, fault.line, fault.column)
        text = f"{fault.field}: {fault.text}" if fault.field else fault.text
        return Located(self.name, line, column, text)

    def _field(self, field: str) -> tuple[tuple[int, int], Any, Any]:
        """The place of a field, or of the nearest thing around it; where it hangs."""
        tree, at, parent, key, rest = self.tree, (1, 1), None, None, field
        while rest:
            found = _down(tree, rest)
            if found is None:
                # A short form leaves a name out: send: welcome is send: {template: welcome}.
                name = _NAME.match(rest)
                rest = rest[name.end() :] if name else rest
                found = _down(tree, rest)
                if name is None or (found is None and (rest or isinstance(tree, dict | list))):
                    return at, None, None
                if found is None:
                    break
            name_, rest = found
            at = _plus_one(tree.lc.key(name_))
            parent, key, tree = tree, name_, tree[name_]
        return at, parent, key


class Folder(NamedTuple):
    """What a folder says: files by object, objects that could be read, and all faults.

    ``images`` are those that objects show, by the hash of their content.
    """

    root: Path
    files: dict[Id, File]
    wanted: list[Wanted]
    faults: list[Located]
    images: dict[str, Picture]

    @property
    def broken(self) -> frozenset[Id]:
        """The objects whose files can't be read."""
        return frozenset(self.files) - {item.id for item in self.wanted}

    def located(self, faults: Mapping[Id, list[Fault]]) -> list[Located]:
        """Faults of objects with their places in the files."""
        found = []
        for id_, several in faults.items():
            file = self.files.get(id_)
            named = f"the {id_[0].replace('_', ' ')} {id_[1]}"
            found += [
                file.located(fault) if file else Located("", 1, 1, f"{named}: {fault.text}")
                for fault in several
            ]
        return found


def read_folder(root: Path, world: World) -> Folder:
    """Read every YAML file below a folder, but what begins with a dot."""
    found = Folder(root, {}, [], [], {})
    for path in _paths(root):
        name = path.relative_to(root).as_posix()
        file = parse(path, name, found.faults)
        if file is not None:
            _read(file, found, world)
    return found


def _paths(root: Path) -> list[Path]:
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {root}")
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(folder, name)
            for name in sorted(names)
            if name.endswith(_ENDINGS) and not name.startswith(".")
        ]
    return sorted(found)


def parse(path: Path, name: str, faults: list[Located]) -> File | None:
    """A YAML file; None, with what is wrong among the faults, if it can't be read."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        text = path.read_bytes().decode("utf-8")
        tree = loader().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        parts = [part.splitlines()[0] for part in (error.context, error.problem) if part]
        text = ": ".join(parts)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        faults.append(Located(name, line, column, text))
        return None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        faults.append(Located(name, line, 1, "not UTF-8"))
        return None
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        faults.append(Located(name, 1, 1, text.splitlines()[0]))
        return None
    if not isinstance(tree, dict):
        faults.append(Located(name, 1, 1, "it must hold one object: lines of `name: value`"))
        return None
    return File(name, text, tree)


def loader() -> Any:
    """ruamel's reader and writer that keeps comments, places and the form of texts."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _read(file: File, folder: Folder, world: World) -> None:
    try:
        given = plain(file.tree)
    except ValueError as error:
        folder.faults.append(Located(file.name, 1, 1, str(error)))
        return
    id_, wrong = identity_of(given)
    folder.faults.extend(map(file.located, wrong))
    if id_ is None:
        return
    if id_ in folder.files:
        text = f"{folder.files[id_].name} has the {id_[0].replace('_', ' ')} {id_[1]} already"
        folder.faults.append(file.located(Fault("key", text)))
        return
    body = {name: value for name, value in given.items() if name not in ("kind", "key")}
    body, names, faults = put_in(folder.root, file.name, id_[0], body)
    body, more = pictures.put_in(folder.root, id_[0], body, world.base, folder.images)
    faults += more
    file = folder.files[id_] = file._replace(beside=names)
    if faults:
        folder.faults.extend(map(file.located, faults))
        return
    try:
        wanted = HANDLER_OF[id_[0]].read(id_, body, world)
    except DefinitionError as error:
        folder.faults.extend(map(file.located, error.faults))
        return
    folder.wanted.append(wanted._replace(file=file.name))


def identity_of(given: Mapping[str, Any]) -> tuple[Id | None, list[Fault]]:
    """The kind and key of an object, or what is wrong with them."""
    wrong = []
    for name in ("kind", "key"):
        if name not in given:
            wrong.append(Fault(name, "it is missing"))
        elif not isinstance(given[name], str):
            wrong.append(Fault(name, "it must be a text"))
    if not wrong and given["kind"] not in HANDLER_OF:
        hint = did_you_mean(given["kind"], HANDLER_OF) or f"There are {', '.join(HANDLER_OF)}."
        wrong.append(Fault("kind", f"there is no kind {given['kind']}. {hint}"))
    return (None if wrong else (given["kind"], given["key"])), wrong


def plain(value: Any) -> Any:
    """ruamel's values as those of JSON; `ValueError` for what JSON has not."""
    left = [_MOST_PARTS]

    def walk(item: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise ValueError(f"more than {_MOST_PARTS:,} parts")
        if isinstance(item, dict):
            if not all(isinstance(key, str) for key in item):
                raise ValueError("names of fields must be texts; put others in quotes")
            return {str(key): walk(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [walk(inner) for inner in item]
        if item is None or isinstance(item, bool):
            return item
        for kind in (int, float, str):
            if isinstance(item, kind):
                return kind(item)
        raise ValueError(f"{str(item)[:60]!r} is no text, number, true or false; put it in quotes")

    try:
        return walk(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None


_NAME = re.compile(r"[A-Za-z_]+\.?")
_PLACE = re.compile(r"\[(\d+)\]\.?")


def _down(tree: Any, path: str) -> tuple[Any, str] | None:
    """The key in a mapping or list with which a path begins, and the rest of the path."""
    if isinstance(tree, list):
        place = _PLACE.match(path)
        if place is None or int(place[1]) >= len(tree):
            return None
        return int(place[1]), path[place.end() :]
    # A key may hold dots, so that the longest one that is there is meant.
    names = [name for name in tree if _begins(path, str(name))] if isinstance(tree, dict) else []
    if not names:
        return None
    name = max(names, key=lambda one: len(str(one)))
    return name, path[len(str(name)) :].removeprefix(".")


def _begins(path: str, name: str) -> bool:
    return path.startswith(name) and path[len(name) : len(name) + 1] in ("", ".", "[")


def _plus_one(place: tuple[int, int]) -> tuple[int, int]:
    return place[0] + 1, place[1] + 1


def _inside(text: str, parent: Any, key: Any, line: int, column: int) -> tuple[int, int] | None:
    """Where a place in a field's text is in the file; None where that can't be told."""
    from ruamel.yaml import scalarstring as forms

    value, lines = parent[key], text.splitlines()
    at, start = parent.lc.value(key) if isinstance(parent, dict) else parent.lc.item(key)  # type: ignore[attr-defined]
    if isinstance(value, forms.LiteralScalarString):
        first = next((row for row in lines[at + 1 :] if row.strip()), "")
        return at + 1 + line, len(first) - len(first.lstrip(" ")) + column
    quotes = isinstance(value, forms.DoubleQuotedScalarString | forms.SingleQuotedScalarString)
    begins = start + quotes
    row = lines[at][begins:] if at < len(lines) else ""
    if line != 1 or not row.startswith(str(value)[: column - 1]):
        return None
    return at + 1, begins + column
