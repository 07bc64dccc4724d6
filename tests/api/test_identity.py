"""Explaining, parting and ruling profiles by API."""

from __future__ import annotations

from cdp.pipeline import sweep
from tests.api.calls import Api
from tests.factories import Space, iso


def kiosk() -> list[dict[str, object]]:
    """Two browsers of one person; the older is a kiosk that somebody else uses as well."""
    rows = [
        {"type": "page", "name": "Home", "anonymousId": "kiosk"},
        {"type": "identify", "anonymousId": "phone", "userId": "u1", "traits": {"plan": "free"}},
        {"type": "identify", "anonymousId": "kiosk", "userId": "u1", "traits": {"plan": "pro"}},
        {"type": "track", "event": "Order Completed", "anonymousId": "kiosk"},
        {"type": "identify", "anonymousId": "kiosk", "userId": "u2", "traits": {"plan": "team"}},
    ]
    return [
        {**row, "messageId": f"m{number}", "timestamp": iso(60 - number)}
        for number, row in enumerate(rows)
    ]


def test_an_explanation_is_a_tree_with_the_messages_and_rules(api: Api, space: Space) -> None:
    space.send(*kiosk())
    story = api.get("/api/profiles/user_id:u1/explanation")
    first, join = story["profile"]["steps"]
    assert (first["message_id"], first["name"], first["added"]) == (
        "m0", "Home", ["anonymous_id:kiosk"],
    )  # fmt: skip
    assert join["message_id"] == "m2" and join["known_by"] == ["anonymous_id:kiosk"]
    [taken] = join["joined"]
    assert taken["by"] == ["user_id:u1"]
    assert [step["message_id"] for step in taken["profile"]["steps"]] == ["m1"]
    [other] = story["elsewhere"]
    assert other["message_id"] == "m4"
    assert other["kept_apart"][0]["because"] == "a profile has at most 1 user_id"
    assert other["kept_apart"][0]["belongs_to"] == story["id"]
    [seq] = [row["seq"] for row in api.listed("/api/profiles/user_id:u2/events")]
    [apart] = api.get(f"/api/events/{seq}")["kept_apart"]
    assert apart["identifier"] == "anonymous_id:kiosk" and apart["reason"] == "limit:user_id"
    theirs = api.get("/api/profiles/user_id:u2/explanation")
    assert theirs["profile"]["steps"][0]["kept_apart"] == other["kept_apart"]
    # The id of the profile that was taken in goes on to answer, with the survivor.
    assert api.get(f"/api/profiles/{taken['profile']['id']}")["id"] == story["id"]


def test_parting_a_kiosk_gives_each_side_its_own_and_can_be_undone(api: Api, space: Space) -> None:
    space.send(*kiosk())
    before = api.get("/api/profiles/user_id:u1")
    body = {"take": ["anonymous_id:kiosk"], "note": "the kiosk in the shop"}
    would = api.post("/api/profiles/user_id:u1/unmerge", {**body, "dry_run": True})
    assert would["cut"] is None and would["links"] == ["m2"]
    assert (would["events_taken"], would["events_kept"]) == (2, 2)
    assert would["joins"] == ["user_id:u2"]
    assert api.get("/api/profiles/user_id:u1") == before
    done = api.post("/api/profiles/user_id:u1/unmerge", body)
    assert done["taken"] == ["anonymous_id:kiosk"]
    assert done["kept"] == ["anonymous_id:phone", "user_id:u1"]
    assert api.get("/api/profiles/user_id:u1")["traits"] == {"plan": "pro"}
    # Without the link, the kiosk's next login made it the other person's.
    twin = api.get(f"/api/profiles/{done['profile']}")
    assert set(twin["identifiers"]) == {"anonymous_id:kiosk", "user_id:u2"}
    events = api.listed("/api/profiles/user_id:u2/events")
    assert [row["message"]["messageId"] for row in events] == ["m4", "m3", "m0"]
    [cut] = api.listed("/api/identity/cuts")
    assert cut["note"] == "the kiosk in the shop" and cut["undone_at"] is None
    undone = api.post(f"/api/identity/cuts/{cut['number']}/undo")
    assert undone["undone_at"] is not None
    after = api.get("/api/profiles/user_id:u1")
    assert {**after, "updated_at": ""} == {**before, "updated_at": ""}
    api.post(f"/api/identity/cuts/{cut['number']}/undo", status=404)


