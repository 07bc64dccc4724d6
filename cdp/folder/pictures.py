"""Images of a folder: ``images/logo.png`` in what messages say means the file of that name.

The store knows it by the address under which it is served; what a folder says has the file's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.definitions import Fault
from cdp.folder.model import Thing
from cdp.messaging.images import MAX_BYTES, TYPES, BadImage, Image, path_of, read_image
from cdp.store import Store
from cdp.store.messages import images

FOLDER = "images"
_PLACE = re.compile(
    rf"(?<![\w./:%-]){FOLDER}/[\w][\w.-]*(?:/[\w][\w.-]*)*\.(?:png|jpe?g|gif|webp)(?!\w)", re.ASCII
)


class Picture(NamedTuple):
    """A file of the folder, named from its root, with the image in it."""

    file: str
    image: Image

    @property
    def name(self) -> str:
        """What people call it."""
        return Path(self.file).stem[:100]


def put_in(
    root: Path, kind: str, body: dict[str, Any], base: str, known: dict[str, Picture]
) -> tuple[dict[str, Any], list[Fault]]:
    """A body with the addresses of its images, below ``base``; they are added to ``known``.

    ``known`` has pictures by their hash. With an empty ``base`` nothing is looked for.
    """
    if kind not in images.KINDS or not base:
        return body, []
    faults: list[Fault] = []
    by_file = {one.file: one for one in known.values()}

    def address(file: str, field: str) -> str:
        found = by_file.get(file) or _picture(root, file)
        if isinstance(found, str):
            faults.append(Fault(field, found))
            return file
        by_file[file] = found
        known.setdefault(found.image.hash, found)
        return f"{base}{path_of(found.image.hash, found.image.type)}"

    def addressed(field: str, value: Any) -> Any:
        return _walked(value, lambda text: _PLACE.sub(lambda m: address(m[0], field), text))

    made = {name: addressed(name, value) for name, value in body.items()}
    return made, list(dict.fromkeys(faults))


def _walked(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_walked(item, change) for item in value]
    if isinstance(value, dict):
        return {name: _walked(item, change) for name, item in value.items()}
    return value


def _picture(root: Path, file: str) -> Picture | str:
    """The image of a file, or why there is none."""
    path = root / file
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            return f"{file} is outside of the folder"
        if not path.is_file():
            return f"there is no file {file} in the folder"
        with path.open("rb") as source:
            return Picture(file, read_image(source.read(MAX_BYTES + 1)))
    except BadImage as error:
        return f"{file}: {error}"
    except OSError as error:
        return f"{file}: {error.strerror or error}"


class Shelf:
    """Puts the images of objects that are pulled into the folder's files."""

    def __init__(
        self, store: Store, root: Path, base: str, known: Mapping[str, Picture]
    ) -> None:  # fmt: skip
        self._store, self._root, self._base = store, root, base
        self._files = {hash_: one.file for hash_, one in known.items()}
        ending = "|".join(TYPES)
        self._address = re.compile(rf"{re.escape(base)}/files/([0-9a-f]{{32}})\.(?:{ending})")

    def taken_out(self, thing: Thing) -> Thing:
        """An object that says names of files; those that are not there yet are written."""
        if thing.kind not in images.KINDS or not self._base:
            return thing
        body = _walked(thing.body, lambda text: self._address.sub(self._file, text))
        return thing._replace(body=body)

    def _file(self, found: re.Match[str]) -> str:
        hash_ = found[1]
        if hash_ not in self._files:
            with self._store.read() as tx:
                kept, data = images.get(tx, hash_), images.data_of(tx, hash_)
            if kept is None or data is None:  # it was removed: the address is all that is left
                return found[0]
            file = self._new_name(kept)
            path = self._root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            self._files[hash_] = file
        return self._files[hash_]

    def _new_name(self, kept: images.Kept) -> str:
        plain = unicodedata.normalize("NFKD", kept.name).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^\w-]+", "_", plain, flags=re.ASCII).strip("_-") or "image"
        for name in (stem, f"{stem}_{kept.hash[:8]}"):
            file = f"{FOLDER}/{name}.{kept.type}"
            there = _picture(self._root, file) if (self._root / file).exists() else None
            if there is None or (isinstance(there, Picture) and there.image.hash == kept.hash):
                return file
        return f"{FOLDER}/{kept.hash}.{kept.type}"


def missing(tx: Connection, known: Mapping[str, Picture]) -> list[Picture]:
    """The images that the store does not have yet."""
    there = images.known(tx, set(known))
    return sorted((one for hash_, one in known.items() if hash_ not in there))
