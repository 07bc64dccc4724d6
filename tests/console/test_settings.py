from __future__ import annotations

import re

from cdp.api.auth import SCOPES
from cdp.console.settings import users
from cdp.store import config_rows
from tests.console.factory import KEY, Browser, World


def test_a_source_is_added_and_shows_what_to_paste(world: World, admin: Browser) -> None:
    response = admin.post("/connections/sources/new", name="Web shop")
    assert response.location == "/connections/sources/web-shop"
    page = admin.page(response.location)
    with world.store.read() as tx:
        source = config_rows.all_sources(tx)[-1]
    assert source.write_key != KEY and source.write_key in page
    for word in ("Browser", "Node", "Python", "curl"):
        assert word in page


def test_a_source_needs_a_name_of_its_own(admin: Browser) -> None:
    for name, words in (
        ("", "A name is needed"),
        ("???", "a letter or a digit"),
        ("x" * 101, "at most 100"),
        ("Default", "already"),
    ):
        response = admin.post("/connections/sources/new", name=name)
        assert response.status_code == 422 and words in response.text, name


def test_a_source_can_be_renamed_disabled_and_enabled(admin: Browser) -> None:
    address = "/connections/sources/default"
    admin.post(address, what="rename", name="Shop & co")
    assert "Shop &amp; co" in admin.page(address)
    admin.post(address, what="disable")
    assert "This source is disabled" in admin.page(address)
    admin.post(address, what="enable")
    assert "This source is disabled" not in admin.page(address)
    assert admin.post(address, what="explode").status_code == 400
    assert admin.post("/connections/sources/none", what="enable").status_code == 404


def test_a_write_key_changes_only_when_the_name_is_typed(admin: Browser) -> None:
    address = "/connections/sources/default"
    admin.post(address, what="rotate", confirm="default")
    assert KEY in admin.page(address)
    admin.post(address, what="rotate", confirm="Default")
    assert KEY not in admin.page(address)


def test_sources_tell_their_health(world: World, admin: Browser) -> None:
    assert "Waiting for its first event" in admin.page("/connections")
    world.send({"type": "track", "userId": "u1", "event": "X"}, {"type": "track", "event": "Y"})
    page = admin.page("/connections")
    assert "Receiving" in page
    assert "1 refused" in admin.page("/connections/sources/default")


def test_a_token_is_shown_once(world: World, admin: Browser) -> None:
    page = admin.post("/settings/tokens", name="export", scopes="all").text
    token = re.search(r"<pre tabindex=\"0\">([^<]+)</pre>", page)
    assert token is not None
    assert token.group(1) not in admin.page("/settings/tokens")
    browser = world.client()
    assert browser.post("/login", secret=token.group(1)).status_code == 302


def test_a_token_needs_a_name_and_a_known_scope(admin: Browser) -> None:
    assert admin.post("/settings/tokens", name="", scopes="all").status_code == 422
    assert admin.post("/settings/tokens", name="x", scopes="root").status_code == 400
    assert admin.post("/settings/tokens/99/revoke").status_code == 404


def test_the_scopes_on_offer_are_those_that_the_api_knows() -> None:
    offered = {word for scopes, _ in users.SCOPES for word in scopes.split()}
    assert offered <= set(SCOPES)


def test_a_token_sees_personal_values_only_where_that_was_ticked(
    world: World, admin: Browser
) -> None:
    for name, more in (("blind", {}), ("seeing", {"personal": "1"})):
        admin.post("/settings/tokens", name=name, scopes="profiles:read", **more)
    admin.post("/settings/tokens", name="counts", scopes="metrics:read", personal="1")
    with world.store.read() as tx:
        made = {token.name: token.scopes for token in config_rows.all_tokens(tx)}
    assert made["blind"] == {"profiles:read"} and made["counts"] == {"metrics:read"}
    assert made["seeing"] == {"profiles:read", "personal:read"} <= set(SCOPES)


def test_a_token_for_less_does_not_open_the_console(world: World, admin: Browser) -> None:
    for scopes, status in (("metrics:read", 401), (users.SCOPES[1][0], 302)):
        page = admin.post("/settings/tokens", name="small", scopes=scopes).text
        token = re.search(r"<pre tabindex=\"0\">([^<]+)</pre>", page)
        assert token is not None
        browser = world.client()
        assert browser.post("/login", secret=token.group(1)).status_code == status
    assert browser.get("/people").status_code == 200
    assert browser.post("/connections/sources/new", name="X").status_code == 403


def test_people_are_added_changed_and_removed(world: World, admin: Browser) -> None:
    assert "Nobody has a password yet" in admin.page("/settings/users")
    short = admin.post("/settings/users", name="vic", password="short", role="viewer")
    assert short.status_code == 422 and 'value="vic"' in short.text
    assert "short" not in re.findall(r'type="password" value="([^"]*)"', short.text)
    admin.post("/settings/users", name="vic", password="long enough", role="viewer")
    twice = admin.post("/settings/users", name="vic", password="long enough", role="admin")
    assert twice.status_code == 422 and "already" in twice.text
    admin.post("/settings/users/vic", what="admin")
    browser = world.client()
    browser.post("/login", name="vic", secret="long enough")
    assert browser.post("/connections/sources/new", name="By vic").status_code == 303
    admin.post("/settings/users/vic", what="remove", confirm="nope")
    assert browser.get("/").status_code == 200
    admin.post("/settings/users/vic", what="remove", confirm="vic")
    assert browser.get("/").status_code == 302


def test_passwords_are_kept_as_argon2(world: World, admin: Browser) -> None:
    admin.post("/settings/users", name="vic", password="long enough", role="viewer")
    with world.store.read() as tx:
        user = config_rows.user_by_name(tx, "vic")
    assert user is not None and user.password_hash.startswith("$argon2id$")


def test_the_activity_log_names_author_and_change(admin: Browser) -> None:
    admin.post("/connections/sources/new", name="Web shop")
    page = admin.page("/settings/activity")
    assert "token first" in page and "web-shop" in page
    assert "web-shop" not in admin.page("/settings/activity?kind=token")


def test_the_theme_is_kept(admin: Browser) -> None:
    assert '<html lang="en">' in admin.page("/")
    admin.post("/theme", theme="dark", next="/")
    assert '<html lang="en" data-theme="dark">' in admin.page("/")
    admin.post("/theme", theme="<script>", next="https://evil.example")
    assert '<html lang="en">' in admin.page("/")
