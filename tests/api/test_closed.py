"""Law 8, over every route of the whole app: closed unless it is on the list of open ones."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from cdp.api.admin import ROOMS
from cdp.api.auth import PERSONAL, SCOPES, allows
from cdp.api.room import ANY
from cdp.console import auth
from cdp.console.auth import READ_SCOPES
from cdp.console.security import Brake
from cdp.store import config_rows, meta
from cdp.store.config_rows import Token
from tests.factories import KEY, TOKEN, Space, basic, bearer

#: What needs no token and no login. /metrics is open to the machine itself.
OPEN = {"healthz", "readyz", "console.login", "console.asset"}
OPEN_ROOM = "tracking."
#: Each channel checks who calls it: signatures of providers, signed user tokens.
CHANNELS = "channels."
#: People's pages about their messages: each address is signed, and shows one message's person.
PAGES = "pages."
#: Webhooks of others that begin a journey: a write key opens it, as it does tracking.
HOOKS = "inbound."
LOCAL = "metrics"

AWAY = {"REMOTE_ADDR": "192.0.2.7"}

GARBAGE = [
    "Bearer", "Bearer  ", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff\xfe:").decode(),
    "Basic " + base64.b64encode(b":" + TOKEN.encode()).decode(),
    "Digest username=x", TOKEN, f"Token {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
    f"Bearer {TOKEN} {TOKEN}", f"Bearer {TOKEN.upper()}", "Bearer " + "x" * 10_000,
    "Bearer ' OR 1=1 --", "Bearer null", "Bearer \xe9",
]  # fmt: skip


class Route(NamedTuple):
    """One method of one rule."""

    endpoint: str
    method: str
    path: str


def routes(space: Space) -> Iterator[Route]:
    """Every route and method, with something in each place of its address."""
    for rule in space.app.url_map.iter_rules():
        path = re.sub(r"<int[^:>]*:[^>]+>", "1", rule.rule)
        path = path.replace("<rest:rest>", "users/profiles/user_id:u1/traits")
        if rule.endpoint == "profile_api.profile":
            path = "/v1/spaces/default/collections/users/profiles/user_id:u1/traits"
        path = re.sub(r"<rest:profile>", "user_id:u1", path)
        path = re.sub(r"<[^>]+>", "default", path)
        for method in sorted(rule.methods or ()):
            yield Route(rule.endpoint, method, path)


def is_open(route: Route) -> bool:
    return route.endpoint in OPEN or route.endpoint.startswith((OPEN_ROOM, CHANNELS, PAGES, HOOKS))


def closed(space: Space) -> list[Route]:
    """The routes that are not open; there are many, so that the tests test something."""
    found = [route for route in routes(space) if not is_open(route)]
    assert len(found) > 100
    return found


def scope_of(endpoint: str) -> str | None:
    """The scope that an endpoint of the APIs needs first; None for pages of the console."""
    if endpoint == "metrics":
        return "metrics:read"
    if endpoint.startswith("profile_api."):
        return "profiles:read"
    if endpoint.startswith(("send_api.", "triggers_api.")):
        return "messages:send"
    if endpoint.startswith("rest."):
        return ANY
    for room in ROOMS:
        if endpoint.startswith(room.name + "."):
            return room.scopes[endpoint.partition(".")[2]]
    assert endpoint.startswith("console."), endpoint
    return None


def needs_personal(endpoint: str) -> bool:
    """Whether an endpoint is for those alone who may see personal values."""
    room, _, name = endpoint.partition(".")
    return any(one.name == room and name in one.personal for one in ROOMS)


def ask(space: Space, route: Route, headers: dict[str, str]) -> TestResponse:
    return space.client().open(
        route.path, method=route.method, headers=headers, environ_overrides=AWAY, json={}
    )


def refuses(answer: TestResponse, statuses: tuple[int, ...] = (401,)) -> bool:
    """It is told to log in, or refused; in neither case is anything shown."""
    if answer.status_code == 302:
        return answer.headers["Location"].startswith("/login")
    return answer.status_code in statuses


def version(space: Space) -> int:
    with space.store.read() as tx:
        return meta.version(tx)


def test_the_list_of_open_routes_is_what_it_says(ana_space: Space) -> None:
    endpoints = {route.endpoint for route in routes(ana_space)}
    assert endpoints >= OPEN | {LOCAL}
    rooms = {endpoint.partition(".")[0] for endpoint in endpoints}
    known = {
        "tracking",
        "channels",
        "pages",
        "console",
        "profile_api",
        "send_api",
        "triggers_api",
        "inbound",
        "rest",
    }
    known |= {"healthz", "readyz", "metrics", "static"}
    assert rooms - known == {room.name for room in ROOMS}
    tracking = {route.path for route in routes(ana_space) if route.endpoint.startswith(OPEN_ROOM)}
    ours = re.compile(
        r"/v1/(identify|track|page|screen|group|alias|batch|import|i|t|p|s|g|a|b|m|pixel/default"
        r"|projects/default/settings)"
        r"|/analytics\.js/v1/default/default|/analytics-next/bundles/default|/sourceConfig"
        r"|/beacon/v1/batch"
    )
    assert [path for path in tracking if not ours.fullmatch(path)] == []


def test_without_credentials_nothing_answers(ana_space: Space) -> None:
    before = version(ana_space)
    for route in closed(ana_space):
        answer = ask(ana_space, route, {})
        assert refuses(answer), (route, answer.status_code)
    assert version(ana_space) == before


def test_a_write_key_opens_nothing(ana_space: Space) -> None:
    before = version(ana_space)
    for route, headers in itertools.product(closed(ana_space), (bearer(KEY), basic(KEY))):
        answer = ask(ana_space, route, headers)
        assert refuses(answer), (route, headers, answer.status_code)
    assert version(ana_space) == before


def test_garbage_opens_nothing(ana_space: Space) -> None:
    """All of it at a route of each kind, and two pieces in turn at every other."""
    before, tried = version(ana_space), set[tuple[str, str]]()
    for turn, route in enumerate(closed(ana_space)):
        kind = (route.endpoint.rpartition(".")[0], route.method)
        some = [GARBAGE[(turn * 2 + n) % len(GARBAGE)] for n in range(2)]
        for header in some if kind in tried else GARBAGE:
            answer = ask(ana_space, route, {"Authorization": header})
            assert refuses(answer), (route, header, answer.status_code)
        tried.add(kind)
    assert version(ana_space) == before


def test_a_token_of_another_scope_opens_nothing(ana_space: Space) -> None:
    tokens = {scope: ana_space.token(scope) for scope in SCOPES}
    before = version(ana_space)
    tried = 0
    for route in closed(ana_space):
        if route.method == "OPTIONS":
            continue  # of all endpoints at an address one answers, with the names of methods
        needed = scope_of(route.endpoint)
        for scope, token in tokens.items():
            held = Token(0, "", "", frozenset({scope}), 0, None)
            if needed is not None and (needed == ANY or allows(held, needed)):
                continue
            answer = ask(ana_space, route, bearer(token))
            assert refuses(answer, (401, 403)), (route, scope, answer.status_code)
            tried += 1
    assert tried > 1000 and version(ana_space) == before


def test_a_token_of_the_right_scope_does_open(ana_space: Space) -> None:
    tokens = {scope: ana_space.token(scope) for scope in SCOPES}
    for route in closed(ana_space):
        needed = scope_of(route.endpoint)
        if needed is None or route.method != "GET":
            continue
        for scope, token in tokens.items():
            held = Token(0, "", "", frozenset({scope}), 0, None)
            if needs_personal(route.endpoint) and scope != "all":
                token = ana_space.token(f"{scope} {PERSONAL}")
            if needed == ANY or allows(held, needed):
                answer = ask(ana_space, route, bearer(token))
                assert answer.status_code in (200, 404), (route, scope, answer.text)


def test_each_scope_is_needed_somewhere_and_each_that_is_needed_exists(ana_space: Space) -> None:
    needed = {scope_of(route.endpoint) for route in closed(ana_space)} - {None, ANY} | {PERSONAL}
    for scope in needed:
        assert scope in SCOPES or f"{scope.partition(':')[0]}:write" in SCOPES, scope
    assert {scope for scope in SCOPES if scope != "all"} <= needed


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_credentials_that_one_can_make_up_open_anything(
    ana_space: Space, data: st.DataObject
) -> None:
    route = data.draw(st.sampled_from(closed(ana_space)))
    word = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
    scheme = data.draw(st.sampled_from(["Bearer ", "bearer ", "Basic ", ""]))
    made_up = data.draw(word | word.map(lambda t: base64.b64encode(t.encode()).decode()))
    answer = ask(ana_space, route, {"Authorization": scheme + made_up})
    assert refuses(answer)


@pytest.fixture(autouse=True)
def no_brake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "brake", Brake())


def log_in(space: Space, secret: str) -> tuple[TestResponse, object]:
    client = space.client()
    page = client.get("/login").text
    found = re.search(r'<meta name="csrf" content="([^"]+)"', page)
    assert found is not None
    return client.post("/login", data={"csrf": found[1], "secret": secret}), client


@pytest.mark.parametrize("scopes", [s for s in SCOPES if s != "all"] + ["", "nothing"])
def test_a_token_for_one_thing_does_not_log_in(ana_space: Space, scopes: str) -> None:
    answer, client = log_in(ana_space, ana_space.token(scopes) if scopes else KEY)
    assert answer.status_code == 401
    assert client.get("/people").status_code == 302  # type: ignore[attr-defined]


def pages_with_forms(space: Space) -> list[Route]:
    found = [r for r in closed(space) if r.endpoint.startswith("console.") and r.method == "POST"]
    assert len(found) > 12
    return found


def test_a_post_of_the_console_needs_the_token_of_its_session(ana_space: Space) -> None:
    answer, client = log_in(ana_space, TOKEN)
    assert answer.status_code == 302
    before = version(ana_space)
    for route in pages_with_forms(ana_space):
        for data, headers in (
            ({}, {}),
            ({"csrf": "x"}, {}),
            ({"csrf": ""}, {}),
            ({}, {"X-CSRF-Token": "é"}),
            ({}, bearer(TOKEN)),
        ):
            refused = client.post(route.path, data=data, headers=headers)  # type: ignore[attr-defined]
            assert refused.status_code == 400, (route, refused.status_code)
    assert version(ana_space) == before
    assert client.get("/people").status_code == 200  # type: ignore[attr-defined]


def test_a_viewer_changes_nothing(ana_space: Space) -> None:
    answer, client = log_in(ana_space, ana_space.token(" ".join(sorted(READ_SCOPES))))
    assert answer.status_code == 302
    page = client.get("/settings").text  # type: ignore[attr-defined]
    found = re.search(r'<meta name="csrf" content="([^"]+)"', page)
    assert found is not None
    before = version(ana_space)
    own = {"console.theme", "console.logout", "console.own_password",
           "console.condition_read", "console.condition_write"}  # fmt: skip
    for route in pages_with_forms(ana_space):
        if route.endpoint not in own:
            refused = client.post(route.path, data={"csrf": found[1]})  # type: ignore[attr-defined]
            assert refused.status_code == 403, (route, refused.status_code)
    assert version(ana_space) == before


def test_metrics_are_open_to_the_machine_itself_and_to_no_proxy(ana_space: Space) -> None:
    client = ana_space.client()
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    assert client.get("/metrics", headers={"Forwarded": "for=203.0.113.9"}).status_code == 401
    assert client.get("/metrics", environ_overrides=AWAY).status_code == 401
    mine = bearer(ana_space.token("metrics:read"))
    assert client.get("/metrics", environ_overrides=AWAY, headers=mine).status_code == 200


def test_a_revoked_token_and_a_disabled_source_are_closed_within_a_second(space: Space) -> None:
    import time

    token = space.token("events:read")
    client = space.client()
    assert client.get("/api/events", headers=bearer(token)).status_code == 200
    call = {"json": {"event": "E", "userId": "u"}, "headers": basic(KEY)}
    assert client.post("/v1/track", **call).status_code == 200
    with space.store.write() as tx:
        [mine] = [row for row in config_rows.all_tokens(tx) if row.scopes == {"events:read"}]
        config_rows.delete_token(tx, 0, mine.id, "test")
        source = config_rows.all_sources(tx)[0]
        config_rows.change_source(tx, 0, source, "test", enabled=False)
    time.sleep(1.0)
    assert client.get("/api/events", headers=bearer(token)).status_code == 401
    assert client.post("/v1/track", **call).status_code != 200
