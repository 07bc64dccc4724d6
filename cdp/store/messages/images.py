"""The images that messages show."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from cdp.definitions import title_of
from cdp.messaging.images import Image, named_in, path_of
from cdp.store import definitions
from cdp.store.config_rows import record_change
from cdp.store.tables import images

_MB = 1 << 20
#: What may show an image.
KINDS = ("template", "layout", "snippet")


class Kept(NamedTuple):
    """An image that was uploaded, without its content. ``size`` in bytes."""

    hash: str
    name: str
    type: str
    width: int
    height: int
    size: int
    author: str
    at: int

    @property
    def path(self) -> str:
        """The path of its address."""
        return path_of(self.hash, self.type)


class User(NamedTuple):
    """A definition that shows an image."""

    kind: str
    key: str
    name: str


class ImageUsed(Exception):
    """It is shown by others; ``users`` has them."""

    def __init__(self, users: list[User]) -> None:
        self.users = users
        super().__init__(", ".join(f"the {user.kind} {user.name}" for user in users))


class NoRoom(Exception):
    """There would be more than is kept; the text says how much, and what to do."""


_ROW = tuple(images.c[name] for name in Kept._fields)


def add(
    tx: Connection, now: int, author: str, name: str, image: Image, room: int | None = None
) -> Kept:
    """Keep an image; the same content is kept once, under the name that it had first.

    With ``room``, `NoRoom` where all together would have more bytes.
    """
    there = get(tx, image.hash)
    if there is not None:
        return there
    if full := too_many(tx, len(image.data), room):
        raise NoRoom(full)
    made = Kept(
        image.hash, name, image.type, image.width, image.height, len(image.data), author, now
    )
    tx.execute(insert(images).values(data=image.data, **made._asdict()))
    record_change(tx, now, author, "image", image.hash, "created", None, {"name": name})
    return made


def get(tx: Connection, hash_: str) -> Kept | None:
    """An image."""
    row = tx.execute(select(*_ROW).where(images.c.hash == hash_)).first()
    return Kept(*row) if row is not None else None


def data_of(tx: Connection, hash_: str) -> bytes | None:
    """The content of an image."""
    found: bytes | None = tx.execute(
        select(images.c.data).where(images.c.hash == hash_)
    ).scalar_one_or_none()
    return found


def newest(tx: Connection, limit: int, before: tuple[int, str] | None = None) -> list[Kept]:
    """Images, the last uploaded first, from one (its time and hash) on."""
    statement = select(*_ROW).order_by(images.c.at.desc(), images.c.hash.desc()).limit(limit)
    if before is not None:
        at, hash_ = before
        statement = statement.where(
            (images.c.at < at) | ((images.c.at == at) & (images.c.hash < hash_))
        )
    return [Kept(*row) for row in tx.execute(statement)]


def count(tx: Connection) -> int:
    """How many there are."""
    return int(tx.execute(select(func.count()).select_from(images)).scalar_one())


def total(tx: Connection) -> int:
    """The bytes of all together."""
    return int(tx.execute(select(func.coalesce(func.sum(images.c.size), 0))).scalar_one())


def too_many(tx: Connection, more: int, room: int | None) -> str | None:
    """Why ``more`` bytes are too many beside what there is; None: they are not."""
    if room is None or not more or (used := total(tx)) + more <= room:
        return None
    return (
        f"images have {used / _MB:,.1f} of {room / _MB:,.1f} MB, and this would be "
        f"{more / _MB:,.1f} MB more: remove some that nothing shows, or set CDP_IMAGES_MB"
    )


def known(tx: Connection, hashes: set[str]) -> set[str]:
    """Those of some that there are."""
    return set(tx.execute(select(images.c.hash).where(images.c.hash.in_(hashes))).scalars())


def users(tx: Connection) -> dict[str, list[User]]:
    """Which definitions, as they hold now, show which images, by hash."""
    found: dict[str, list[User]] = {}
    for one in definitions.all_current(tx, *KINDS):
        body = one.body or {}
        for hash_ in named_in(msgspec.json.encode(body).decode()):
            user = User(one.kind, one.key, title_of(one.key, body))
            found.setdefault(hash_, []).append(user)
    return found


def remove(tx: Connection, now: int, author: str, hash_: str) -> bool:
    """Remove an image that nothing shows; False: there is none. `ImageUsed`."""
    there = get(tx, hash_)
    if there is None:
        return False
    # Whoever saves a template waits here, or has been seen.
    record_change(tx, now, author, "image", hash_, "removed", {"name": there.name}, None)
    if used := users(tx).get(hash_):
        raise ImageUsed(used)
    tx.execute(delete(images).where(images.c.hash == hash_))
    return True
