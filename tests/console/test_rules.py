"""Rules of traits and names of object types by clicks."""

from __future__ import annotations

from typing import Any

from cdp.store import definitions
from cdp.store.profiles.trait_rules import KEY, KIND, load_trait_rules
from tests.console.factory import Browser, World, words

FORM = {
    "merge": "some",
    "merged": "address, prefs",
    "max_traits": "300",
    "max_profile_traits": "2",
    "max_value_bytes": "16384",
    "max_object_keys": "300",
}


def someone(number: int, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": f"u{number}", "traits": traits}


def test_a_change_of_the_trait_rules_is_told_before_it_holds(world: World, admin: Browser) -> None:
    world.send(someone(1, a=1, b=2, address={"city": "Rome"}), someone(2, a=1))
    assert "Objects so far: address" in words(admin.page("/settings/traits"))
    text = words(admin.post("/settings/traits", what="preview", **FORM).text)
    assert "merge key by key: none, then address, prefs" in text
    assert "Traits of one profile: 1,000, then 2. 1 of the 2 latest profiles have more" in text, (
        text
    )
    with world.store.read() as tx:
        assert definitions.versions(tx, KIND, KEY) == []
    assert admin.post("/settings/traits", what="save", **FORM).status_code == 303
    with world.store.read() as tx:
        rules = load_trait_rules(tx)
    assert rules.merges("prefs") and not rules.merges("a") and rules.max_profile_traits == 2
    assert "these rules hold already" in admin.post("/settings/traits", what="x", **FORM).text
    page = admin.page("/settings/traits")
    assert 'value="address, prefs"' in page and "Versions" in page
    world.send(someone(2, b=1, c=1))
    assert "trait" in words(admin.page("/live/rejected?code=trait_dropped")).lower()


def test_rules_that_cannot_be_are_refused_and_stay_typed(world: World, admin: Browser) -> None:
    for wrong in ({"max_traits": "many"}, {"max_traits": "0"}, {"merged": " , "}):
        answer = admin.post("/settings/traits", what="save", **{**FORM, **wrong})
        assert answer.status_code == 422 and "can&#39;t be used" in answer.text, wrong
        assert 'value="2"' in answer.text
    assert (
        admin.post("/settings/traits", what="save", **{**FORM, "merge": "all"}).status_code == 303
    )
    with world.store.read() as tx:
        assert load_trait_rules(tx).merge_objects is True


def test_a_type_of_objects_gets_a_name_that_people_read(world: World, admin: Browser) -> None:
    traits = {"objectTypeId": "course", "title": "Bees"}
    world.send({"type": "group", "userId": "u1", "groupId": "c1", "traits": traits})
    assert "Object type course" in words(admin.page("/settings/objects"))
    answer = admin.post("/settings/objects", key="course", name="Courses")
    assert answer.status_code == 303
    assert "Courses" in words(admin.page("/people?kind=course"))
    assert "Courses" in words(admin.page("/catalogue/traits?of=course"))
    assert admin.post("/settings/objects", key="course", name=" ").status_code == 422
    assert admin.post("/settings/objects", key="cats", name="Cats").status_code == 404
