"""Law 4 on real stores: what SQL says of people is what the plain evaluator says.

Random people come through the pipeline, some of them known by two identifiers that meet
late; random conditions are asked at random instants. SQL may leave somebody open, and
must be right of all others.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.conditions import Context, Evaluator, Event, Person, format_text, parse
from cdp.conditions.ast import (
    Aggregate,
    Between,
    Call,
    Compare,
    EventRef,
    In,
    Instant,
    Items,
    Not,
    Path,
    Performed,
    Since,
    Uploaded,
    Value,
    Within,
    all_of,
    any_of,
    walk,
)
from cdp.log.record import Record
from cdp.store.audiences import counting, matching, persons, quickest
from cdp.store.events import columnar, kept, kept_files
from cdp.store.profiles import people, trait_values
from cdp.store.tables import USERS
from tests.conditions import stories
from tests.conditions.stories import AROUND, EVENTS, HISTORIES, LITERALS, OPS
from tests.conditions.trees import people as any_people
from tests.laws.world import BASE, World
from tests.postgres import emptied_database

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "40"))
#: A store takes so many messages, over several partitions; then a new one is begun.
MESSAGES = 150
READ = (("properties", "x"), ("properties", "y"), ("properties", "z", "in"))


class Human(NamedTuple):
    """Somebody with a past, by the identifiers that their messages carry."""

    id: int
    person: Person


class Town:
    """A store with people in it, whose pasts are known."""

    def __init__(self, postgres: bool, columnar: bool = False) -> None:
        self.postgres, self.columnar = postgres, columnar
        self.world: World | None = None
        self.messages = self.people = 0

    def fresh(self) -> World:
        """The store, a new one if the old one has become large."""
        if self.world is None or self.messages > MESSAGES:
            if self.world is not None:
                self.world.close()
            self.world = World(emptied_database() if self.postgres else None)
            self.messages = 0
            with self.world.store.write() as tx:
                wanted = [(event, path) for event in EVENTS for path in ((), *READ)]
                wanted += [("", ("traits", name)) for name in ("p", "q")]
                kept.keep(tx, wanted, BASE)
                paths = [("p",), ("q",), ("timezone",), ("q", "x")]
                trait_values.keep(tx, [(USERS, path) for path in paths], BASE)
        return self.world

    def add(self, histories: list[list[dict[str, Any]]], cut: int) -> list[Human]:
        """People with these histories, told in pieces of ``cut`` messages."""
        world = self.fresh()
        made, batch = [], []
        for history in histories:
            self.people += 1
            who = {"userId": f"u{self.people}"}, {"anonymousId": f"a{self.people}"}
            for index, item in enumerate(history):
                self.messages += 1
                batch.append(
                    {
                        "messageId": f"m{self.messages:06}",
                        "timestamp": item["t"],
                        **who[index % 2],
                        **item["body"],
                    }
                )
            self.messages += 1
            both = {"type": "identify", "messageId": f"m{self.messages:06}"}
            batch.append({**both, "timestamp": AROUND - 100, **who[0], **who[1]})
            made.append((who[0]["userId"], person_of(history)))
        pieces = [batch[i : i + cut] for i in range(0, len(batch), cut)]
        for piece in pieces:
            body = json.dumps({"batch": piece}).encode()
            world.log.append(Record(BASE, 1, "batch", body))
        world.pipeline.drain()
        while self.columnar and kept_files.write_next(world.store):
            pass
        found = []
        with world.store.read() as tx:
            for user, person in made:
                profile = people.resolve(tx, USERS, "user_id", user)
                assert profile is not None
                own: dict[str, list[str]] = {}
                for row in people.identifiers_of(tx, profile.id):
                    own.setdefault(row.type, []).append(row.value)
                found.append(Human(profile.id, person._replace(identifiers=own)))
        return found


def person_of(history: list[dict[str, Any]]) -> Person:
    """What the messages say of a person; of one time those that came first count first."""
    traits: dict[str, Any] = {}
    for item in sorted(history, key=lambda item: item["t"]):
        for name, value in item["body"].get("traits", {}).items():
            traits.setdefault(name, []).append((item["t"], value))
    events = [Event(item["t"], item["body"]) for item in history if "traits" not in item["body"]]
    return Person(traits=traits, events=events)


@pytest.fixture(scope="module")
def sqlite() -> Iterator[Town]:
    town = Town(False)
    yield town
    if town.world is not None:
        town.world.close()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Town]:
    town = Town(True)
    yield town
    if town.world is not None:
        town.world.close()


@pytest.fixture
def duckdb(sqlite: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """The town on SQLite, with DuckDB asked of all events, most of them in Parquet files."""
    monkeypatch.setattr(columnar, "LARGE", 0)
    monkeypatch.setattr(columnar, "BROUGHT", 1_000)
    sqlite.columnar = True
    yield sqlite
    sqlite.columnar = False


FIGURES = st.sampled_from(["sum", "avg", "min", "max", "first", "last", "unique", "most_frequent"])
PROPERTY = st.sampled_from(["x", "y"]).map(lambda key: Path(("properties", key)))


@st.composite
def wheres(draw: Any) -> Any:
    """What is asked of events, of one value or of two."""
    one, two = draw(PROPERTY.flatmap(about)), draw(PROPERTY.flatmap(about))
    return draw(st.sampled_from([one, Not(one), all_of([one, two]), any_of([one, Not(two)])]))


REFS = st.deferred(lambda: st.builds(EventRef, stories.NAMES, st.one_of(st.none(), wheres())))
TEXTS = st.sampled_from(["a", "b", "2", "A", "", "ab", "*", "a*", "*b", "?", "[a-b]", "x"])


@st.composite
def worded(draw: Any) -> Any:
    """Comparisons with functions, which SQL knows in part: over traits, values, figures."""
    keys = st.sampled_from([("p",), ("q",), ("q", "x"), ("timezone",)])
    path: Any = draw(
        st.one_of(
            keys.map(lambda key: Path(("traits", *key))),
            keys.map(lambda key: Path(("person", "traits", *key))),
            st.just(Path(("person", "identifiers", "user_id"))),
            st.builds(Aggregate, FIGURES, REFS, PROPERTY, stories.WINDOWS),
        )
    )
    return draw(about(path))


def about(operand: Any) -> Any:
    """What can be asked of an operand."""
    one = st.sampled_from(
        ["lowercase", "uppercase", "snakecase", "string", "number", "bool", "typeof", "length"]
    )
    inner = st.one_of(st.just(operand), one.map(lambda name: Call(name, (operand,))))
    two = st.sampled_from(["contains", "starts_with", "ends_with", "match"])
    values = st.one_of(
        LITERALS,
        TEXTS.map(Value),
        st.sampled_from(["string", "number", "bool", "list", "null", 0.1, 3, 10**18 + 1]).map(
            Value
        ),
    )
    return st.one_of(
        st.builds(lambda name, of, text: Call(name, (of, Value(text))), two, inner, TEXTS),
        st.builds(Compare, OPS, inner, values),
        st.builds(Compare, OPS, values, inner),
        st.builds(In, inner, st.lists(values, max_size=3).map(lambda i: Items(tuple(i)))),
        st.builds(In, values, inner),
        inner,
    )


FIGURE = st.one_of(
    st.builds(Aggregate, st.just("count"), REFS, st.none(), stories.WINDOWS),
    st.builds(Aggregate, st.sampled_from(["first", "last"]), REFS, st.none(), stories.WINDOWS),
    st.builds(Aggregate, FIGURES, st.builds(EventRef, stories.NAMES), PROPERTY, stories.WINDOWS),
)
BOUNDS = st.one_of(
    st.sampled_from([0, 1, 2, 2.5, 0.1, 0.3, 5, 10**18 + 1]).map(Value),
    stories.INSTANTS,
    stories.RELATIVE,
)
USUAL = st.one_of(
    st.builds(Compare, OPS, FIGURE, BOUNDS),
    st.builds(lambda op, of, n: Compare(op, Call("length", (of,)), n), OPS, FIGURE, BOUNDS),
    st.builds(In, LITERALS, FIGURE),
)
PERFORMED = st.builds(Performed, REFS, stories.WINDOWS)
CONDITIONS = st.lists(st.one_of(stories.conditions(), USUAL, worded(), PERFORMED), max_size=5)
INSTANTS = st.integers(AROUND - 70, AROUND + 35)


def agree(
    town: Town,
    histories: list[list[dict[str, Any]]],
    trees: list[Any],
    now: int,
    cut: int,
    kept_all: bool = True,
) -> None:
    humans = town.add(histories, cut)
    ids = [human.id for human in humans]
    assert town.world is not None
    with town.world.store.read() as tx:
        for number, tree in enumerate(trees):
            # Half of them as previews ask, who put events together by themselves.
            match = quickest.match_gathered if number % 2 else matching.match
            holds = {h.id for h in humans if Evaluator(h.person, now).holds(tree)}
            made = matching.match_large(tx, tree, now) if town.columnar else None
            # To begin with there is no closed partition, and uploaded lists stay in the store.
            refs = [node for node in walk(tree) if isinstance(node, EventRef)]
            in_store = any(isinstance(node, Uploaded) for ref in refs for node in walk(ref))
            can = town.columnar and kept_files.listed(tx) and not in_store
            assert (made is not None) is bool(can)
            made = made or match(tx, tree, now)
            text = format_text(tree)
            assert not (made.missing and kept_all), text
            sure = matching.members_among(tx, made, made.found.sure, ids)
            could = matching.members_among(tx, made, made.found.could, ids)
            assert sure <= holds <= could, (text, now, sure, holds, could)
            left = matching.members_among(tx, made, made.open, ids)
            assert left == could - sure, text
            wants = persons.asked(tree)
            decided = counting.decide(tx, tree, sorted(ids), wants, now)
            assert set(decided) == holds, (text, now)
            whole = matching.match(tx, tree, now)
            asked = set(matching.list_ids(whole, whole.found.could)) & set(ids)
            # Memory can tell of some of whom SQL can't.
            assert could <= asked if made.gatherer is not None else could == asked, text


def pointed(seed: int, count: int) -> tuple[list[list[dict[str, Any]]], list[Any], int]:
    """Full histories, and plain questions whose windows end where events are, to the ms."""
    rnd = random.Random(seed)
    values = [0, 1, 2, 2, 2.5, 0.1, -3, True, "a", "2", None, [1, "a"], 10**18 + 1]

    def message() -> dict[str, Any]:
        properties = {key: rnd.choice(values) for key in ("x", "y") if rnd.random() < 0.8}
        body = {"type": "track", "event": rnd.choice("AAB"), "properties": properties}
        return {"t": AROUND + rnd.randrange(-9, 10), "body": body}

    def question(now: int) -> Any:
        t = rnd.choice(rnd.choice(histories))["t"]
        far, near = max(1, now - t + rnd.randrange(2)), max(0, now - t - rnd.randrange(2))
        window = rnd.choice(
            [None, Within(far), Between(near + rnd.randrange(1, 9), near), Since(Instant(t))]
        )
        path, value = Path(("properties", rnd.choice("xy"))), Value(rnd.choice([0, 1, 2, 2.5, "a"]))
        op = rnd.choice(["=", "!=", "<", "<=", ">", ">="])
        where = Compare(op, path, value) if rnd.random() < 0.4 else None
        ref = EventRef(rnd.choice("AAB"), where)
        fn = rnd.choice(["count", "count", "sum", "sum", "avg", "min", "max", "first", "last"])
        figure = Aggregate(fn, ref, None if fn == "count" else path, window)
        bound: Any = Value(rnd.choice([0, 1, 2, 2.5, 3, 4, 4.5]))
        if fn in ("first", "last") and rnd.random() < 0.5:
            figure, bound = Aggregate(fn, ref, None, window), Instant(t)
        if rnd.random() < 0.2:
            return Performed(ref, window)
        return Compare(rnd.choice(["=", "!=", "<", "<=", ">", ">="]), figure, bound)

    histories = [[message() for _ in range(rnd.randrange(2, 8))] for _ in range(3)]
    now = AROUND + rnd.randrange(-5, 15)
    return histories, [question(now) for _ in range(count)], now


def test_windows_and_figures_are_right_to_the_millisecond_on_sqlite(sqlite: Town) -> None:
    for seed in range(EXAMPLES):
        histories, trees, now = pointed(seed, 8)
        agree(sqlite, histories, trees, now, 5)


def test_windows_and_figures_are_right_to_the_millisecond_on_duckdb(duckdb: Town) -> None:
    for seed in range(max(EXAMPLES // 20, 1)):
        histories, trees, now = pointed(seed, 8)
        agree(duckdb, histories, trees, now, 5)


@pytest.mark.postgres
def test_windows_and_figures_are_right_to_the_millisecond_on_postgres(postgres: Town) -> None:
    for seed in range(EXAMPLES // 2):
        histories, trees, now = pointed(seed, 8)
        agree(postgres, histories, trees, now, 5)


TOWN = (st.lists(HISTORIES, min_size=1, max_size=3), CONDITIONS, INSTANTS, st.integers(1, 9))
FREELY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@FREELY
@given(*TOWN)
def test_sql_is_right_of_everybody_on_sqlite(
    sqlite: Town, histories: Any, trees: Any, now: int, cut: int
) -> None:
    agree(sqlite, histories, trees, now, cut)


@pytest.mark.postgres
@FREELY
@given(*TOWN)
def test_sql_is_right_of_everybody_on_postgres(
    postgres: Town, histories: Any, trees: Any, now: int, cut: int
) -> None:
    agree(postgres, histories, trees, now, cut)


@settings(FREELY, max_examples=max(EXAMPLES // 10, 1))
@given(*TOWN)
def test_sql_is_right_of_everybody_on_duckdb(
    duckdb: Town, histories: Any, trees: Any, now: int, cut: int
) -> None:
    agree(duckdb, histories, trees, now, cut)


@FREELY
@given(st.lists(HISTORIES, min_size=1, max_size=2), st.lists(any_people(), max_size=3), INSTANTS)
def test_conditions_of_any_shape_have_an_answer_on_sqlite(
    sqlite: Town, histories: Any, trees: Any, now: int
) -> None:
    agree(sqlite, histories, trees, now, 5, kept_all=False)


@pytest.mark.postgres
@FREELY
@given(st.lists(HISTORIES, min_size=1, max_size=2), st.lists(any_people(), max_size=3), INSTANTS)
def test_conditions_of_any_shape_have_an_answer_on_postgres(
    postgres: Town, histories: Any, trees: Any, now: int
) -> None:
    agree(postgres, histories, trees, now, 5, kept_all=False)


def many(part: str, count: int, between: str = " or ") -> str:
    """``part`` over and over, with numbers in place of #."""
    return between.join(part.replace("#", str(n)) for n in range(count))


LARGE = {
    "many traits": many('traits.p = "x#"', 700),
    "many events": many('!performed("A" where properties.x = #)', 300, " and "),
    "many figures": many('sum(properties.x of "A") > #.5', 80),
    "a list of texts": "traits.p in [" + many('"v#"', 1500, ",") + "]",
    "a list of numbers": f"traits.p in [{many('#', 1500, ',')}]",
    "a list of traits": f"2 in [{many('traits.t#', 400, ',')}]",
    "many terms about an event": f'performed("A" where {many("properties.x = #", 700)})',
    "many values of an event": f'performed("A" where {many("properties.p# = 1", 80)})',
    "deep": "(" * 24
    + 'traits.p = "a"'
    + "".join(
        f' {"and" if n % 2 else "or"} count("A" where properties.x > {n}) < {n})' for n in range(24)
    ),
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_what_is_larger_than_a_database_reads_at_once_has_an_answer(
    sqlite: Town, text: str
) -> None:
    history = [{"t": AROUND, "body": {"type": "track", "event": "A", "properties": {"x": 2}}}]
    root = parse(text, Context.PERSON).root
    agree(sqlite, [history], [root], AROUND + 1, 1, kept_all=False)
