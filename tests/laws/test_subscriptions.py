"""Law 4 of ``subscribed("news")``: live, recomputed, by a plain look, and by the last check."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cdp.conditions import Context, Evaluator, Person, parse
from cdp.conditions.expand import Made, expand
from cdp.definitions import KINDS
from cdp.delivery.messages.choices import choose
from cdp.messaging.choices import call_of
from cdp.messaging.standing import why_not
from cdp.store import definitions, meta
from cdp.store.messages import preferences
from cdp.store.messages.topics import all_topics
from tests.laws.test_audiences import Town
from tests.pages.house import House
from tests.postgres import new_database

EXAMPLES = max(3, int(os.environ.get("CDP_PROOF_EXAMPLES", "300")) // 40)
WHO = {"in_news": 'subscribed("news")', "not_offers": 'not subscribed("offers")'}
TRAIT = [True, "TRUE", "true", 1, "1", False, "no", 0, None, "0", [], "yes"]


def yes(value: Any) -> bool:
    return (
        value is True or value == 1 or (isinstance(value, str) and value.lower() in ("true", "1"))
    )


def plainly(person: Person, topic: str, default: bool, now: int) -> bool:
    """The rule as a person would tell it, written anew."""
    traits = {
        name: max(((t, i, v) for i, (t, v) in enumerate(said)), key=lambda x: x[:2])[2]
        for name, said in person.traits.items()
    }
    last: dict[str, bool] = {}
    order = sorted(enumerate(person.events), key=lambda item: (item[1].t, item[0]))
    for _, event in order:
        if event.t <= now and event.name == "Subscription Preferences Changed":
            last[event.body["properties"]["scope"]] = event.body["properties"]["subscribed"]
    if last.get("*") is False or yes(traits.get("unsubscribed")):
        return False
    if f"topic:{topic}" in last:
        return last[f"topic:{topic}"]
    noted = traits.get("cio_subscription_preferences")
    topics = noted.get("topics", {}) if isinstance(noted, dict) else {}
    for name in (topic, f"topic_{topic}"):
        if isinstance(topics.get(name), bool):
            return bool(topics[name])
    return default


def something(rnd: Random, now: int, number: int) -> dict[str, Any]:
    """A choice, or a trait that an app sends; mostly just now, sometimes late."""
    who = {"userId": rnd.choice(["u1", "u2", "u3"])}
    if rnd.random() < 0.3:
        who["anonymousId"] = rnd.choice(["a1", "a2"])
    t = now - rnd.choice([0, 0, 1, 2, 9])
    if rnd.random() < 0.35:
        traits: dict[str, Any] = {"unsubscribed": rnd.choice(TRAIT)}
        if rnd.random() < 0.6:
            name = rnd.choice(["news", "topic_news", "offers", "topic_offers"])
            said = {name: rnd.choice([True, False, "x", None])}
            traits = {"cio_subscription_preferences": {"topics": said}}
        return {"t": t, "body": {"type": "identify", "traits": traits}, "who": who}
    scope = rnd.choice(["*", "topic:news", "topic:news", "topic:offers", "channel:email"])
    call = call_of(scope, rnd.random() < 0.5, t, number, {"user_id": "x"}, "page")
    assert call is not None
    body = {key: call[key] for key in ("type", "event", "properties")}
    return {"t": t, "body": body, "who": who}


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_members_are_who_a_plain_look_says(seed: int) -> None:
    lives(seed)


@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(100, 100 + EXAMPLES // 3))
def test_members_are_who_a_plain_look_says_on_postgres(seed: int) -> None:
    lives(seed, new_database())


def lives(seed: int, database_url: str | None = None) -> None:
    rnd = Random(seed)
    town = Town(database_url)
    defaults = {"news": True, "offers": False}
    try:
        define_topics(town, defaults)
        for key, who in WHO.items():
            town.define(key, {"who": who})
        for number in range(rnd.randint(6, 14)):
            kind = rnd.random()
            if kind < 0.7:
                batch = [something(rnd, town.now, number) for _ in range(rnd.randint(1, 5))]
                town.say(batch)
            elif kind < 0.9:
                town.now += rnd.randint(1, 9)
            else:
                topic = rnd.choice(list(defaults))
                defaults[topic] = not defaults[topic]
                define_topics(town, defaults)
            town.settle()
            compare(town, defaults, WHO)
        again = {f"{key}_again": who for key, who in WHO.items()}
        for key, who in again.items():  # of the whole history, in SQL
            town.define(key, {"who": who})
        town.settle()
        compare(town, defaults, again)
    finally:
        town.close()


def define_topics(town: Town, defaults: dict[str, bool]) -> None:
    for topic, default in defaults.items():
        body = KINDS["topic"].read(topic, {"default": "subscribed" if default else "unsubscribed"})
        town.define(topic, body.body, "topic")


def compare(town: Town, defaults: dict[str, bool], whos: dict[str, str]) -> None:
    persons = town.persons()
    made = Made(topics=defaults)
    for key, who in whos.items():
        topic, negated = ("news", False) if "news" in who else ("offers", True)
        root = expand(parse(who, Context.PERSON).root, made)
        wanted = set()
        for profile, person in persons.items():
            holds = plainly(person, topic, defaults[topic], town.now) is not negated
            assert Evaluator(person, town.now).holds(root) is holds, (person, who)
            wanted |= {profile} if holds else set()
        assert town.members(key) == wanted, (key, defaults)


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def test_the_last_check_and_the_condition_agree(tmp_path: Path, database: str) -> None:
    house = House(tmp_path, new_database() if database == "postgres" else None)
    try:
        with house.store.write() as tx:
            for key, default in (("news", "subscribed"), ("offers", "unsubscribed")):
                definitions.put(tx, 1, "topic", key, {"default": default}, "test")
            for topic in ("news", "offers"):
                who = {"who": f'subscribed("{topic}")'}
                definitions.put(tx, 1, "audience", f"in_{topic}", who, "test")
            meta.bump(tx)
        rnd = Random(5)
        nodes = [house.identify(f"u{number}") for number in range(6)]
        for _ in range(12):
            house.now += 1
            for number, node in enumerate(nodes):
                if rnd.random() < 0.3:
                    house.identify(f"u{number}", unsubscribed=rnd.choice(TRAIT[:8]))
                if rnd.random() < 0.5:
                    wishes = {rnd.choice(["*", "topic:news", "topic:offers"]): rnd.random() < 0.5}
                    now = int(house.now * 1000) + 1
                    with house.store.write() as tx:
                        choose(tx, node, wishes, now, "page")
            house.now += 1
            house.emit()
            house.pipeline.settle()
            agree(house, nodes)
    finally:
        house.close()


def agree(house: House, nodes: list[int]) -> None:
    from cdp.store.audiences import evaluated as audiences
    from cdp.store.tables import members
    from cdp.store.tables import nodes as node_rows

    with house.store.read() as tx:
        defaults = {key: topic.default for key, topic in all_topics(tx).items()}
        homes = {row.id: row.profile for row in tx.execute(node_rows.select())}
        standings = preferences.standings(tx, nodes)
        for topic in ("news", "offers"):
            row = audiences.live_row(tx, "audience", f"in_{topic}")
            assert row is not None
            found = tx.execute(members.select().where(members.c.audience == row.id))
            inside = {item.profile for item in found}
            for node in nodes:
                why = why_not(standings[node], "email", topic, defaults)
                assert (why is None) == (homes[node] in inside), (topic, standings[node], why)
