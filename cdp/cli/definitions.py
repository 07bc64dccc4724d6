"""The commands that all kinds of definitions share: list, show, add, edit, remove, …"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from marshmallow import fields

from cdp.cli.common import (
    author,
    json_option,
    now_ms,
    open_store,
    print_object,
    print_rows,
    reads_conditions,
    store_options,
)
from cdp.cli.tables import cell
from cdp.definitions import Fault, Id, Kind
from cdp.definitions.sending import SendTo
from cdp.store import Store
from cdp.store.audiences import membership
from cdp.store.defined import defining

#: Options of fields whose names mean something else to every command.
_OPTION = {"data": "app_data"}
_VERSION = "Refuse if it is no longer at this version."
_version = click.option("--version", "seen", type=int, help=_VERSION)


def group_of(kind: Kind, words: str, about: str, examples: tuple[str, str] | None) -> click.Group:
    """The commands of a kind; ``words`` call them, ``examples`` end an add and an edit.

    Without examples, it has commands of its own to show and to change one.
    """
    group = click.Group(words.rpartition(" ")[2], help=about, callback=reads_conditions)
    if examples is not None:
        for make in (_list, _show, _add, _edit, _history):
            group.add_command(make(kind, f"cdp {words}", examples))
    for common in (_rename, _remove, _revert):
        group.add_command(common(kind, f"cdp {words}", examples))
    if any(isinstance(field, SendTo) for field in kind.schema().fields.values()):
        group.add_command(_destinations(kind, f"cdp {words}", examples))
    return group


def _command(name: str, text: str) -> Callable[[Callable[..., Any]], click.Command]:
    return click.command(name, help=text)


def _row(tx: Any, id_: Id, warnings: list[Fault] | None = None) -> dict[str, Any]:
    from cdp.api.definitions import shown

    found = defining.load(tx)
    if id_ not in found:
        raise defining.NoSuchDefinition(id_)
    return shown(found[id_], defining.links(found)[id_], warnings)


def _told(row: dict[str, Any], as_json: bool) -> None:
    """Print one definition, and what looks wrong about it."""
    if as_json:
        print_object(row, True)
        return
    for warning in row["warnings"]:
        fault = Fault(**warning)
        click.echo(f"warning: {fault.field}: {fault.located}", err=True)
    shown = {
        **row,
        **{name: ", ".join(r["key"] for r in row[name]) for name in ("uses", "used_by")},
    }
    print_object({name: value for name, value in shown.items() if name != "warnings"}, False)


def _destinations(kind: Kind, words: str, _: Any) -> click.Command:
    about = f"How far the destinations are that are told of {kind.article}."

    @_command("destinations", f"{about} Example: {words} destinations KEY")
    @store_options
    @click.argument("key")
    @json_option
    def destinations(key: str, as_json: bool, **where: Any) -> None:
        from cdp.api.definitions import told

        _, store = open_store(**where)
        with store.read() as tx:
            rows = told(tx, (kind.name, key))
        if not as_json:
            rows = [
                {**row, "as": ", ".join(row["as"]), "share": f"{row['share']:.0%}"} for row in rows
            ]
        print_rows(rows, as_json)

    return destinations


def _made(store: Store, id_: Id, as_json: bool, make: Callable[[Any], defining.Put]) -> None:
    with store.write() as tx:
        put = make(tx)
        row = _row(tx, (id_[0], put.version.key), put.warnings)
    _told(row, as_json)


def _field_options(kind: Kind, required: bool) -> Callable[[Any], Any]:
    """An option for each field of a kind."""

    def add(command: Any) -> Any:
        for name, field in reversed(kind.schema().fields.items()):
            about = field.metadata.get("description", "")
            name = _OPTION.get(name, name)
            flag = name.replace("_", "-")
            if isinstance(field, fields.Boolean):
                option = click.option(f"--{flag}/--no-{flag}", name, default=None, help=about)
            elif isinstance(field, SendTo):
                option = click.option(
                    f"--{flag}", name, multiple=True, callback=_sendings, metavar="KEY[:WAYS]",
                    help=f"{about} WAYS: identify, track; again for each.",
                )  # fmt: skip
            elif isinstance(field, fields.List) and isinstance(field.inner, fields.String):
                option = click.option(
                    f"--{flag}", name, multiple=True, callback=_several,
                    help=f"{about} Again for each.",
                )  # fmt: skip
            elif isinstance(field, fields.Dict | fields.List | fields.Integer):
                option = click.option(
                    f"--{flag}", name, callback=_json, metavar="JSON", help=f"{about} As JSON."
                )
            elif name in kind.beside:
                option = click.option(
                    f"--{flag}", name, callback=_text_or_file, metavar="TEXT|@FILE", help=about
                )
            else:
                must = required and field.required
                option = click.option(f"--{flag}", name, required=must, help=about)
            command = option(command)
        return command

    return add


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    """The fields that options gave, by their own names."""
    names = {option: name for name, option in _OPTION.items()}
    return {names.get(name, name): value for name, value in given.items() if value is not None}


def _json(context: Any, option: Any, given: str | None) -> Any:
    if not given:
        return given
    try:
        return json.loads(given)
    except ValueError as error:
        raise click.BadParameter(f"no JSON: {error}", context, option) from None


def _text_or_file(context: Any, option: Any, given: str | None) -> str | None:
    """A text, or what ``@welcome.mjml`` holds."""
    if given is None or not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(str(error), context, option) from None


def _several(_context: Any, _option: Any, given: tuple[str, ...]) -> Any:
    """All that was said, None if nothing was; an empty text unsets it."""
    return None if not given else "" if given == ("",) else list(given)


def _sendings(_context: Any, _option: Any, given: tuple[str, ...]) -> Any:
    """``--send-to hook:identify`` as the body has it; an empty one unsets it."""
    if not given:
        return None
    if given == ("",):
        return ""
    found = []
    for text in given:
        key, colon, ways = text.partition(":")
        said = {"as": [way.strip() for way in ways.split(",")]} if colon else {}
        found.append({"destination": key, **said})
    return found


def _list(kind: Kind, words: str, _: Any) -> click.Command:
    own = [text.field for text in kind.texts] or [
        field for field in ("channel", "subject") if field in kind.schema().fields
    ]
    sized = kind.name == "audience"
    columns = ["key", "name", *(["size"] if sized else []), *own, "version", "author"]

    @_command("list", f"List {kind.title}s. Example: {words} list")
    @store_options
    @json_option
    def list_(as_json: bool, **where: Any) -> None:
        from cdp.api.definitions import shown

        _, store = open_store(**where)
        with store.read() as tx:
            found = defining.load(tx)
            states = membership.states(tx, kind.name) if sized else {}
        links = defining.links(found)
        rows = [shown(v, links[id_]) for id_, v in found.items() if v.kind == kind.name]
        for row in rows if sized else ():
            row["size"] = states[row["key"]].size if row["key"] in states else None
        print_rows(rows, as_json, columns)

    return list_


def _show(kind: Kind, words: str, _: Any) -> click.Command:
    @_command("show", f"Show one, and what refers to it. Example: {words} show KEY")
    @store_options
    @click.argument("key")
    @json_option
    def show(key: str, as_json: bool, **where: Any) -> None:
        _, store = open_store(**where)
        with store.read() as tx:
            _told(_row(tx, (kind.name, key)), as_json)

    return show


def _add(kind: Kind, words: str, examples: tuple[str, str]) -> click.Command:
    @_command("add", f"Add {kind.article}.\n\nExample: {words} add {examples[0]}")
    @store_options
    @click.argument("key")
    @_field_options(kind, required=True)
    @json_option
    def add(key: str, as_json: bool, data: Any, database_url: str | None, **given: Any) -> None:
        _, store = open_store(data, database_url)
        body = _fields(given)
        id_ = (kind.name, key)
        _made(store, id_, as_json, lambda tx: defining.put(tx, now_ms(), id_, body, author(), 0))

    return add


def _edit(kind: Kind, words: str, examples: tuple[str, str]) -> click.Command:
    about = "Change fields of KEY; an empty value unsets one."

    @_command("edit", f"{about}\n\nExample: {words} edit {examples[1]}")
    @store_options
    @click.argument("key")
    @_field_options(kind, required=False)
    @_version
    @json_option
    def edit(
        key: str, seen: int | None, as_json: bool, data: Any, database_url: str | None,
        **given: Any,
    ) -> None:  # fmt: skip
        _, store = open_store(data, database_url)
        id_ = (kind.name, key)
        changes = _fields(given)

        def make(tx: Any) -> defining.Put:
            body = {**(defining.find(tx, id_).body or {}), **changes}
            kept = {name: value for name, value in body.items() if value != ""}
            return defining.put(tx, now_ms(), id_, kept, author(), seen)

        _made(store, id_, as_json, make)

    return edit


def _rename(kind: Kind, words: str, _: Any) -> click.Command:
    about = "Give KEY another key or name, also in all that refer to it."

    @_command("rename", f"{about}\n\nExample: {words} rename KEY --key OTHER")
    @store_options
    @click.argument("key")
    @click.option("--key", "new", help="Another key.")
    @click.option("--name", help="Another name.")
    @_version
    @json_option
    def rename(
        key: str, new: str | None, name: str | None, seen: int | None, as_json: bool, **where: Any
    ) -> None:
        if new is None and name is None:
            raise click.UsageError("give --key or --name")
        _, store = open_store(**where)
        id_ = (kind.name, key)
        _made(
            store, id_, as_json,
            lambda tx: defining.rename(tx, now_ms(), id_, author(), new, name, seen),
        )  # fmt: skip

    return rename


def _remove(kind: Kind, words: str, _: Any) -> click.Command:
    about = "Remove KEY, if nothing refers to it; its versions stay."

    @_command("remove", f"{about} Example: {words} remove KEY --yes")
    @store_options
    @click.argument("key")
    @_version
    @click.option("--yes", is_flag=True, help="Don't ask.")
    def remove(key: str, seen: int | None, yes: bool, **where: Any) -> None:
        _, store = open_store(**where)
        if not yes:
            click.confirm(f"Remove the {kind.title} {key}?", abort=True)
        with store.write() as tx:
            defining.remove(tx, now_ms(), (kind.name, key), author(), seen)

    return remove


def _history(kind: Kind, words: str, _: Any) -> click.Command:
    about = "List the versions of KEY, newest first, with what each changed."

    @_command("history", f"{about} Example: {words} history KEY")
    @store_options
    @click.argument("key")
    @json_option
    def history(key: str, as_json: bool, **where: Any) -> None:
        from cdp.definitions import difference
        from cdp.events import format_time

        _, store = open_store(**where)
        with store.read() as tx:
            found = defining.history(tx, (kind.name, key))
        rows: list[dict[str, Any]] = []
        for version, before in zip(found, [*found[1:], None], strict=True):
            changed = difference(before.body if before else None, version.body)
            row = {"version": version.version, "author": version.author}
            row["at"] = format_time(version.at)
            if as_json:
                row["body"] = version.body
            elif version.body is None:
                row["changed"] = "removed"
            else:
                row["changed"] = "\n".join(f"{c.field}: {cell(c.after) or '–'}" for c in changed)
            rows.append(row)
        print_rows(rows, as_json)

    return history


def _revert(kind: Kind, words: str, _: Any) -> click.Command:
    about = "Make version TO of KEY hold again, also of a removed one."

    @_command("revert", f"{about} Example: {words} revert KEY 3")
    @store_options
    @click.argument("key")
    @click.argument("to", type=int)
    @_version
    @json_option
    def revert(key: str, to: int, seen: int | None, as_json: bool, **where: Any) -> None:
        _, store = open_store(**where)
        id_ = (kind.name, key)
        _made(
            store, id_, as_json,
            lambda tx: defining.revert(tx, now_ms(), id_, to, author(), seen),
        )  # fmt: skip

    return revert


def switch(kind_name: str, name: str, field: str, to: bool, text: str) -> click.Command:
    """A command that sets a yes or no of a definition."""

    @_command(name, text)
    @store_options
    @click.argument("key")
    @_version
    @json_option
    def set_(key: str, seen: int | None, as_json: bool, **where: Any) -> None:
        _, store = open_store(**where)
        id_ = (kind_name, key)

        def make(tx: Any) -> defining.Put:
            body = {**(defining.find(tx, id_).body or {}), field: to}
            return defining.put(tx, now_ms(), id_, body, author(), seen)

        _made(store, id_, as_json, make)

    return set_
