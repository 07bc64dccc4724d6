"""Seeing why people are one, parting them, and changing the rules, by clicks alone."""

from __future__ import annotations

from cdp.console.settings import identity_rules
from cdp.pipeline import sweep
from cdp.store import config_rows, definitions
from cdp.store.profiles import identity
from tests.console.factory import Browser, World, words
from tests.console.test_people import address_of


def send_kiosk(world: World) -> None:
    world.send(
        {"type": "page", "name": "Home", "anonymousId": "kiosk",
         "timestamp": "2026-01-01T08:00:00Z"},
        {"type": "identify", "anonymousId": "phone", "userId": "u1",
         "timestamp": "2026-01-01T09:00:00Z", "traits": {"name": "Ana"}},
        {"type": "identify", "anonymousId": "kiosk", "userId": "u1", "messageId": "m-link",
         "timestamp": "2026-01-01T10:00:00Z", "traits": {"plan": "pro"}},
        {"type": "identify", "anonymousId": "kiosk", "userId": "u2",
         "timestamp": "2026-01-01T11:00:00Z", "traits": {"name": "Ben"}},
    )  # fmt: skip


def version_of(world: World) -> int:
    with world.store.read() as tx:
        found = definitions.current(tx, "identity", "default")
    return found.version if found is not None else 0


def test_the_tree_names_messages_rules_and_both_profiles(world: World, admin: Browser) -> None:
    send_kiosk(world)
    text = words(admin.page(address_of(admin, "u1") + "/identifiers"))
    assert "It also named user_id u1" in text and "took in the person" in text
    assert "Named by others, kept apart" in text
    assert "a profile has at most 1 user_id" in text and "First seen Last seen" in text
    assert "Kept apart" in words(admin.page(address_of(admin, "u2") + "/identifiers"))
    assert "at most 1 user_id" in words(admin.page("/live/events/4"))


def test_what_a_window_kept_apart_and_later_took_is_called_theirs(
    world: World, admin: Browser
) -> None:
    admin.post("/settings/identity", limits="user_id: 1\nanonymous_id: 1 per day", what="save")
    for n, at in enumerate(("01T08", "01T09", "03T08")):
        world.send(
            {"type": "identify", "anonymousId": f"a{min(n, 1)}", "userId": "u1",
             "timestamp": f"2026-01-{at}:00:00Z"}
        )  # fmt: skip
    text = words(admin.page(address_of(admin, "u1") + "/identifiers"))
    assert "a profile has at most 1 anonymous_id in any day. By now it is theirs." in text


def test_somebody_is_parted_after_a_look_and_joined_again(world: World, admin: Browser) -> None:
    send_kiosk(world)
    ana = address_of(admin, "u1")
    look = words(admin.page(f"{ana}/unmerge?take=anonymous_id:kiosk"))
    assert "Goes out, with 1 event" in look and "Stays, with 2 events" in look
    assert "m-link" in look and "it will be one with user_id u2" in look
    answer = admin.post(f"{ana}/unmerge", take="anonymous_id:kiosk", note="<b>shop</b>")
    assert answer.status_code == 303
    page = admin.page(answer.location)
    assert "never with" in words(page) and "&lt;b&gt;shop&lt;/b&gt;" in page
    assert "anonymous_id kiosk" in words(admin.page(address_of(admin, "u2") + "/identifiers"))
    rules = words(admin.page("/settings/identity"))
    assert "Take back" in rules and "anonymous_id:kiosk" in rules
    back = admin.post("/settings/identity/cuts/1/undo")
    assert "holds again" in words(admin.page(back.location))
    assert "took in the person" in words(admin.page(address_of(admin, "u1") + "/identifiers"))


def test_what_cannot_be_parted_is_said_and_the_form_kept(world: World, admin: Browser) -> None:
    send_kiosk(world)
    ana = address_of(admin, "u1")
    everything = "&".join(
        f"take={item}" for item in ("anonymous_id:kiosk", "anonymous_id:phone", "user_id:u1")
    )
    assert "nothing is left" in words(admin.page(f"{ana}/unmerge?{everything}"))
    assert "not an identifier" in words(admin.page(f"{ana}/unmerge?take=email:x@y.org"))
    assert admin.get(f"{ana}/unmerge?take=junk").status_code == 400


