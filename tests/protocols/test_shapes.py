"""What is noted of messages that were looked into."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cdp.protocols import MASK, Seen, is_conflict
from cdp.protocols.shapes import MAX_PROPERTIES, MAX_SAMPLES, MAX_TEXT


def look(*parts: dict[str, Any], own: tuple[str, ...] = ()) -> Seen:
    seen = Seen()
    for index, part in enumerate(parts):
        seen.look(part, "properties", 1000 + index, own)
    return seen


def plain(seen: Seen) -> dict[str, Any]:
    return {path: msgspec.to_builtins(found) for path, found in seen.properties.items()}


def test_every_type_is_told() -> None:
    seen = look(
        {
            "a": "x",
            "b": 1,
            "c": 1.5,
            "d": True,
            "e": "2026-01-31",
            "f": "2026-01-31T12:00:00Z",
            "g": None,
            "h": {"x": {}},
            "i": ["a", 1, {"k": 2}],
            "j": "2026-13-31",
        }
    )
    types = {path: set(found.types) for path, found in seen.properties.items()}
    assert types == {
        "a": {"string"},
        "b": {"integer"},
        "c": {"number"},
        "d": {"boolean"},
        "e": {"date-time"},
        "f": {"date-time"},
        "g": {"null"},
        "h": {"object"},
        "h.x": {"object"},
        "i": {"array"},
        "i[]": {"string", "integer", "object"},
        "i[].k": {"integer"},
        "j": {"string"},
    }


def test_nesting_ends_at_four_and_dots_in_keys_are_marked() -> None:
    seen = look({"a": {"b": {"c": {"d": {"e": 1}}}}, "x.y": {"z": 1}, "m": [[1]]})
    assert set(seen.properties) == {
        *("a", "a.b", "a.b.c", "a.b.c.d"),
        *("x\\.y", "x\\.y.z", "m", "m[]", "m[][]"),
    }


def test_presence_counts_messages_not_values() -> None:
    seen = look({"items": [{"x": 1}, {"x": 2}]}, {"items": []}, {})
    assert seen.looked == 3
    assert seen.properties["items"].n == 2
    assert seen.properties["items[].x"].n == 1
    assert seen.properties["items[].x"].types == {"integer": 1}
    assert seen.properties["items[].x"].samples == {"1": 1, "2": 1}
    assert (seen.properties["items"].first, seen.properties["items"].last) == (1000, 1001)


def test_values_that_look_alike_are_told_apart() -> None:
    samples = look(*({"v": v} for v in (1, 1.0, True, "1", "true"))).properties["v"].samples
    assert samples == {"1": 1, "1.0": 1, "true": 1, '"1"': 1, '"true"': 1}


def test_frequent_values_stay_among_many_others() -> None:
    seen = look(*({"v": "often" if n % 3 == 0 else f"rare {n}"} for n in range(600)))
    found = seen.properties["v"]
    found.trim()
    assert found.samples['"often"'] == 200
    assert len(found.samples) == MAX_SAMPLES and found.more
    assert '"rare 599"' in found.samples or '"rare 598"' in found.samples


def test_long_texts_and_many_properties_are_bounded() -> None:
    seen = look({f"p{n}": "x" * 1000 for n in range(MAX_PROPERTIES + 50)}, {"k" * 5000: 1})
    assert len(seen.properties) == MAX_PROPERTIES and seen.beyond == 2
    [text] = seen.properties["p0"].samples
    assert len(msgspec.json.decode(text)) == MAX_TEXT and text.endswith('…"')
    assert len(next(iter(look({"k" * 5000: 1}).properties))) == 100


def test_personal_values_keys_and_own_ids_are_masked() -> None:
    seen = look({"to": "ana@x.org", "by": {"ana@x.org": 1}, "who": "u-77"}, own=("u-77",))
    assert seen.properties["to"].samples == {MASK + "email": 1}
    assert seen.properties["who"].samples == {MASK + "user_id": 1}
    assert "by.‹email›" in seen.properties
    assert "ana" not in str(plain(seen))


def test_conflicts_are_between_families_of_types() -> None:
    assert is_conflict(["number", "string"])
    assert is_conflict(["array", "object"])
    assert not is_conflict(["number", "integer", "null"])
    assert not is_conflict(["date-time", "string"])
    assert not is_conflict([])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
PARTS = st.lists(st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), max_size=8)


@given(PARTS, st.integers(0, 8))
def test_joining_two_looks_is_looking_at_all(parts: list[dict[str, Any]], cut: int) -> None:
    whole = look(*parts)
    first, second = Seen(), Seen()
    for index, part in enumerate(parts):
        (first if index < cut else second).look(part, "properties", 1000 + index)
    first.join(second)
    assert first.looked == whole.looked
    for path, found in whole.properties.items():
        mine = first.properties[path]
        assert (mine.n, mine.first, mine.last) == (found.n, found.first, found.last)
        assert mine.types == found.types
    assert set(first.properties) == set(whole.properties)


@given(PARTS)
def test_no_value_is_shown_that_was_not_there(parts: list[dict[str, Any]]) -> None:
    there: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                walk(item)
        else:
            there.add(msgspec.json.encode(value).decode())

    for part in parts:
        walk(part)
    for found in look(*parts).properties.values():
        for text in found.samples:
            assert text.startswith(MASK) or text in there
        assert sum(found.types.values()) >= found.n > 0
