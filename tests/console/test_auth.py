from __future__ import annotations

import time
from typing import Any

import pytest

from cdp.console import auth
from cdp.console.security import Brake, safe_next
from tests.console.factory import TOKEN, Browser, World


def viewer_of(world: World) -> Browser:
    world.admin().post("/settings/users", name="vic", password="long enough", role="viewer")
    browser = world.client()
    assert browser.post("/login", name="vic", secret="long enough").status_code == 302
    return browser


def rules_of(world: World, method: str) -> list[Any]:
    """The addresses of the console; images of messages are public beside it."""
    return [
        rule
        for rule in world.app.url_map.iter_rules()
        if method in (rule.methods or ()) and rule.endpoint.startswith("console.")
    ]


def test_every_page_asks_for_a_login_first(world: World) -> None:
    browser = world.client()
    rules = rules_of(world, "GET")
    assert len(rules) > 15
    for rule in rules:
        if rule.endpoint in ("console.login", "console.asset"):
            continue
        values = {name: 1 if "int(" in str(rule) else "x" for name in rule.arguments}
        with world.app.test_request_context():
            address = rule.build(values)
        assert address is not None
        response = browser.get(address[1])
        assert response.status_code == 302, rule
        assert response.location.startswith("/login"), rule


def test_every_form_asks_for_a_login_first(world: World) -> None:
    browser = world.client()
    for rule in rules_of(world, "POST"):
        if rule.endpoint == "console.login":
            continue
        values = {name: 1 if "int(" in str(rule) else "x" for name in rule.arguments}
        with world.app.test_request_context():
            address = rule.build(values)
        assert address is not None
        assert browser.post(address[1]).status_code == 401, rule


def test_the_api_token_opens_the_console(world: World) -> None:
    response = world.client().post("/login", secret=TOKEN)
    assert (response.status_code, response.location) == (302, "/")


def test_a_wrong_token_is_refused_in_words(world: World) -> None:
    response = world.client().post("/login", secret="nonsense")
    assert response.status_code == 401
    assert "No such API token" in response.text


def test_the_session_cookie_is_closed_to_scripts_and_other_sites(world: World) -> None:
    response = world.client().post("/login", secret=TOKEN)
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # the test is plain http


def test_login_goes_on_to_the_page_that_was_asked_for(world: World) -> None:
    browser = world.client()
    asked = browser.get("/people?q=ana")
    assert asked.location == "/login?next=/people?q%3Dana"
    assert 'name="next" value="/people?q=ana"' in browser.get(asked.location).text
    response = browser.post("/login", secret=TOKEN, next="/people?q=ana")
    assert response.location == "/people?q=ana"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "",
        "evil",
    ],
)
def test_login_leads_to_no_other_site(world: World, target: str) -> None:
    assert safe_next(target) is None
    assert world.client().post("/login", secret=TOKEN, next=target).location == "/"


def test_a_form_without_the_token_is_refused(world: World) -> None:
    browser = world.admin()
    assert browser.client.post("/connections/sources/new", data={"name": "Shop"}).status_code == 400
    wrong = {"name": "Shop", "csrf": "guessed"}
    assert browser.client.post("/connections/sources/new", data=wrong).status_code == 400
    assert world.client().client.post("/login", data={"secret": TOKEN}).status_code == 400


def test_a_script_may_send_the_token_as_a_header(world: World) -> None:
    browser = world.admin()
    headers = {"X-CSRF-Token": browser.csrf()}
    response = browser.client.post(
        "/connections/sources/new", data={"name": "Shop"}, headers=headers
    )
    assert response.status_code == 303


def test_guessing_is_slowed_down(world: World) -> None:
    browser = world.client()
    for _ in range(10):
        assert browser.post("/login", secret="guess").status_code == 401
    blocked = browser.post("/login", secret=TOKEN)
    assert blocked.status_code == 429
    assert "Too many attempts" in blocked.text


def test_the_brake_lets_go_after_its_window() -> None:
    now = [0.0]
    brake = Brake(limit=2, window_s=60, clock=lambda: now[0])
    brake.failed("a")
    now[0] = 10
    brake.failed("a")
    assert brake.wait_s("a") == 51
    assert brake.wait_s("b") == 0
    now[0] = 61
    assert brake.wait_s("a") == 0


def test_the_brake_remembers_a_bounded_number_of_keys() -> None:
    brake = Brake(size=10)
    for number in range(100):
        brake.failed(str(number))
    assert len(brake._failures) <= 11


