"""What people decide of fields goes before how they look."""

import pytest

from cdp.protocols import Classes, NoField, Seen, field_key, field_name, root_of


def test_without_a_decision_the_look_decides() -> None:
    classes = Classes()
    assert classes.kind("traits.email", "x") == "email"
    assert classes.kind("properties.color", "red") is None
    assert classes.decision("traits.email") is None


def test_a_decision_goes_before_name_and_value() -> None:
    classes = Classes({"properties.color": True, "traits.email": False, "properties.note": True})
    assert classes.kind("properties.color", "red") == "personal"
    assert classes.kind("properties.color", None) is None
    assert classes.kind("traits.email", "ana@example.com") is None
    assert classes.kind("properties.note", "call me") == "personal"


def test_what_is_personal_covers_what_is_in_it_unless_that_was_decided_itself() -> None:
    classes = Classes({"properties.form": True, "properties.form.size": False, "traits.a": False})
    assert classes.kind("properties.form.shoe", 42) == "personal"
    assert classes.kind("properties.form.size", 42) is None
    assert classes.kind("traits.a.email", "x") == "email"  # "not personal" covers nothing


def test_items_of_a_list_are_the_list() -> None:
    assert field_key("properties.guests[].alias") == "properties.guests.alias"
    assert Classes({"properties.tags": True}).kind("properties.tags[]", "x") == "personal"


@pytest.mark.parametrize("text", ["email", "", "traits.", "traits..", "users.email", "traits.a\0"])
def test_what_is_no_field_is_told(text: str) -> None:
    with pytest.raises(NoField, match="is no field"):
        field_key(text)


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("", "‹blank›"),
        ("  ", "‹blank›"),
        ("[]", "‹blank›"),
        (" nick ", "nick"),
        ("a[][]", "a"),
        ("." * 90, "\\." * 90),
    ],
)
def test_every_key_that_comes_has_a_field_that_can_be_decided(key: str, field: str) -> None:
    nested = {key: {key: {key: {key: 1}}}}
    found = Seen()
    found.look(nested, "properties", 1000)
    names = [field_name(f"properties.{path}") for path in found.properties]
    assert names == [".".join(["properties", *[field] * n]) for n in range(1, 5)]
    assert [field_key(name) for name in names] == names
    seen = [f"properties.{path}" for path in found.properties]
    kinds = [Classes({name: True}).kind(one, 1) for name, one in zip(names, seen, strict=True)]
    assert kinds == ["personal"] * 4


def test_the_root_tells_object_types_apart() -> None:
    assert root_of("group") == "account" and root_of("group", "my.type") == "objects.my\\.type"
    assert root_of("track", "Order Completed") == "properties"
    assert Classes({"objects.my\\.type.owner": True}).kind("objects.my\\.type.owner", "x")
