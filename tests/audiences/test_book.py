"""What has to be looked at when something is said of somebody, and what need not be."""

from __future__ import annotations

from cdp.audiences import AUDIENCE, COMPUTED_TRAIT, Book, Entry
from cdp.audiences.book import PEOPLE
from cdp.conditions import Context, parse
from cdp.conditions.live import Stream, Subject

NOW, DAY = 1_000 * 86_400_000, 86_400_000


def book_of(*texts: str, kind: str = AUDIENCE) -> Book:
    return Book(
        [
            Entry(number, kind, f"a{number}", PEOPLE, True, parse(text, Context.PERSON).root)
            for number, text in enumerate(texts)
        ],
        NOW,
    )


def test_a_trait_touches_the_audiences_of_which_it_moves_a_clause() -> None:
    book = book_of(
        'traits.plan = "pro" and count("Search") > 2',
        'traits.plan in ["team", "pro"]',
        'not (traits.plan = "pro" or traits.age > 30)',
        'count("Search" where properties.plan = person.traits.plan) > 1',
        "traits.age > 30",
    )
    somebody = Subject()
    # What an event is compared with can always matter.
    assert book.new_traits(somebody, {"plan": "free", "age": 20}, NOW) == {3}
    assert book.new_traits(somebody, {"plan": "free", "age": 25}, NOW) == set()
    assert book.new_traits(somebody, {"plan": "team", "age": 25}, NOW) == {1, 3}
    assert book.new_traits(somebody, {"plan": "pro", "age": 25}, NOW) == {0, 2, 3}
    assert book.new_traits(somebody, {"plan": "pro", "age": 40}, NOW) == {2, 4}
    assert somebody.traits == {"plan": "pro", "age": 40}


def test_a_computed_trait_is_touched_by_whatever_it_reads() -> None:
    book = book_of("traits.plan", 'traits.plan = "pro"', kind=COMPUTED_TRAIT)
    assert book.new_traits(Subject(), {"plan": "free"}, NOW) == {0, 1}


def test_an_event_moves_nothing_that_a_trait_settles() -> None:
    book = book_of(
        'count("Search" within 7d) >= 1 and traits.plan = "pro"',
        'count("Search" within 7d) >= 1 or traits.plan = "pro"',
        'count("Search" within 7d) >= 1',
    )
    somebody = Subject()
    [number] = book.items[0].live.needs.streams
    somebody.streams[number] = Stream(0)
    somebody.streams[number].add(NOW - DAY, 1, ())

    def moved() -> list[bool]:
        asked = [item.live.moved for item in book.items]
        return [has is not None and has(somebody, NOW, number, 1, 2**62) for has in asked]

    somebody.traits = {"plan": "free"}
    assert moved() == [False, True, True]
    somebody.traits = {"plan": "pro"}
    assert moved() == [True, False, True]
