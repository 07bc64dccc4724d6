"""Traits through the whole way: kept as sent, and told where they could not be kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cdp.store.events import console_queries, progress
from cdp.store.profiles import people
from cdp.store.profiles.trait_rules import put_trait_rules
from cdp.store.tables import USERS, rejected
from tests.factories import Space, bearer


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    url = None
    if request.param == "postgres":
        from tests.postgres import new_database

        url = new_database()
    made = Space(tmp_path, url)
    yield made
    made.close()


def rules(space: Space, data: dict[str, Any]) -> None:
    with space.store.write() as tx:
        put_trait_rules(tx, 0, data, "test")
    space.pipeline._checked = 0.0  # the version is looked at twice a second; now at once


def traits_of(space: Space, user: str = "u1") -> dict[str, Any]:
    with space.store.read() as tx:
        found = people.resolve(tx, USERS, "user_id", user)
        assert found is not None
        return found.traits.values()


def refusals(space: Space) -> list[tuple[str | None, int | None, str, str]]:
    with space.store.read() as tx:
        rows = tx.execute(select(rejected).order_by(rejected.c.id))
        return [(row.message_id, row.source_id, row.code, row.detail) for row in rows]


def test_a_message_is_taken_without_the_traits_that_are_too_large_and_that_is_told(
    space: Space,
) -> None:
    large = {"plan": "pro", "bio": "x" * 17_000, "": 1}
    space.send({"type": "identify", "userId": "u1", "messageId": "m1", "traits": large})
    assert traits_of(space) == {"plan": "pro"}
    [(message_id, source, code, detail)] = refusals(space)
    assert (message_id, source, code) == ("m1", 1, "trait_dropped")
    assert detail == (
        "the message was taken without these traits: "
        'bio (its value has 17,002 bytes, 16,384 are allowed); "" (it has no name)'
    )
    with space.store.read() as tx:
        counted = progress.total_counts(tx)
        assert counted == {"identify": 1, "rejected:trait_dropped": 1}
        row = console_queries.newest_rejected(tx, 1, None, "trait_dropped")[0]
        one = console_queries.one_rejected(tx, row.id)
        assert one is not None and json.loads(one.body)["traits"]["plan"] == "pro"


def test_of_three_hundred_traits_a_call_the_first_are_kept(space: Space) -> None:
    many = {f"t{n}": n for n in range(330)}
    space.send({"type": "identify", "userId": "u1", "messageId": "m1", "traits": many})
    assert len(traits_of(space)) == 300 and "t299" in traits_of(space)
    [(_, _, code, detail)] = refusals(space)
    assert code == "trait_dropped"
    assert detail.startswith("the message was taken without these traits: t300, t301,")
    assert detail.endswith("t319 (a call may set 300 traits); and 10 more")


def test_a_profile_keeps_so_many_names_in_whatever_order_they_come(space: Space) -> None:
    rules(space, {"max_profile_traits": 3})
    sent = [{"beta": 1}, {"gamma": 1}, {"n1": 1}, {"email": "a@b.org"}, {"n1": 2}]
    for user, order in (("u1", sent), ("u2", sent[::-1])):
        for number, traits in enumerate(order):
            message = {"messageId": f"{user}-{number}", "userId": user, "type": "identify"}
            space.send({**message, "traits": traits})
    kept = {"beta": 1, "email": "a@b.org", "gamma": 1}
    assert traits_of(space, "u1") == {**kept, "email": "a@b.org"} == traits_of(space, "u2")
    told = [(message_id, detail) for message_id, _, _, detail in refusals(space)]
    text = "the message was taken without these traits: n1 (a profile may have 3 traits)"
    assert told[:2] == [("u1-2", text), ("u1-4", text)]


def test_a_merge_tells_which_traits_found_no_room(space: Space) -> None:
    rules(space, {"max_profile_traits": 2})
    for who, traits in (("a1", {"plan": 1, "n1": 1}), ("a2", {"city": 1, "name": "Ana"})):
        message = {"type": "identify", "anonymousId": who, "messageId": f"of-{who}"}
        space.send({**message, "traits": traits})
    space.send({"type": "identify", "anonymousId": "a1", "userId": "u1", "messageId": "m1"})
    assert refusals(space) == []
    space.send({"type": "identify", "anonymousId": "a2", "userId": "u1", "messageId": "m2"})
    assert traits_of(space) == {"name": "Ana", "plan": 1}
    assert {row[0] for row in refusals(space)} == {"of-a1", "of-a2"}


def test_objects_merge_by_rule_from_the_next_message_on(space: Space) -> None:
    first = {"type": "identify", "userId": "u1", "traits": {"address": {"city": "Oslo", "zip": 1}}}
    second = {"type": "identify", "userId": "u1", "traits": {"address": {"zip": None, "no": 2}}}
    space.send(first, second)
    assert traits_of(space) == {"address": {"zip": None, "no": 2}}
    rules(space, {"merge_objects": ["address"]})
    space.send(first, second)
    assert traits_of(space) == {"address": {"city": "Oslo", "no": 2}}


NUMBERS = {
    "beyond_int64": 2**63,
    "beyond_uint64": -(2**64) - 1,
    "long": 123456789012345678901234567890123456789,
    "sum": 0.1 + 0.2,
    "whole": 1.0,
    "small": 5e-324,
    "yes": True,
    "one": 1,
    "text": "1",
    "day": "2026-01-31",
    "moment": "2026-01-31T12:00:00.000Z",
    "compact": "20260131",
}


def test_values_keep_their_types_and_their_digits_to_the_api(space: Space) -> None:
    space.send({"type": "identify", "userId": "u1", "traits": NUMBERS})
    path = "/v1/spaces/default/collections/users/profiles/user_id:u1/traits?limit=200&verbose=true"
    answer = space.client().get(path, headers=bearer())
    shown = json.loads(answer.data)["traits"]
    for name, value in NUMBERS.items():
        found = shown[name]["value"]
        assert (type(found), found) == (type(value), value), name
    types = {name: item["type"] for name, item in shown.items()}
    assert types == {
        "beyond_int64": "integer",
        "beyond_uint64": "integer",
        "long": "integer",
        "sum": "number",
        "whole": "number",
        "small": "number",
        "yes": "boolean",
        "one": "integer",
        "text": "string",
        "day": "date",
        "moment": "date",
        "compact": "string",
    }


def test_a_change_of_type_alone_is_a_change(space: Space) -> None:
    for value in (1, 1.0, True, "1"):
        space.send({"type": "identify", "userId": "u1", "traits": {"n": value}})
        found = traits_of(space)["n"]
        assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"1" * 4301])
def test_numbers_that_nothing_holds_are_refused_with_their_message(
    space: Space, number: bytes
) -> None:
    space.send_raw("identify", b'{"userId":"u1","messageId":"m1","traits":{"n":%s}}' % number)
    with space.store.read() as tx:
        assert people.resolve(tx, USERS, "user_id", "u1") is None
    [(_, _, code, detail)] = refusals(space)
    assert code == "invalid_json" and "out of range" in detail


def test_an_integer_of_four_thousand_digits_is_kept(space: Space) -> None:
    space.send_raw("identify", b'{"userId":"u1","traits":{"n":%s}}' % (b"7" * 4300))
    path = "/v1/spaces/default/collections/users/profiles/user_id:u1/traits"
    assert b"7" * 4300 in space.client().get(path, headers=bearer()).data
