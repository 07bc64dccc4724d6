"""The catalogue by API and by command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from cdp.cli import cli
from tests.factories import Space, ana, bearer


def get(space: Space, address: str, status: int = 200) -> Any:
    answer = space.client().get(address, headers=bearer())
    assert answer.status_code == status, answer.text
    return answer.json


@pytest.fixture
def seen(space: Space) -> Space:
    space.send(*ana(), {"type": "screen", "userId": "u1"})
    return space


def test_events_are_listed_with_counts_and_share(seen: Space) -> None:
    answer = get(seen, "/api/catalogue/events?sort=name")
    assert [(row["type"], row["name"], row["count"]) for row in answer["data"]] == [
        ("group", None, 1),
        ("identify", None, 2),
        ("track", "Order Completed", 1),
        ("page", "Pricing", 1),
        ("screen", None, 1),
    ]
    assert answer["total"] == 5 and answer["other"] == 0
    assert sum(row["share_30_days"] for row in answer["data"]) == pytest.approx(1, abs=0.001)
    assert answer["data"][2]["sources"] == ["default"]


def test_the_list_has_pages_a_search_and_filters(seen: Space) -> None:
    names, cursor = [], ""
    while cursor is not None:
        page = get(seen, "/api/catalogue/events?limit=2&sort=name" + (cursor and f"&next={cursor}"))
        names += [row["name"] or row["type"] for row in page["data"]]
        cursor = page["next"]
    assert names == ["group", "identify", "Order Completed", "Pricing", "screen"]
    for query, found in (("q=total", 1), ("q=ORDER", 1), ("type=page", 1), ("q=zz", 0)):
        assert get(seen, f"/api/catalogue/events?{query}")["total"] == found, query
    get(seen, "/api/catalogue/events?source=nobody", 404)
    get(seen, "/api/catalogue/events?sort=colour", 400)
    get(seen, "/api/catalogue/events?next=zz", 400)


def test_one_event_tells_its_fields_days_and_sources(seen: Space) -> None:
    found = get(seen, "/api/catalogue/events/Order%20Completed")
    assert found["type"] == "track" and found["looked_into"] == 1 and found["beyond"] == 0
    [total] = found["fields"]
    assert total["path"] == "total" and total["share"] == 1.0 and not total["conflict"]
    assert total["types"] == [{"type": "number", "count": 1, "share": 1.0}]
    assert total["samples"] == [{"value": 12.5, "personal": None, "count": 1}]
    assert len(found["days"]) == 90 and sum(day["count"] for day in found["days"]) == 1
    assert [(of["source"], of["count"]) for of in found["sources"]] == [("default", 1)]
    assert get(seen, "/api/catalogue/events/screen")["name"] is None
    get(seen, "/api/catalogue/events/Order%20Completed?type=page", 404)
    get(seen, "/api/catalogue/events/Nothing", 404)


def test_names_with_slashes_have_an_address(space: Space) -> None:
    space.send({"type": "track", "event": "a//b/c", "userId": "u1"})
    assert get(space, "/api/catalogue/events/a//b/c")["name"] == "a//b/c"


def test_traits_and_context_are_listed_and_masked(seen: Space) -> None:
    traits = get(seen, "/api/catalogue/traits")
    assert traits["messages"] == traits["looked_into"] == 2
    by_path = {row["path"]: row["samples"] for row in traits["data"]}
    assert by_path["email"] == [{"value": None, "personal": "email", "count": 1}]
    assert {s["value"] for s in by_path["plan"]} == {"free", "pro"}
    accounts = get(seen, "/api/catalogue/traits?of=accounts&q=seat")
    assert [row["path"] for row in accounts["data"]] == ["seats"]
    assert "203.0.113" not in json.dumps(get(seen, "/api/catalogue/context"))
    assert get(seen, "/api/catalogue/context?limit=1")["messages"] == 6


def test_it_needs_the_scope_to_read_events(seen: Space) -> None:
    token = seen.token("profiles:read")
    answer = seen.client().get("/api/catalogue/events", headers=bearer(token))
    assert answer.status_code == 403


def run(space: Space, *args: str) -> Any:
    return CliRunner().invoke(
        cli, ["events", "catalogue", *args, "--data", str(space.settings.data)]
    )


def test_the_command_prints_events_and_fields(seen: Space) -> None:
    rows = [json.loads(line) for line in run(seen, "--json").stdout.splitlines()]
    assert {row["name"] for row in rows} == {"Pricing", "Order Completed", None}
    one = json.loads(run(seen, "Order Completed", "--json").stdout)
    assert [field["path"] for field in one["fields"]] == ["total"]
    text = run(seen, "Order Completed").stdout
    assert "of 1 looked into among 1" in text and "12.5" in text
    traits = run(seen, "--traits", "users").stdout
    assert "‹email›" in traits and "Ana" not in traits
    context = [json.loads(line) for line in run(seen, "--context", "--json").stdout.splitlines()]
    assert "ip" in {row["path"] for row in context}


def test_the_command_refuses_what_it_can_not_do(seen: Space) -> None:
    for args, code in ((("Nothing",), 1), (("--source", "x"), 1), (("x", "--context"), 2)):
        assert run(seen, *args).exit_code == code, args


def test_fields_are_proposed_confirmed_and_overruled(seen: Space) -> None:
    waiting = get(seen, "/api/catalogue/fields?state=waiting")
    assert {row["field"]: (row["kind"], row["by"]) for row in waiting["data"]} == {
        "context.ip": ("ip", "name"),
        "traits.email": ("email", "name"),
        "traits.name": ("name", "name"),
    }
    answer = seen.client().patch(
        "/api/catalogue/fields",
        json={"fields": {"traits.email": True, "traits.name": False, "account.seats": True}},
        headers=bearer(),
    )
    assert answer.status_code == 200, answer.text
    assert [(r["field"], r["personal"], r["state"]) for r in answer.json["data"]] == [
        ("traits.email", True, "confirmed"),
        ("traits.name", False, "confirmed"),
        ("account.seats", True, "confirmed"),
    ]
    assert [r["field"] for r in get(seen, "/api/catalogue/fields?state=waiting")["data"]] == [
        "context.ip"
    ]
    assert get(seen, "/api/catalogue/fields/traits.email")["state"] == "confirmed"
    get(seen, "/api/catalogue/fields/traits.nothing", 404)
    by_path = {r["path"]: r for r in get(seen, "/api/catalogue/traits")["data"]}
    assert (by_path["email"]["field"], by_path["email"]["confirmed"]) == ("traits.email", True)
    assert not by_path["name"]["personal"] and not by_path["plan"]["confirmed"]
    get(seen, "/api/catalogue/traits?of=cats", 404)


def test_keys_without_letters_are_listed_and_decided_as_others_are(seen: Space) -> None:
    odd = {"": 1, "[]": 2, "a": {" ": 3}, "." * 90: {"." * 90: {"." * 90: {"." * 90: 4}}}}
    seen.send({"type": "track", "userId": "u1", "event": "Odd", "properties": odd})
    listed = [row["field"] for row in get(seen, "/api/catalogue/events/Odd")["fields"]]
    known = {row["field"] for row in get(seen, "/api/catalogue/fields")["data"]}
    assert len(listed) == 8 and set(listed) <= known and "properties.a.‹blank›" in known
    decided = dict.fromkeys(listed, True)
    change = {"json": {"fields": decided}, "headers": bearer()}
    assert seen.client().patch("/api/catalogue/fields", **change).status_code == 200
    for row in get(seen, "/api/catalogue/events/Odd")["fields"]:
        assert row["personal"] and all(sample["value"] is None for sample in row["samples"])


@pytest.mark.parametrize(
    "fields", [{"email": True}, {"traits.email": "yes"}, {}, {"traits.": None}]
)
def test_what_is_no_field_or_no_decision_is_refused(seen: Space, fields: Any) -> None:
    answer = seen.client().patch("/api/catalogue/fields", json={"fields": fields}, headers=bearer())
    assert answer.status_code == 400 and answer.json["error"]["fields"], answer.text


def test_the_command_line_lists_and_decides(seen: Space) -> None:
    def run(*args: str) -> str:
        where = ("--data", str(seen.settings.data))
        result = CliRunner().invoke(cli, ["catalogue", *args, *where])
        assert result.exit_code == 0, result.output
        return result.output

    assert "traits.email" in run("fields", "--state", "waiting")
    assert "confirmed" in run("decide", "traits.email", "--personal")
    assert "traits.email" not in run("fields", "--state", "waiting")
    assert "proposed" in run("decide", "traits.email", "--undecided")
    where = ("--data", str(seen.settings.data))
    result = CliRunner().invoke(cli, ["catalogue", "decide", "email", "--personal", *where])
    assert result.exit_code == 1 and "is no field" in result.output
