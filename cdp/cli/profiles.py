"""``cdp profiles``: people and accounts."""

from __future__ import annotations

from typing import Any

import click

from cdp.cli.common import json_option, open_store, print_object, print_rows, store_options
from cdp.cli.find import find
from cdp.cli.identity import cuts, explain, rules, unmerge
from cdp.cli.privacy import access, delete, deletions, suppress
from cdp.cli.subscriptions import subscribe, subscriptions, unsubscribe
from cdp.cli.traits import trait_rules, traits
from cdp.events import format_time
from cdp.identity import public_id
from cdp.store import config_rows
from cdp.store.audiences import membership
from cdp.store.profiles import faces, object_types, people
from cdp.store.profiles.objects import links
from cdp.store.profiles.people import Profile

#: Relationships that are shown, the latest first.
RELATED = 50


@click.group()
def profiles() -> None:
    """Look people and accounts up, and explain them."""


for command in (
    explain, unmerge, cuts, rules, traits, trait_rules, delete, suppress, deletions, access,
    subscriptions, subscribe, unsubscribe,
):  # fmt: skip
    profiles.add_command(command)


def _identifiers(tx: Any, profile: Profile) -> list[dict[str, Any]]:
    sources = {s.id: s.key for s in config_rows.all_sources(tx)}
    return [
        {
            "type": row.type,
            "value": row.value,
            "since": format_time(row.first_t),
            "source": sources.get(row.first_source),
            "message_id": row.first_message_id,
        }
        for row in people.identifiers_of(tx, profile.id)
    ]


@profiles.command()
@store_options
@click.argument("identifier")
@json_option
def show(identifier: str, as_json: bool, **where: Any) -> None:
    """Show the profile of IDENTIFIER. Example: cdp profiles show user_id:u1"""
    _, store = open_store(**where)
    with store.read() as tx:
        found = find(tx, identifier)
        ids = _identifiers(tx, found)
        related = links(tx, found.id, found.collection, limit=RELATED)
        words = object_types.words(tx)
        computed = membership.values_of_person(tx, found.id)
        inside = membership.of_person(tx, found.id)
        others = {
            face.profile: face for face in faces.faces_of_profiles(tx, [r.profile for r in related])
        }
    print_object(
        {
            "id": public_id(found.collection, found.anchor),
            "collection": words[found.collection],
            "name": found.name,
            "created_at": format_time(found.created_t),
            "identifiers": {f"{row['type']}:{row['value']}": row["since"] for row in ids},
            "traits": found.traits.values(),
            "computed_traits": {key: value for key, (value, _) in computed.items()},
            "audiences": {one.key: format_time(one.since) for one in inside},
            "relationships": [
                {
                    "id": public_id(link.collection, others[link.profile].anchor),
                    "collection": words[link.collection],
                    "name": others[link.profile].name,
                    "since": format_time(link.since),
                    "traits": link.traits,
                }
                for link in related
            ],
        },
        as_json,
    )


@profiles.command()
@store_options
@click.argument("text")
@click.option("--limit", default=20, show_default=True)
@json_option
def search(text: str, limit: int, as_json: bool, **where: Any) -> None:
    """Find by the beginning of a name or identifier. Example: cdp profiles search ada@"""
    _, store = open_store(**where)
    with store.read() as tx:
        rows = people.search(tx, text, limit)
    shown = [
        {
            "id": public_id(row["collection"], row["anchor"]),
            "name": row["name"],
            "identifiers": [f"{type_}:{value}" for type_, value in row["ids"]],
        }
        for row in rows
    ]
    print_rows(shown, as_json)
