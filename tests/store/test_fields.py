"""Which fields are personal: proposed, decided in versions, and what the catalogue keeps then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.store import definitions
from cdp.store.catalogue import fields
from cdp.store.catalogue import reads as catalogue_reads
from cdp.store.catalogue.fields import KIND, Decided, Known, decide, known_fields
from tests.factories import Space


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    url = None
    if request.param == "postgres":
        from tests.postgres import new_database

        url = new_database()
    made = Space(tmp_path, url)
    yield made
    made.close()


def signed_up(number: int, **properties: Any) -> dict[str, Any]:
    name = f"u{number}"
    return {"type": "track", "event": "Signed Up", "userId": name, "properties": properties}


def known(space: Space, state: str = "all") -> dict[str, Known]:
    with space.store.read() as tx:
        return {item.field: item for item in known_fields(tx, state)}


def say(space: Space, field: str, personal: bool | None) -> None:
    with space.store.write() as tx:
        decide(tx, 5, {field: personal}, "ana")


def samples(space: Space, path: str) -> list[tuple[object, str | None]]:
    with space.store.read() as tx:
        entry = catalogue_reads.entry(tx, 1, "track", "Signed Up")
        assert entry is not None
        fields = catalogue_reads.fields(tx, entry.id).fields
        return [
            (s.value, s.personal) for field in fields if field.path == path for s in field.samples
        ]


def test_fields_are_proposed_by_name_and_by_values(space: Space) -> None:
    space.send(
        signed_up(1, email="x", note="write to ana@example.com", color="red", via=[{"a": 1}])
    )
    found = known(space)
    assert (found["properties.email"].kind, found["properties.email"].by) == ("email", "name")
    assert (found["properties.note"].kind, found["properties.note"].by) == ("email", "values")
    assert found["properties.color"].kind is None and not found["properties.color"].personal
    assert found["properties.color"].samples == ("red",)
    assert found["properties.via.a"].types == ("integer",)
    assert set(known(space, "waiting")) == {"properties.email", "properties.note"}


def test_a_decision_has_versions_and_an_author_and_can_be_taken_back(space: Space) -> None:
    space.send(signed_up(1, color="red", email="x"))
    say(space, "properties.color", True)
    say(space, "properties.email", True)
    assert set(known(space, "personal")) == {"properties.color", "properties.email"}
    assert known(space, "waiting") == {}
    item = known(space)["properties.color"]
    assert (item.decided, item.author, item.at) == (True, "ana", 5)
    say(space, "properties.color", False)
    say(space, "properties.color", None)
    say(space, "properties.color", None)
    assert known(space)["properties.color"].decided is None
    with space.store.read() as tx:
        bodies = [v.body for v in definitions.versions(tx, KIND, "properties.color")]
    assert bodies == [None, {"personal": False}, {"personal": True}]


def test_values_of_what_is_personal_go_from_the_catalogue_and_stay_out(space: Space) -> None:
    space.send(signed_up(1, pet="Rex", form={"pet": "Rex"}))
    say(space, "properties.pet", True)
    say(space, "properties.form", True)
    space.send(signed_up(2, pet="Bello", form={"pet": "Bello"}))
    assert samples(space, "pet") == [(None, "personal")] == samples(space, "form.pet")


def test_values_of_what_was_overruled_are_kept_from_then_on(space: Space) -> None:
    space.send(signed_up(1, phone="none"))
    assert samples(space, "phone") == [(None, "phone")]
    say(space, "properties.phone", False)
    space.send(signed_up(2, phone="landline"))
    assert ("landline", None) in samples(space, "phone")
    say(space, "properties.phone", None)
    assert samples(space, "phone") == [(None, "phone")]


def test_decisions_are_read_anew_when_something_was_changed(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, load = [], fields.load_classes
    monkeypatch.setattr(fields, "load_classes", lambda tx: reads.append(1) or load(tx))
    decided = Decided()

    def kind() -> str | None:
        with space.store.read() as tx:
            return decided.classes(tx).kind("traits.colour", "x")

    assert (kind(), kind(), len(reads)) == (None, None, 1)
    say(space, "traits.colour", True)
    assert (kind(), kind()) == ("personal", "personal")
    say(space, "traits.colour", False)
    assert kind() is None


def test_a_decision_can_come_before_the_first_event(space: Space) -> None:
    say(space, "traits.shoe_size", True)
    assert known(space)["traits.shoe_size"].personal and known(space)["traits.shoe_size"].n == 0


def test_traits_of_other_objects_are_apart_from_those_of_accounts(space: Space) -> None:
    course = {"title": "Bees", "objectTypeId": "course", "relationshipAttributes": {"role": "x"}}
    space.send(
        {"type": "group", "userId": "u1", "groupId": "c1", "traits": course},
        {"type": "group", "userId": "u1", "groupId": "a1", "traits": {"seats": 7}},
    )
    with space.store.read() as tx:
        of = {
            word: [f.path for f in catalogue_reads.fields_of(tx, calls[0], name=calls[1])[1].fields]
            for word in ("accounts", "course")
            if (calls := catalogue_reads.traits_of(tx, word))
        }
        assert catalogue_reads.traits_of(tx, "cats") is None
    assert of == {"accounts": ["seats"], "course": ["title"]}
    assert set(known(space)) == {"account.seats", "objects.course.title"}