def test_logging_out_ends_the_session(world: World) -> None:
    browser = world.admin()
    assert browser.get("/").status_code == 200
    browser.post("/logout")
    assert browser.get("/").status_code == 302


def test_an_answer_that_comes_late_puts_back_no_cookie(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = world.admin()
    page, fetched = {"Accept": "text/html,*/*;q=0.8"}, {"Accept": "*/*"}
    browser.get("/", **page)
    for headers in (fetched, page):
        assert "Set-Cookie" not in browser.get("/live", **headers).headers
    tomorrow = time.time() + 86_400
    monkeypatch.setattr("cdp.server.sessions.time.time", lambda: tomorrow)
    assert "Set-Cookie" not in browser.get("/live", **fetched).headers
    assert "Set-Cookie" in browser.get("/live", **page).headers  # goes on for two weeks
    assert "Set-Cookie" not in browser.get("/live", **page).headers


def test_a_revoked_token_ends_the_sessions_it_began(world: World) -> None:
    admin = world.admin()
    page = admin.post("/settings/tokens", name="short", scopes="all").text
    token = page.split('<pre tabindex="0">')[1].split("<")[0]
    other = world.client()
    assert other.post("/login", secret=token).status_code == 302
    assert other.get("/").status_code == 200
    admin.post("/settings/tokens/2/revoke")
    assert other.get("/").status_code == 302


def test_a_new_password_ends_other_sessions_and_keeps_ones_own(world: World) -> None:
    one = viewer_of(world)
    two = world.client()
    two.post("/login", name="vic", secret="long enough")
    response = one.post("/settings/password", old="long enough", new="another long one")
    assert response.status_code == 303
    assert one.get("/").status_code == 200
    assert two.get("/").status_code == 302
    assert world.client().post("/login", name="vic", secret="long enough").status_code == 401


def test_a_wrong_present_password_changes_nothing(world: World) -> None:
    browser = viewer_of(world)
    response = browser.post("/settings/password", old="wrong", new="short")
    assert response.status_code == 422
    assert "not your present password" in response.text
    assert "at least 10 characters" in response.text


def test_a_viewer_sees_everything_and_changes_nothing(world: World) -> None:
    browser = viewer_of(world)
    for address in ("/", "/live", "/people", "/connections", "/settings/tokens"):
        assert browser.get(address).status_code == 200
    before = world.admin().page("/settings/activity").count("data-row")
    for rule in rules_of(world, "POST"):
        if rule.endpoint in auth.OPEN | auth.OWN:
            continue
        values = {name: 1 if "int(" in str(rule) else "default" for name in rule.arguments}
        values |= rule.defaults or {}
        with world.app.test_request_context():
            address = rule.build(values)
        assert address is not None
        assert browser.post(address[1]).status_code == 403, rule
    assert world.admin().page("/settings/activity").count("data-row") == before


def test_a_viewer_is_shown_no_buttons_that_refuse(world: World) -> None:
    browser = viewer_of(world)
    for address in ("/live", "/connections", "/connections/sources/default", "/settings/users"):
        text = browser.page(address)
        main = text[text.index("<main") : text.index("</main>")]
        assert 'method="post"' not in main, address


def test_a_stale_form_says_so_and_comes_back(world: World) -> None:
    browser = world.client()
    response = browser.client.post(
        "/connections/sources/new",
        data={"name": "Shop"},
        headers={"Referer": "http://localhost/connections/sources/new"},
    )
    assert response.status_code == 401
    assert "Your login had expired" in response.text
    assert 'name="next" value="/connections/sources/new"' in response.text


def test_htmx_requests_of_an_expired_session_lead_to_the_login(world: World) -> None:
    response = world.client().get("/live/rows", **{"HX-Request": "true"})
    assert response.status_code == 401
    assert response.headers["HX-Redirect"].startswith("/login")


def test_pages_load_nothing_from_elsewhere_and_nothing_inline(world: World) -> None:
    world.send({"type": "track", "userId": "u1", "event": "Seen"})
    browser = world.admin()
    for address in ("/", "/live", "/people", "/connections/sources/default", "/settings"):
        response = browser.get(address)
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'") and "unsafe" not in policy
        text = response.text
        assert " style=" not in text and "<style" not in text
        assert " onclick=" not in text and " onload=" not in text
        for tag in text.split("<script")[1:]:
            assert 'src="/assets/' in tag.split(">")[0]
        for piece in ('src="http', 'href="http', "@import"):
            assert piece not in text
