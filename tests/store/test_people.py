"""Finding people, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp.identity import identifier_hash, public_id
from cdp.store.profiles import people
from cdp.store.profiles.objects import links
from cdp.store.tables import ACCOUNTS, USERS
from tests.factories import Space, ana, iso


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    url = None
    if request.param == "postgres":
        from tests.postgres import new_database

        url = new_database()
    made = Space(tmp_path, url)
    made.send(*ana())
    yield made
    made.close()


def labels(rows: list[dict[str, object]]) -> list[object]:
    return [row["name"] for row in rows]


def test_any_identifier_leads_to_the_profile_in_whatever_form_it_is_typed(space: Space) -> None:
    with space.store.read() as tx:
        found = {
            person.id
            for type_, value in (
                ("user_id", "u1"),
                ("anonymous_id", "a1"),
                ("email", "ana@example.com"),
                ("email", "ANA@example.COM "),
            )
            if (person := people.resolve(tx, USERS, type_, value))
        }
        assert len(found) == 1
        assert people.resolve(tx, USERS, "user_id", "U1") is None
        assert people.resolve(tx, USERS, "group_id", "acme") is None
        assert people.resolve(tx, ACCOUNTS, "user_id", "u1") is None
        account = people.resolve(tx, ACCOUNTS, "group_id", "acme")
        assert account is not None and account.name == "Acme Ltd"


def test_the_public_id_of_each_identifier_leads_to_the_survivor_of_a_merge(space: Space) -> None:
    space.send({"type": "track", "event": "Seen", "anonymousId": "a7", "timestamp": iso(10)})
    old = public_id(USERS, identifier_hash(USERS, ("anonymous_id", "a7")))
    with space.store.read() as tx:
        alone, person = people.by_public_id(tx, old), people.resolve(tx, USERS, "user_id", "u1")
        assert alone and person and alone.id != person.id
    space.send({"type": "identify", "userId": "u1", "anonymousId": "a7", "timestamp": iso(5)})
    with space.store.read() as tx:
        for identifier in (("user_id", "u1"), ("anonymous_id", "a1"), ("anonymous_id", "a7")):
            text = public_id(USERS, identifier_hash(USERS, identifier))
            found, same = people.by_public_id(tx, text), people.resolve(tx, USERS, "id", text)
            assert found and same and found.id == same.id == person.id
        assert people.by_public_id(tx, "use_nonsense") is None
        assert people.by_public_id(tx, public_id(USERS, 1)) is None


def test_identifiers_and_nodes_come_in_the_order_in_which_they_were_seen(space: Space) -> None:
    with space.store.read() as tx:
        person = people.resolve(tx, USERS, "user_id", "u1")
        assert person is not None
        ids = [(row.type, row.value) for row in people.identifiers_of(tx, person.id)]
        assert ids[0] == ("anonymous_id", "a1")
        assert set(ids[1:]) == {("user_id", "u1"), ("email", "ana@example.com")}
        firsts = [node.first_message_id for node in people.nodes_of(tx, person.id)]
        assert firsts[:2] == ["m1", "m2"]


def test_people_and_accounts_are_bound_to_each_other(space: Space) -> None:
    space.send({"type": "group", "userId": "u2", "groupId": "acme", "timestamp": iso(5)})
    with space.store.read() as tx:
        account = people.resolve(tx, ACCOUNTS, "group_id", "acme")
        first = people.resolve(tx, USERS, "user_id", "u1")
        second = people.resolve(tx, USERS, "user_id", "u2")
        assert account and first and second
        assert [link.profile for link in links(tx, first.id, USERS)] == [account.id]
        assert [link.profile for link in links(tx, account.id, ACCOUNTS)] == [second.id, first.id]


@pytest.mark.parametrize(
    "text",
    ["u1", "a1", "ana@", "ANA@EXAMPLE.COM", "ana kow", "ANA", " Ana ", "Ana@Ex"],
)
def test_search_finds_by_any_identifier_or_name(space: Space, text: str) -> None:
    with space.store.read() as tx:
        assert "Ana Kowalska" in labels(people.search(tx, text, 10))


def test_search_finds_nobody_where_there_is_nobody(space: Space) -> None:
    with space.store.read() as tx:
        for text in ("", " ", "zzz", "%", "_", "ana%", "u1'--", "\U0010ffff"):
            assert people.search(tx, text, 10) == [], text


def test_search_keeps_its_limit_and_puts_the_whole_identifier_first(space: Space) -> None:
    space.send(*({"type": "track", "event": "Seen", "userId": f"u1{n}"} for n in range(10)))
    with space.store.read() as tx:
        found = people.search(tx, "u1", 5)
        assert len(found) == 5 and found[0]["name"] == "Ana Kowalska"


def test_recent_tells_about_whom_something_was_learnt_last(space: Space) -> None:
    space.send({"type": "identify", "userId": "u2", "traits": {"name": "Ben"}})
    with space.store.read() as tx:
        assert set(labels(people.recent(tx, USERS, 10))) == {"Ana Kowalska", "Ben"}
        assert labels(people.recent(tx, ACCOUNTS, 10)) == ["Acme Ltd"]
        assert len(people.recent(tx, USERS, 1)) == 1
        assert people.count(tx, USERS) == 2 and people.count(tx, ACCOUNTS) == 1
