"""What the condition builder asks the server."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

from tests.console.factory import Browser, World


def ask(browser: Browser, what: str, **body: Any) -> TestResponse:
    return browser.client.post(
        f"/conditions/{what}", json=body, headers={"X-CSRF-Token": browser.csrf()}
    )


def picked(browser: Browser, **args: str) -> list[str]:
    query = "&".join(f"{name}={value}" for name, value in args.items())
    return [option["label"] for option in browser.get(f"/conditions/pick?{query}").json]


def buy(number: int, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": f"u{number}",
        "properties": {"total": 10 + number, "currency": "EUR", **properties},
        "context": {"page": {"path": "/cart"}},
    }


ANA = {"type": "identify", "userId": "u1", "traits": {"plan": "pro", "email": "ana@example.com"}}


def test_a_text_is_read_as_tree_prose_and_warnings(world: World, admin: Browser) -> None:
    world.send(buy(1))
    said = ask(admin, "read", text="properties.totl > 50", context="message").json
    assert said["form"] == {
        "is": "compare",
        "op": ">",
        "left": {"is": "path", "parts": ["properties", "totl"]},
        "right": {"is": "number", "text": "50"},
    }
    assert said["prose"] == "Totl is more than 50."
    person = ask(admin, "read", text='count("Order Complete") > 1', context="person").json
    assert "Did you mean Order Completed?" in person["warnings"][0]
    assert ask(admin, "read", text=" ", context="person").json["form"] is None


def test_what_is_wrong_with_a_text_has_its_place(admin: Browser) -> None:
    said = ask(admin, "read", text='event = "A"\nand contans(event, "B")', context="message").json
    assert (said["ok"], said["line"], said["column"]) == (False, 2, 5)
    assert "Did you mean contains?" in said["wrong"]
    said = ask(admin, "read", text='count("A") > 1', context="message").json
    assert "asks for a person's history" in said["wrong"]
    assert ask(admin, "read", text="a", context="elsewhere").status_code == 400
    assert ask(admin, "read", context="message").status_code == 400


def test_a_tree_is_written_with_every_digit(admin: Browser) -> None:
    digits = "12345678901234567890123.25"
    for number in ("12345678901234567890", "-0.1", "50", digits):
        form = {
            "is": "compare",
            "op": "=",
            "left": {"is": "path", "parts": ["properties", "n"]},
            "right": {"is": "number", "text": number},
        }
        said = ask(admin, "write", form=form, context="message").json
        if number != digits:
            assert said["text"] == f"properties.n = {number}"
        assert said["form"]["right"]["text"] == said["text"].split(" = ")[1]
    assert ask(admin, "write", form=None, context="message").json["text"] == ""


def test_a_tree_that_is_none_is_refused(admin: Browser) -> None:
    deep: Any = {"is": "path", "parts": ["type"]}
    for _ in range(60):
        deep = {"is": "not", "item": deep}
    for form, wrong in (
        ({"is": "number", "text": "1e5"}, "is no number"),
        ({"is": "number", "text": 5}, "is no number"),
        ({"is": "path"}, "not the form of a condition"),
        ({"is": "performed", "event": {"name": "A"}}, "asks for a person"),
        (deep, "nested deeper"),
        ([], "not the form of a condition"),
    ):
        said = ask(admin, "write", form=form, context="message").json
        assert not said["ok"] and wrong.lower() in said["wrong"].lower(), (form, said)


def test_an_expression_for_any_value_is_no_condition(admin: Browser) -> None:
    text = 'sum(properties.total of "Order Completed")'
    plain = ask(admin, "read", text=text, context="person").json
    assert "by itself is never true" in " ".join(plain["warnings"])
    value = ask(admin, "read", text=text, context="person", value=True).json
    assert "by itself" not in " ".join(value["warnings"])


def test_pickers_offer_what_was_seen_with_volumes_types_and_masked_samples(
    world: World, admin: Browser
) -> None:
    page = {"type": "page", "name": "Home", "userId": "u1"}
    world.send(buy(1, **{"a.b": 1}), buy(2), ANA, page, {**page, "name": "Cart"})
    assert picked(admin, kind="event", q="") == ["Order Completed", "Page Viewed"]
    assert picked(admin, kind="event", q="ord") == ["Order Completed"]
    order = admin.get("/conditions/pick?kind=event&q=ord").json[0]
    assert (order["group"], order["sub"]) == ("Events", "2 in 30 days")
    found = admin.get("/conditions/pick?kind=property&q=&event=Order Completed").json
    by = {option["label"]: option for option in found}
    assert by["total"]["value"] == ["properties", "total"] and by["total"]["type"] == "number"
    assert by["a\\.b"]["value"] == ["properties", "a.b"]
    assert "EUR" in by["currency"]["sub"]
    assert picked(admin, kind="property", q="", event="Page Viewed") == []
    assert set(picked(admin, kind="property", q="total")) == {"total"}
    email = next(
        o for o in admin.get("/conditions/pick?kind=trait&q=").json if "email" in o["label"]
    )
    assert "ana@" not in str(email) and "‹email›" in email["sub"]
    assert "page.path" in picked(admin, kind="context", q="path")
    assert "email" in picked(admin, kind="identifier", q="")
    assert "Europe/Warsaw" in picked(admin, kind="zone", q="warsaw")
    assert picked(admin, kind="start", q="plan", context="person") == ["plan"]
    assert admin.get("/conditions/pick?kind=nonsense").status_code == 400


def test_values_of_a_field_are_offered_with_its_type(world: World, admin: Browser) -> None:
    world.send(buy(1), buy(2), ANA)

    def values(*parts: str, event: str = "") -> tuple[str, list[str]]:
        query = "&".join(f"part={part}" for part in parts)
        said = admin.get(f"/conditions/pick?kind=values&{query}&event={event}").json
        return said["type"], [option["label"] for option in said["options"]]

    assert values("properties", "currency", event="Order Completed") == ("text", ["EUR"])
    assert values("properties", "total")[0] == "number"
    assert values("properties", "total", event="Never") == ("", [])
    assert values("traits", "plan") == ("text", ["pro"])
    assert values("person", "traits", "plan") == ("text", ["pro"])
    assert values("traits", "email") == ("text", [])
    assert values("event") == ("text", ["Order Completed"])
    assert "identify" in values("type")[1]
    assert values("person", "identifiers", "email")[0] == "list"


def test_whoever_may_look_may_build_a_filter_for_live(world: World, admin: Browser) -> None:
    admin.post("/settings/users", name="vera", role="viewer", password="a long password 123")
    viewer = world.client()
    viewer.post("/login", name="vera", secret="a long password 123")
    assert ask(viewer, "read", text="type = 'track'", context="message").json["ok"]
    without = viewer.client.post("/conditions/read", json={"text": "a", "context": "message"})
    assert without.status_code == 400
    assert world.client().get("/conditions/pick?kind=event").status_code == 302
