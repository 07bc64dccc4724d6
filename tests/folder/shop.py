"""Stores and folders for the tests of pull, plan and apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from marshmallow import fields

from cdp.definitions import Id
from cdp.folder import work
from cdp.folder.model import Step, World
from cdp.plugin import Destination, Headers, SettingsSchema, secret
from cdp.store import Store, config_rows
from cdp.store.defined import defining
from cdp.store.migrate import migrate

BIG = """\
# the best ones
kind: audience
key: big_spenders
name: Big spenders
who: sum(properties.total of "Order Completed" within 30d) > 500 and traits.country = "PL"
"""
ORDERS = """\
kind: computed_trait
key: orders_90d
value: count("Order Completed" within 90d)
"""
HOOK = """\
kind: destination
key: hook
plugin: hook
settings:
  url: https://example.com/hook
  token: ${env:HOOK_TOKEN}
"""


class Hook(Destination):
    """A destination with secrets of every shape."""

    key = "hook"
    name = "Hook"

    class Settings(SettingsSchema):
        """Its settings."""

        url = fields.Url(required=True)
        token = secret(load_default="")
        headers = Headers(load_default=dict, metadata={"secret": True})
        pins = fields.List(fields.String(), load_default=list, metadata={"secret": True})
        more = fields.Dict(load_default=dict)

    types: ClassVar[tuple[str, ...]] = ("track",)


def world(**environ: str) -> World:
    """With one plugin, and these variables."""
    return World({"hook": Hook}, environ)


def empty(folder: Path) -> Store:
    """A store with nothing in it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Store.at(folder / "store.db")
    migrate(made)
    return made


def define(store: Store, id_: Id, author: str = "ada", **given: Any) -> None:
    """Somebody defines something in the console."""
    with store.write() as tx:
        defining.put(tx, 1000, id_, given, author)


def add_hook(store: Store, key: str, settings: dict[str, Any], **more: Any) -> None:
    """Somebody adds a destination."""
    with store.write() as tx:
        config_rows.add_destination(
            tx, 1000, key, more.pop("name", "Hook"), "hook", None, settings, "ada", **more
        )


def stored(store: Store, id_: Id) -> Any:
    """The body of a definition; None if there is none."""
    with store.read() as tx:
        found = defining.load(tx).get(id_)
    return found.body if found is not None else None


def settings_of(store: Store, key: str) -> dict[str, Any]:
    """The settings of a destination as they are stored."""
    with store.read() as tx:
        found = config_rows.destination_by_key(tx, key)
    assert found is not None
    return found.settings


def write(root: Path, **files: str) -> None:
    """Write files; ``a__b`` is ``a/b.yaml``."""
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def apply(store: Store, root: Path, in_: World | None = None, **how: Any) -> list[Step]:
    """Plan and apply; what was done."""
    planned = work.plan(store, root, in_ or world(), **how)
    work.apply(store, planned, in_ or world(), "eve", 2000)
    return planned.plan.steps


def pull(store: Store, root: Path, in_: World | None = None, **how: Any) -> dict[str, str]:
    """Pull; what happened to which file."""
    return {row.file: row.action for row in work.pull(store, root, in_ or world(), **how)}


def texts(root: Path) -> dict[str, str]:
    """All files of a folder, but for the lock."""
    return {
        path.relative_to(root).as_posix(): path.read_text() for path in sorted(root.rglob("*.yaml"))
    }
