"""Whatever is asked of the APIs, the answer is never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cdp.api import cursors
from cdp.folder.planning import HANDLER_OF
from tests.api.calls import SPACE, Api
from tests.factories import TOKEN, Space, ana
from tests.postgres import new_database

FUZZ = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(
    scope="module",
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)],
)
def ana_api(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    url = new_database() if request.param == "postgres" else None
    space = Space(tmp_path_factory.mktemp("space"), url)
    space.send(*ana())
    yield Api(space, TOKEN)
    space.close()


ROUTES = ("traits", "external_ids", "events", "links", "metadata", "", "x")
TYPES = ("user_id", "anonymous_id", "email", "phone", "group_id", "segment_id", "id", "", "é")
NAMES = ("limit", "next", "include", "exclude", "start", "end", "sort", "verbose", "class")
LISTS = (
    "/api/sources", "/api/destinations", "/api/events", "/api/rejected", "/api/rejected/reasons",
    "/api/profiles", "/api/profiles/user_id:u1", "/api/profiles/user_id:u1/events",
    "/api/profiles/user_id:u1/trait-history", "/api/changes", "/api/tokens", "/api/users",
    "/api/plugins", "/api/status", "/api/destinations/x/calls", "/api/nothing",
)  # fmt: skip
FIELDS = ("limit", "next", "type", "name", "source", "profile", "code", "search", "collection",
          "trait", "messages", "hours", "kind", "outcome", "item")  # fmt: skip

text = st.text(max_size=40)
part = st.integers() | st.text(max_size=5)
cursor = st.lists(part, max_size=3).map(lambda parts: cursors.encode(*parts))
number = st.integers(-(2**70), 2**70).map(str)
value = st.one_of(text, cursor, number, st.sampled_from(["true", "asc", "users", "1", "\0", "%00"]))


@FUZZ
@given(
    st.sampled_from(["users", "accounts", "things"]),
    st.sampled_from(TYPES),
    st.sampled_from(["u1", "a1", "acme", "use_aaaaaaaaaaaaa", "acc_zzzzzzzzzzzzz"]) | text,
    st.sampled_from(ROUTES),
    st.dictionaries(st.sampled_from(NAMES), value, max_size=4),
)
@example("users", "phone", "+" + "9" * 300, "traits", {})
@example("users", "user_id", "\0", "events", {})
@example("users", "segment_id", "use_" + "é" * 13, "events", {})
@example("users", "user_id", "u1", "events", {"next": cursors.encode(2**63, -(2**63))})
@example("users", "user_id", "u1", "events", {"start": "9" * 15, "end": "-" + "9" * 15})
def test_the_profile_api_never_breaks(
    ana_api: Api, collection: str, type_: str, id_: str, route: str, query: dict[str, str]
) -> None:
    path = f"{SPACE}/{collection}/profiles/{type_}:{quote(id_, safe='')}/{route}"
    answer = ana_api.call("GET", path, query_string=query)
    assert answer.status_code in (200, 400, 404), answer.text


@FUZZ
@given(
    st.sampled_from(LISTS),
    st.dictionaries(st.sampled_from(FIELDS), value, max_size=4),
)
@example("/api/events", {"next": cursors.encode(2**64)})
@example("/api/profiles", {"search": "\0"})
def test_the_lists_of_the_admin_api_never_break(
    ana_api: Api, path: str, query: dict[str, str]
) -> None:
    answer = ana_api.call("GET", path, query_string=query)
    assert answer.status_code in (200, 400, 404), answer.text


@FUZZ
@given(st.sampled_from(["GET", "DELETE", "PATCH", "POST"]), st.lists(text, max_size=4))
@example("GET", ["profiles", "user_id:\0"])
@example("PATCH", ["users", "\0"])
@example("GET", ["sources", "\0"])
@example("GET", ["destinations", "\0"])
@example("GET", ["profiles", "use_" + "é" * 13])
@example("DELETE", ["tokens", "9" * 30])
@example("GET", ["events", "9" * 30])
def test_no_address_of_the_admin_api_breaks(ana_api: Api, method: str, words: list[str]) -> None:
    path = "/api/" + "/".join(quote(word, safe="") for word in words)
    answer = ana_api.call(method, path, **({} if method == "GET" else {"json": {}}))
    assert answer.status_code < 500, answer.text


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
POSTS = {
    "/api/sources": ("key", "name", "write_key"),
    "/api/destinations": ("key", "name", "plugin", "source", "settings"),
    "/api/users": ("name", "role", "password"),
    "/api/tokens": ("name", "scopes"),
    "/api/destinations/x/dead/replay": ("item", "error", "all"),
    "/api/destinations/x/replays": ("from", "to"),
    "/api/audiences": ("key", "name", "who", "static", "of", "description"),
    "/api/computed-traits": ("key", "name", "value", "of"),
    "/api/virtual-events": ("key", "name", "event", "where"),
    "/api/audiences/x/revert": ("to", "version"),
    "/api/audiences/x/rename": ("key", "name", "version"),
    "/api/plan": ("objects", "seen", "prune", "overwrite"),
    "/api/apply": ("objects", "seen", "prune", "overwrite"),
}


@FUZZ
@given(st.sampled_from(list(POSTS)), st.data())
def test_no_body_breaks_the_admin_api(ana_api: Api, path: str, data: st.DataObject) -> None:
    named = st.dictionaries(st.sampled_from(POSTS[path]), json | st.just("webhook"), max_size=4)
    body: Any = data.draw(named | json)
    answer = ana_api.call("POST", path, json=body)
    assert answer.status_code in (200, 201, 400, 404, 409, 422), answer.text


OBJECT = st.fixed_dictionaries(
    {"kind": st.sampled_from(list(HANDLER_OF)) | text, "key": st.sampled_from(["x", "default"])},
    optional={
        name: json | st.sampled_from(["webhook", "default", "true", 'audience("x")'])
        for name in ("name", "who", "value", "event", "where", "of", "plugin", "source", "settings",
                     "write_key", "enabled", "filter", "limits", "max_traits", "priority")
    },
)  # fmt: skip


@FUZZ
@given(st.sampled_from(["/api/plan", "/api/apply"]), st.lists(OBJECT, max_size=3), st.booleans())
def test_no_object_breaks_a_plan(
    ana_api: Api, path: str, objects: list[dict[str, Any]], prune: bool
) -> None:
    answer = ana_api.call("POST", path, json={"objects": objects, "prune": prune})
    assert answer.status_code in (200, 400, 409), answer.text
