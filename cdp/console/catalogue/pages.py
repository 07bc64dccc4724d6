"""Catalogue: which events, traits and context fields have been seen."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, render_template, request
from sqlalchemy import Connection

from cdp.console import layout
from cdp.console.context import console
from cdp.events.message import TYPES
from cdp.protocols import hides_something, root_of
from cdp.store import config_rows
from cdp.store.catalogue import reads as catalogue_reads
from cdp.store.catalogue.fields import load_classes
from cdp.store.catalogue.reads import CONTEXT, DAY_MS, LATELY, SORTS, Entry
from cdp.store.config_rows import Source
from cdp.store.profiles import object_types

PAGE = 100
#: Days that an event's own page draws.
DAYS = 90


class Wanted(NamedTuple):
    """What the address narrows a list to."""

    q: str = ""
    type: str = ""
    source: str = ""
    sort: str = SORTS[0]

    @classmethod
    def from_request(cls) -> Wanted:
        """Read it from the address; what it can't be is left out."""
        args = {key: request.args.get(key, "").strip()[:500] for key in cls._fields}
        if args["type"] not in TYPES:
            args["type"] = ""
        if args["sort"] not in SORTS:
            args["sort"] = SORTS[0]
        return cls(**{key: value.replace("\0", "") for key, value in args.items()})

    @property
    def args(self) -> dict[str, str]:
        """It as it stands in an address."""
        plain = Wanted()._asdict()
        return {key: value for key, value in self._asdict().items() if value != plain[key]}

    def but(self, **more: str) -> dict[str, str]:
        """The same address, but for ``more``."""
        return self._replace(**more).args


class Line(NamedTuple):
    """An event in the list, with its share of the last days' messages and its curve."""

    entry: Entry
    share: float
    points: list[int]


def index() -> str:
    """The events."""
    wanted, start = Wanted.from_request(), layout.number_arg("from") or 0
    with console().store.read() as tx:
        source = _source(tx, wanted.source)
        listed = catalogue_reads.entries(
            tx, _today(), wanted.q, wanted.type or None, source, wanted.sort
        )
        page = listed.entries[start : start + PAGE]
        curves = catalogue_reads.by_day(tx, _today(), [e.id for e in page], LATELY, source)
        context: dict[str, Any] = {
            "lines": [Line(e, _part(e.lately, listed.lately), curves[e.id]) for e in page],
            "total": len(listed.entries),
            "other": catalogue_reads.other(tx),
            "sources": _sources(tx),
        }
    more = start + PAGE if start + PAGE < context["total"] else None
    name = "catalogue_found.html" if "HX-Target" in request.headers else "catalogue.html"
    return render_template(
        f"console/{name}", wanted=wanted, types=TYPES, start=start, more=more, **context
    )


def event() -> str:
    """One event: its volume, who sends it, what it carries."""
    wanted = Wanted.from_request()
    name = request.args.get("name", "").replace("\0", "")
    with console().store.read() as tx:
        source = _source(tx, wanted.source)
        found = catalogue_reads.entry(tx, _today(), wanted.type or None, name)
        if found is None:
            abort(404, "No such event has been seen. It may have been removed with its source.")
        mine = found
        if source is not None:
            mine = catalogue_reads.entry(tx, _today(), found.type, name, source) or found._replace(
                n=0, lately=0, looked=0, beyond=0
            )
        curve = catalogue_reads.by_day(tx, _today(), [found.id], DAYS, source)[found.id]
        lately = catalogue_reads.lately(tx, _today(), source)
        carried = catalogue_reads.fields(tx, found.id, wanted.q, source)
        sources, classes = _sources(tx), load_classes(tx)
    return render_template(
        "console/catalogue_event.html",
        classes=classes,
        root=root_of(found.type, found.name),
        wanted=wanted,
        entry=found,
        mine=mine,
        share=_part(mine.lately, lately),
        points=curve,
        first_day=(_today() - DAYS + 1) * DAY_MS,
        carried=carried,
        messages=mine.n,
        sources=sources,
        here_args={"type": found.type, "name": found.label},
        live=_live(found, wanted.source),
    )


def traits() -> str:
    """The traits of people, of accounts or of other objects."""
    of = request.args.get("of", "users").replace("\0", "")
    with console().store.read() as tx:
        calls = catalogue_reads.traits_of(tx, of)
    if calls is None:
        abort(404, f"There are no traits of {of}.")
    return _fields("traits", *calls, of)


def context() -> str:
    """The fields of the context."""
    return _fields("context", CONTEXT, "", "")


def _fields(tab: str, type_: str, name: str, of: str) -> str:
    wanted = Wanted.from_request()
    with console().store.read() as tx:
        source = _source(tx, wanted.source)
        messages, carried = catalogue_reads.fields_of(tx, type_, wanted.q, source, name)
        sources, classes = _sources(tx), load_classes(tx)
        kinds = object_types.all_types(tx)
    template = (
        "catalogue_fields.html" if "HX-Target" in request.headers else "catalogue_traits.html"
    )
    return render_template(
        f"console/{template}",
        tab=tab,
        classes=classes,
        root=root_of(type_, name),
        kinds=kinds,
        of=of,
        wanted=wanted,
        messages=messages,
        carried=carried,
        sources=sources,
    )


def _live(entry: Entry, source: str) -> dict[str, str] | None:
    """The filter of Live that shows these events; None where a name stands for several."""
    if hides_something(entry.name):
        return None
    found = {"type": entry.type, "name": entry.name, "source": source}
    return {key: value for key, value in found.items() if value}


def _part(n: int, whole: int) -> float:
    return n / whole if whole else 0.0


def _today() -> int:
    return console().now() // DAY_MS


def _sources(tx: Connection) -> dict[int, Source]:
    return {source.id: source for source in config_rows.all_sources(tx)}


def _source(tx: Connection, key: str) -> int | None:
    if not key:
        return None
    found = next((s.id for s in config_rows.all_sources(tx) if s.key == key), None)
    if found is None:
        abort(404, f"There is no source called {key}.")
    return found
