"""Without the scope personal:read no answer of any API says anything of a person (law 8)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from marshmallow import Schema, fields

from cdp.api.admin import ROOMS
from cdp.api.auth import PERSONAL, SCOPES
from cdp.api.masking import HOW, RULES
from cdp.messaging.request import Request
from cdp.plugin import EmailContent
from cdp.plugin.messages import Report
from cdp.store.messages import addressees, claims, copies, deliveries, link_keys, reports
from cdp.store.messages.claims import Change
from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests import told
from tests.api.calls import Api
from tests.factories import TOKEN, Space

BLIND = " ".join(scope for scope in SCOPES if scope not in ("all", PERSONAL))
ROOMS_OF_OTHERS = ("tracking.", "channels.", "pages.", "console.")
#: What changes or ends most comes last.
CHANGES = ("POST", "PATCH", "PUT", "DELETE")


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """A space that its tests only read."""
    made = told_space(tmp_path_factory.mktemp("told"))
    yield made
    made.close()


def told_space(folder: Path) -> Space:
    """A space in which everything is told of one person, in every place."""
    made = Space(folder)
    all_of_it = Api(made, TOKEN)
    _go_on_a_journey(all_of_it)
    for messages in (told.MESSAGES, [told.LOST], [_seat()]):
        made.send(*messages)
    made.send_raw("track", told.BROKEN)
    told.deliver(made.store, 1000)
    _define(all_of_it)
    made.pipeline.settle()
    _write_to_her(made)
    _bring_in(all_of_it)
    taken = {"take": ["anonymous_id:anon-88-yankee"], "note": "Zoe said so"}
    all_of_it.post("/api/profiles/user_id:user-77-zulu/unmerge", taken)
    all_of_it.post("/api/suppressions", {"address": "zoe@quagmire.example", "detail": "Zoe"}, 201)
    return made


def _go_on_a_journey(api: Api) -> None:
    """One that tells runs apart by what says who she is."""
    trigger = {"event": "Signed Up", "where": 'properties.pet != ""'}
    ways = [{"when": 'traits.pet != ""', "then": [{"wait": "2d"}]}, {"else": []}]
    entry, steps = {"once_per": "properties.by"}, [{"branch": ways}]
    body = {"key": "way", "trigger": trigger, "entry": entry, "steps": steps}
    api.post("/api/journeys", body, 201)
    api.post("/api/journeys/way/launch")


def _seat() -> dict[str, Any]:
    """She has a relationship to an object, which has words about her."""
    return {
        "type": "group",
        "userId": "user-77-zulu",
        "groupId": "seat-3-victor",
        "traits": {"objectTypeId": "2", "title": "Seat"},
        "properties": {"relationshipAttributes": {"owner_name": "Zoe Quagmire"}},
    }


def _define(api: Api) -> None:
    api.post(
        "/api/audiences", {"key": "pros", "who": 'traits.email != "" and traits.plan = "pro"'}, 201
    )
    api.post(
        "/api/computed-traits", {"key": "who", "value": 'last(properties.by of "Signed Up")'}, 201
    )
    mail = {"key": "hi", "channel": "email", "from": "Shop <shop@example.org>"}
    api.post("/api/templates", {**mail, "subject": "Hi", "body": "{{ customer.name }}"}, 201)
    body = {"name": "Sale", "who": {"everybody": True}, "template": "hi"}
    api.post("/api/broadcasts", body, 201)


def _write_to_her(space: Space) -> None:
    with space.store.write() as tx:
        link_keys.ensure(tx)
        profile = people.resolve(tx, USERS, "user_id", "user-77-zulu")
        assert profile is not None
        asked = Request(
            "one", "email", addressees.node_of(tx, profile.id), "test", template="hi",
            recipient="zoe@quagmire.example", data={"trigger": {"who": "Zoe Quagmire"}},
        )  # fmt: skip
        [item] = deliveries.add(tx, [asked], 1000)
        content = EmailContent("s@example.com", ("zoe@quagmire.example",), "Hi", "<p>Zoe</p>")
        copies.keep(tx, {item.id: content}, 1)
        reason = "bounced: 'zoe@quagmire.example' is not known"
        claims.withhold(tx, [Change(item.id, "failed", 1, reason, None)], 1)
        report = Report("bounced", "r1", 1, recipient="zoe@quagmire.example", reason="no Zoe here")
        reports.add(tx, item.id, 1, report, 1)


def _bring_in(api: Api) -> None:
    text = "user_id,email,name\nuser-77-zulu,zoe@quagmire.example,Zoe Quagmire II\n,bad,x\n"
    query = {"name": "people.csv", "dry_run": "true"}
    made = api.call("POST", "/api/imports", query_string=query, data=text.encode())
    assert made.status_code == 202, made.text


def addresses(space: Space, method: str) -> Iterator[tuple[str, str]]:
    """Endpoint and address of all that the APIs have, with what there is in their places."""
    api = Api(space, TOKEN)
    person = api.get("/api/profiles/user_id:user-77-zulu")["id"]
    account = api.get("/api/profiles/group_id:acct-5-whiskey")["id"]
    keys = {
        "destinations": "hook", "sources": "default", "audiences": "pros", "templates": "hi",
        "broadcasts": "sale", "computed-traits": "who", "campaigns": "sale", "object-types": "2",
        "journeys": "way",
    }  # fmt: skip
    [letter] = [row["id"] for row in api.listed("/api/messages")]
    for rule in space.app.url_map.iter_rules():
        if rule.endpoint.startswith(ROOMS_OF_OTHERS) or method not in (rule.methods or ()):
            continue
        room = rule.rule.removeprefix("/api/").removeprefix("/v1/").partition("/")[0]
        if rule.endpoint == "profile_api.profile":
            base = "/v1/spaces/default/collections"
            for route in ("traits", "external_ids", "events", "links", "metadata"):
                more = "?limit=100&verbose=true"
                yield rule.endpoint, f"{base}/users/profiles/{person}/{route}{more}"
                yield rule.endpoint, f"{base}/accounts/profiles/{account}/{route}{more}"
            continue
        path = re.sub(r"/messages/<name>", f"/messages/{letter}", rule.rule)
        path = path.replace("/audiences/<key>", "/audiences/pros")
        path = re.sub(r"<(?:key|name)>", keys.get(room, "nothing"), path)
        path = path.replace("<path:field>", "traits.email").replace("<path:address>", "a@b.example")
        for who in (person, account) if "profile>" in path else (person,):
            own = re.sub(r"<(?:rest:)?profile>", who, path)
            for number in range(1, 9) if "<int" in own else (1,):
                yield rule.endpoint, re.sub(r"<[^>]+>", str(number), own)


def said(space: Space, scopes: str, method: str) -> Iterator[tuple[str, str, str, int]]:
    """Endpoint, address, answer and status of everything that a token of ``scopes`` can ask."""
    api = Api(space, TOKEN if scopes == "all" else space.token(scopes))
    for endpoint, path in list(addresses(space, method)):
        body = None if method == "GET" else {}
        answer = api.space.client().open(
            path, method=method, headers={"Authorization": f"Bearer {api.token}"}, json=body
        )
        yield endpoint, path, plain(answer.get_data()), answer.status_code


def plain(data: bytes) -> str:
    text = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), data.decode("latin-1"))
    return unquote(text)


def found_in(text: str) -> list[str]:
    return [value for value in told.SECRET if value in text]


def test_whoever_may_is_told_all_of_it(space: Space) -> None:
    texts = {(endpoint, path): text for endpoint, path, text, _ in said(space, "all", "GET")}
    everything = " ".join(texts.values())
    assert [value for value in told.SECRET if value not in everything] == []
    [runs] = [text for (_, path), text in texts.items() if path == "/api/journeys/way/runs"]
    assert "user-77-zulu" in runs
    telling = {endpoint for (endpoint, _), text in texts.items() if found_in(text)}
    assert len(telling) >= 20, sorted(telling)


def test_no_answer_to_a_token_without_the_scope_says_anything_of_her(space: Space) -> None:
    assert walk(space, "GET") > 60


def test_nor_does_any_answer_to_a_change(tmp_path: Path) -> None:
    space = told_space(tmp_path)
    for method in CHANGES:
        assert walk(space, method) > 2
    space.close()


def walk(space: Space, method: str) -> int:
    """Ask for everything; how much of it was given."""
    good = 0
    for endpoint, path, text, status in said(space, BLIND, method):
        if endpoint == "readyz":
            continue  # no pipeline runs
        assert status < 500 and found_in(text) == [], (method, endpoint, path, text[:3000])
        good += status in (200, 201, 202)
    return good


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/profiles/{id}/unmerge", {"take": ["email:zoe@quagmire.example"], "dry_run": True}),
        ("/api/audiences/pros/members", {"add": ["user_id:user-77-zulu"]}),
        ("/api/templates/hi/preview", {"data": {"customer": {"name": "somebody"}}}),
        ("/api/templates/hi/preview", {"person": "user_id:user-77-zulu"}),
        ("/api/queries/try", {"sql": "select * from people"}),
        ("/api/catalogue/fields", {"fields": {"traits.email": False}}),
    ],
)
def test_what_is_asked_for_with_a_body(space: Space, path: str, body: dict[str, Any]) -> None:
    api = Api(space, space.token(BLIND))
    person = Api(space, TOKEN).get("/api/profiles/user_id:user-77-zulu")["id"]
    answer = api.call("POST", path.format(id=person), json=body)
    assert answer.status_code in (200, 400, 403, 404, 405) and found_in(plain(answer.data)) == []


def test_masks_are_put_where_values_stood(space: Space) -> None:
    api = Api(space, space.token(BLIND))
    found = api.get("/api/profiles/user_id:user-77-zulu")
    assert (found["name"], found["identifiers"]) == ("Z••• Q•••", ["user_id:u•••"])
    assert found["traits"]["plan"] == "pro" and found["traits"]["pet"] == "R•••"
    assert api.get(f"/api/profiles/{found['id']}")["id"] == found["id"]
    [account] = api.listed("/api/profiles", collection="accounts")
    assert account["name"] == "Acme Ltd"
    events = api.listed("/api/events", name="Signed Up")
    assert [event["message"]["properties"]["total"] for event in events] == [42]
    traits = api.profile("users/profiles/user_id:user-77-zulu/traits")["traits"]
    assert traits["email"] == "z•••@q•••.example" and traits["plan"] == "pro"


def test_pages_of_masked_traits_lead_on_without_naming_any(space: Space) -> None:
    address = "/v1/spaces/default/collections/users/profiles/user_id:user-77-zulu/traits"
    pages: dict[str, list[str]] = {}
    for token in (TOKEN, space.token(BLIND)):
        api, names, place = Api(space, token), list[str](), ""
        while place is not None:
            answer = api.get(f"{address}?limit=1{place}")
            names += answer["traits"]
            following = answer["cursor"]["next"]
            place = f"&next={following}" if following else None
            if token != TOKEN and following:
                assert base64.urlsafe_b64decode(following + "==").strip(b"[]").isdigit()
        pages[token] = names
    whole, blind = pages.values()
    assert whole == blind and len(whole) >= 5


def test_people_are_found_by_whole_identifiers_and_not_letter_by_letter(space: Space) -> None:
    api = Api(space, space.token(BLIND))
    for whole in ("zoe@quagmire.example", "ZOE@quagmire.example", "user-77-zulu"):
        assert len(api.listed("/api/profiles", search=whole)) == 1
    for begun in ("zoe@quag", "user-77", "Zoe", "zoe"):
        assert api.listed("/api/profiles", search=begun) == []
    api.get("/api/suppressions", 403, search="zoe")
    assert len(api.listed("/api/suppressions")) == 1


@pytest.mark.parametrize(
    "path",
    ["/api/exports/people", "/api/exports/messages", "/api/audiences/pros/members.csv",
     "/api/suppressions.csv", "/api/profiles/user_id:user-77-zulu/access"],
)  # fmt: skip
def test_files_need_the_scope(space: Space, path: str) -> None:
    blind = Api(space, space.token(BLIND)).get(path, 403)
    assert blind["error"]["message"] == f"The token lacks the scope {PERSONAL}."
    answer = Api(space, space.token(f"{BLIND} {PERSONAL}")).call("GET", path)
    assert answer.status_code == 200 and answer.get_data()


def test_a_token_hands_out_no_more_than_it_has(space: Space) -> None:
    body = {"name": "x", "scopes": ["profiles:read", PERSONAL]}
    Api(space, space.token("tokens:write")).post("/api/tokens", body, 400)
    may = space.token("tokens:write profiles:read personal:read")
    Api(space, may).post("/api/tokens", body, 201)


def test_each_rule_of_a_field_is_one_there_is() -> None:
    rules = {rule for room in ROOMS for schema in room.answers.values() for rule in _rules(schema)}
    assert rules <= set(RULES) and len(rules) > 10


def _rules(schema: Schema) -> Iterator[str]:
    for field in schema.dump_fields.values():
        if HOW in field.metadata:
            yield field.metadata[HOW]
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            yield from _rules(inner.schema)


def test_tokens_from_before_the_scope_keep_seeing_what_they_saw(tmp_path: Path) -> None:
    """The migration gives it to them; those for everything have it."""
    from sqlalchemy import text

    from cdp.store.migrations.versions import v0022_personal_scope as migration

    made = Space(tmp_path)
    made.token("profiles:read events:read")
    with made.store.write() as tx:
        from alembic.migration import MigrationContext
        from alembic.operations import Operations

        with Operations.context(MigrationContext.configure(tx)):
            migration.upgrade()
        found = set(tx.execute(text("SELECT scopes FROM tokens")).scalars())
    assert found == {"all", "profiles:read events:read personal:read"}
    made.close()


def test_the_page_of_scopes_has_each() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/scopes.md").read_text()
    assert [scope for scope in SCOPES if f"`{scope}`" not in page] == []