def test_an_identifier_says_when_its_person_first_and_last_named_it(api: Api, space: Space) -> None:
    def named(at: str, **ids: str) -> dict[str, object]:
        return {"type": "page", "timestamp": f"2026-01-0{at}T00:00:00Z", **ids}

    space.send(
        named("1", anonymousId="kiosk"), named("2", anonymousId="kiosk", userId="u1"),
        named("5", userId="u1"), named("4", anonymousId="kiosk"),
        named("7", anonymousId="kiosk", userId="u2"),  # kept apart: u2 says nothing of it
    )  # fmt: skip
    rows = api.get("/api/profiles/user_id:u1/identifiers")["data"]
    assert {row["value"]: (row["first_at"][9], row["last_at"][9]) for row in rows} == {
        "kiosk": ("1", "4"),
        "u1": ("2", "5"),
    }


def test_what_cannot_be_parted_is_said(api: Api, space: Space) -> None:
    space.send(*kiosk())
    address = "/api/profiles/user_id:u1/unmerge"
    for body, text in (
        ({"take": ["kiosk"]}, "type:value"),
        ({"take": ["anonymous_id:other"]}, "not an identifier of this profile"),
        ({"take": ["user_id:u1"], "keep": "user_id:u1"}, "can't both be taken and stay"),
        ({"take": ["user_id:u1", "anonymous_id:kiosk", "anonymous_id:phone"]}, "nothing is left"),
        ({"take": []}, "take"),
    ):
        assert text in api.post(address, body, 400)["error"]["message"]
    api.post("/api/profiles/user_id:u9/unmerge", {"take": ["anonymous_id:kiosk"]}, 404)
    assert api.listed("/api/identity/cuts") == []


def test_an_id_that_is_blocked_later_parts_those_it_had_joined(api: Api, space: Space) -> None:
    space.send(*kiosk())
    api.send("PUT", "/api/identity/rules", {"rules": {"limits": {"user_id": 5}}})
    while sweep.step(space.store, 0) is not None:
        pass
    assert set(api.get("/api/profiles/user_id:u1")["identifiers"]) >= {"user_id:u1", "user_id:u2"}
    rules = {"limits": {"user_id": 5}, "blocked": ["Kiosk"]}
    would = api.post("/api/identity/rules/preview", {"rules": rules})
    assert (would["before"], would["after"]) == (1, 2)
    [example] = would["examples"]
    assert sorted(map(sorted, example["then"])) == [
        ["anonymous_id:phone", "user_id:u1"], ["user_id:u2"]
    ]  # fmt: skip
    answer = api.send("PUT", "/api/identity/rules", {"rules": rules})
    assert answer["version"] == 2 and answer["swept"] < 1
    while sweep.step(space.store, 0) is not None:
        pass
    assert api.get("/api/identity/rules")["swept"] == 1
    assert api.get("/api/profiles/user_id:u2")["identifiers"] == ["user_id:u2"]
    api.get("/api/profiles/anonymous_id:kiosk", 404)
    [step] = api.get("/api/profiles/user_id:u2/explanation")["profile"]["steps"]
    assert [(one["identifier"], one["reason"]) for one in step["kept_apart"]] == [
        ("anonymous_id:kiosk", "blocked")
    ]
    assert [row["version"] for row in api.listed("/api/identity/rules/versions")] == [2, 1]


def test_rules_that_cannot_be_used_say_where_and_change_nothing(api: Api) -> None:
    for rules, text in (
        ({"limits": {"user_id": 0}}, "limits.user_id: A limit is a whole number"),
        ({"phone_region": "UK"}, "UK is no country"),
        ({"phone_region": "Poland"}, "two letters in upper case"),
        ({"limits": {"email": {"count": 3, "per": "fortnight"}}}, "per is one of"),
        ({"blocked_patterns": ["("]}, "no regular expression"),
        ({"priority": ["User Id"]}, "priority"),
        ({"identifiers": {"loyalty": ["loyalty"]}}, "no path"),
        ({"identifiers": {"user_id": ["traits.id"]}}, "its own place"),
        ({"limitz": {}}, "limitz"),
    ):
        for method, path in (
            ("PUT", "/api/identity/rules"),
            ("POST", "/api/identity/rules/preview"),
        ):
            assert text in api.send(method, path, {"rules": rules}, 400)["error"]["message"]
    assert api.get("/api/identity/rules")["version"] == 0
