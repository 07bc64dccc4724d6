"""Law 5: a journey is a pure function, and what it does is what its steps plainly mean."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.conditions import Context, parse
from cdp.journeys import Past, Read, Run
from cdp.journeys.program import Program
from cdp.journeys.replay import Life
from cdp.journeys.run import Emit, Send, Update
from cdp.journeys.setting import Setting
from tests.conditions.stories import AROUND, LISTS
from tests.journeys.bodies import AUDIENCES, T, histories, journeys
from tests.journeys.naive import Naive, Told

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "40"))
START, END = AROUND - 31, AROUND + 45
#: Loops of effects and of steps are cut off by limits that the plain interpreter has not.
SOME = settings(
    max_examples=EXAMPLES, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
TWO = st.tuples(journeys("one"), journeys("two"))


def program_of(body: dict[str, Any]) -> Program:
    read = Read(body["key"], {k: v for k, v in body.items() if k != "key"}, 1, lambda root: root)
    assert not read.wrong, read.wrong
    assert read.program is not None
    return read.program


def told(life: Life) -> list[Told]:
    found = [Told(t.run, t.at, t.step, t.what, t.exit) for t in life.course.transitions]
    return sorted(found, key=lambda item: item.run)


def effects(life: Life) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for at, _, effect in life.done:
        if isinstance(effect, Send):
            found.append((at, "send", effect.key, effect.templates[0]))
        elif isinstance(effect, Update):
            found.append((at, "update", effect.key, effect.traits))
        elif isinstance(effect, Emit):
            found.append((at, "emit", effect.key, effect.event, effect.properties))
    return found


def setting_of(bodies: Any, audiences: dict[str, str]) -> Setting:
    roots = {key: parse(text, Context.PERSON).root for key, text in audiences.items()}
    return Setting([program_of(body) for body in bodies], roots, LISTS)


@SOME
@given(TWO, histories(), AUDIENCES)
def test_steps_do_what_they_plainly_mean(
    bodies: tuple[dict[str, Any], dict[str, Any]],
    history: list[tuple[int, dict[str, Any]]],
    audiences: dict[str, str],
) -> None:
    naive = Naive(list(bodies), LISTS, audiences)
    naive.play(history, START, END)
    life = Life(setting_of(bodies, audiences), "p1", START)
    for t, message in history:
        life.say(message, t)
    life.until(END)
    assert told(life) == sorted(naive.told, key=lambda item: item.run)
    assert effects(life) == naive.effects


@SOME
@given(TWO, histories(), AUDIENCES, st.lists(st.tuples(T, st.booleans()), max_size=6))
def test_nothing_is_remembered_but_the_state(
    bodies: tuple[dict[str, Any], dict[str, Any]],
    history: list[tuple[int, dict[str, Any]]],
    audiences: dict[str, str],
    cuts: list[tuple[int, bool]],
) -> None:
    """However the input is cut, and whoever takes over from the state as it is stored."""
    setting = setting_of(bodies, audiences)
    whole = Life(setting, "p1", START)
    for t, message in history:
        whole.say(message, t)
    whole.until(END)

    parts = [(t, message, False) for t, message in history]
    parts += [(t, None, again) for t, again in cuts]  # type: ignore[misc]
    life = Life(setting, "p1", START)
    transitions, done, said = [], [], list[tuple[int, dict[str, Any]]]()
    for t, message, again in sorted(parts, key=lambda item: (item[0], item[1] is None)):
        if message is not None:
            life.say(message, t)
            said.append((t, message))
            continue
        life.until(t)
        if again:
            transitions += life.course.transitions
            done += life.done
            life = taken_over(setting, life, t)
    life.until(END)
    assert [*transitions, *life.course.transitions] == whole.course.transitions
    assert [*done, *life.done] == whole.done


def taken_over(setting: Setting, life: Life, now: int) -> Life:
    """Another life that has the stored runs of one, and what is known of the person."""
    stored = msgspec.json.encode(list(life.course.runs.values()))
    runs = msgspec.json.decode(stored, type=list[Run])
    past = [Past(journey, key, at) for (journey, key), at in life.course.past.items()]
    numbers = iter(range(len(runs) + 1, 1000))
    next_number = numbers.__next__
    return Life(setting, "p1", now, next_number, runs, past, life.subject)
