"""The palette behind Ctrl-K: pages, people, sources, destinations, events, actions."""

from __future__ import annotations

from typing import NamedTuple

from flask import render_template, request, url_for
from sqlalchemy import Connection

from cdp.console import auth
from cdp.console.context import console
from cdp.console.defined import BY_PLURAL
from cdp.console.persons import find_people, person_address
from cdp.definitions import title_of
from cdp.store import config_rows, definitions
from cdp.store.catalogue import reads as catalogue_reads
from cdp.store.profiles.faces import Face

PEOPLE = 6
EVENTS = 5
_PAGES = (
    ("Home", "console.home", "what is going on"),
    ("Live events", "console.live", "stream debugger incoming"),
    ("Rejected events", "console.rejected", "refused errors invalid"),
    ("Catalogue", "console.catalogue", "events properties schema seen"),
    ("Traits", "console.catalogue_traits", "catalogue properties of people"),
    ("Context", "console.catalogue_context", "catalogue fields device page campaign"),
    ("Lists", "console.lists", "catalogue uploaded values conditions"),
    ("Personal data", "console.catalogue_personal", "catalogue classify pii privacy masked"),
    ("People", "console.people", "profiles users customers search"),
    ("Deletions", "console.deletions", "people privacy forget suppress gdpr"),
    ("Exports", "console.exports", "people events download csv json parquet"),
    ("Imports", "console.imports", "people upload csv spreadsheet file undo"),
    ("Import a file", "console.import_new", "people upload csv spreadsheet json parquet"),
    ("Audiences", "console.audiences", "segments lists members who"),
    ("Templates", "console.templates", "messages emails write"),
    ("Layouts", "console.layouts", "messages templates frame"),
    ("Snippets", "console.snippets", "messages templates texts"),
    ("Images", "console.images", "messages templates pictures upload"),
    ("Limits", "console.limits", "messages caps quiet hours conflicts journeys groups"),
    ("Preference centre", "console.topics", "messages topics subscriptions logo"),
    ("Journeys", "console.journeys", "workflows campaigns automation"),
    ("New journey", "console.journey_new", "recipe welcome cart trial workflow"),
    ("Sources", "console.connections", "write key snippet"),
    ("Add a source", "console.source_new", "new write key snippet"),
    ("Destinations", "console.destinations", "webhook delivery"),
    ("Add a destination", "console.destination_catalogue", "new webhook connect"),
    ("Plugins", "console.plugins", "extensions errors"),
    ("Account and password", "console.account", "settings"),
    ("API tokens", "console.tokens", "settings key"),
    ("People and roles", "console.users", "settings team members password"),
    ("Trait rules", "console.trait_rules", "settings limits merge objects"),
    ("Object types", "console.object_types", "settings rename accounts"),
    ("Activity log", "console.activity", "settings audit changes history"),
)


class Hit(NamedTuple):
    """One line of the palette."""

    group: str
    name: str
    sub: str
    address: str
    post: bool = False
    #: Whom it leads to; its words are theirs then.
    face: Face | None = None

    @property
    def words(self) -> tuple[str, str]:
        """What the line says, and what stands beside it."""
        if self.face is None:
            return self.name, self.sub
        label = self.face.label
        return label, next((value for _, value in self.face.ids if value != label), "")


def palette() -> str:
    """What fits the text, grouped."""
    text = request.args.get("q", "").strip()[:300]
    with console().store.read() as tx:
        hits = _pages(text) + _people(tx, text) + _connections(tx, text)
        hits += _events(tx, text) + _actions(tx, text)
    return render_template("console/palette.html", hits=hits, q=text)


def _pages(text: str) -> list[Hit]:
    words = text.casefold().split()
    return [
        Hit("Pages", name, "", url_for(endpoint))
        for name, endpoint, more in _PAGES
        if all(word in f"{name} {more}".casefold() for word in words)
    ]


def _people(tx: Connection, text: str) -> list[Hit]:
    if len(text) < 2:
        return []
    return [
        Hit("People", "", "", person_address(face), face=face)
        for face in find_people(tx, text, PEOPLE)
    ]


def _connections(tx: Connection, text: str) -> list[Hit]:
    if not text:
        return []
    needle = text.casefold()
    keys = auth.current().sees_personal
    hits = [
        Hit("Sources", source.name, source.key, url_for("console.source", key=source.key))
        for source in config_rows.own_sources(tx)
        if needle in f"{source.name} {source.key} {source.write_key if keys else ''}".casefold()
    ]
    for kind in BY_PLURAL.values():
        group = f"{kind.title.capitalize()}s"
        hits += [
            Hit(
                group,
                name,
                version.key,
                url_for("console.defined_one", plural=kind.plural, key=version.key),
            )
            for version in definitions.all_current(tx, kind.name)
            if needle
            in f"{(name := title_of(version.key, version.body or {}))} {version.key}".casefold()
        ]
    hits += [
        Hit("Destinations", item.name, item.plugin, url_for("console.destination", key=item.key))
        for item in config_rows.all_destinations(tx)
        if needle in f"{item.name} {item.key} {item.plugin}".casefold()
    ]
    return hits[:12]


def _events(tx: Connection, text: str) -> list[Hit]:
    if len(text) < 2:
        return []
    needle = text.casefold()
    found = catalogue_reads.entries(tx, console().now() // catalogue_reads.DAY_MS).entries
    return [
        Hit(
            "Events",
            entry.label,
            entry.type,
            url_for("console.catalogue_event", type=entry.type, name=entry.label),
        )
        for entry in found
        if needle in entry.label.casefold()
    ][:EVENTS]


def _actions(tx: Connection, text: str) -> list[Hit]:
    """What the visitor may do at once; what ends something leads to its page instead."""
    if not text or not auth.current().can_change:
        return []
    hits = [Hit("Actions", "Send a test event", "", url_for("console.test_event"), True)]
    for item in config_rows.all_destinations(tx):
        page = url_for("console.destination", key=item.key)
        test = url_for("console.destination_test", key=item.key)
        hits.append(Hit("Actions", f"Send a test to {item.name}", "", test, True))
        word = "Disable (pause)" if item.enabled else "Enable"
        hits.append(Hit("Actions", f"{word} {item.name}", "on its page", page))
    hits.append(Hit("Actions", "Log out", "", url_for("console.logout"), True))
    words = text.casefold().split()
    return [hit for hit in hits if all(word in hit.name.casefold() for word in words)][:8]