def test_rules_show_their_effect_before_they_hold(world: World, admin: Browser) -> None:
    send_kiosk(world)
    form = {
        "priority": "user_id, email", "limits": "user_id: 1\nanonymous_id: 3 per week",
        "default_limit": "5", "blocked": "null\nkiosk", "blocked_patterns": r"[0\-]*",
    }  # fmt: skip
    look = words(admin.post("/settings/identity", **form, what="preview").text)
    assert "What would change" in look
    assert version_of(world) == 0
    admin.post("/settings/identity", **form, what="save")
    assert version_of(world) == 1
    while sweep.step(world.store, 0) is not None:
        pass
    assert "Nobody found" in admin.page("/people?q=kiosk")
    page = admin.page("/settings/identity")
    assert "anonymous_id: 3 per week" in page and "kiosk" in page
    for wrong, text in (
        ({"limits": "user_id"}, "no limit"),
        ({"limits": "user_id: 2 per moon"}, "per is one of"),
        ({"blocked_patterns": "("}, "no regular expression"),
        ({"default_limit": "many"}, "whole number"),
    ):
        answer = admin.post("/settings/identity", **{**form, **wrong}, what="save")
        assert answer.status_code == 422 and text in words(answer.text)
    assert version_of(world) == 1


def test_all_that_rules_can_say_is_said_in_the_form(world: World, admin: Browser) -> None:
    said = {
        "identifiers": "loyalty_id\ncard: properties.payment.card, traits.card",
        "sources": "default: phone, email", "unique": "crm_id",
        "blocked_by_type": "email: no-reply@example.com\nemail: /.*@test\\.example/",
        "max_identifiers": "50", "max_merges": "7", "phone_region": "pl", "alias": "yes",
        "limits": "user_id: 2", "default_limit": "3 per week",
    }  # fmt: skip
    assert admin.post("/settings/identity", **said, what="save").status_code == 303
    with world.store.read() as tx:
        rules, [source] = identity.load_rules(tx), config_rows.all_sources(tx)
        kept = definitions.current(tx, "identity", "default")
    assert rules.unread == {source.id: frozenset({"phone", "email"})}
    assert [kind for kind, _ in rules.custom] == ["card", "loyalty_id"]
    assert rules.limit("crm_id").count == 1 and str(rules.limit("other")) == "3 in any week"
    assert rules.blocks("email", "No-Reply@example.com") and rules.blocks("email", "a@test.example")
    assert (rules.max_ids, rules.max_merges, rules.phone_region) == (50, 7, "PL")
    assert rules.alias_joins_user_ids and kept is not None and kept.body is not None
    # What is shown says the same, and what a form does not have stays.
    assert identity_rules.from_form(identity_rules.to_form(kept.body), ["default"]).items() <= (
        kept.body.items()
    )
    assert admin.post("/settings/identity", max_merges="8", what="save").status_code == 303
    with world.store.read() as tx:
        assert identity.load_rules(tx).max_merges == 8
        assert identity.load_rules(tx).phone_region == "PL"
    for wrong, text in (
        ({"sources": "kios: phone"}, "There is no source"),
        ({"identifiers": "user_id"}, "has its own place"),
        ({"identifiers": "card: nowhere"}, "is no path"),
        ({"blocked_by_type": "email"}, "says no value"),
        ({"max_merges": "x"}, "is no whole number"),
        ({"unique": "Crm Id"}, "lower-case"),
    ):
        answer = admin.post("/settings/identity", **wrong, what="save")
        assert answer.status_code == 422 and text in words(answer.text), wrong
    assert admin.post("/settings/identity/revert", to="1").status_code == 303
    with world.store.read() as tx:
        assert identity.load_rules(tx).max_merges == 7
    assert "There is no version 9" in words(admin.post("/settings/identity/revert", to="9").text)
    assert version_of(world) == 3
