"""Law 4 for the questions that are asked the most, which have ways of their own; many are tried."""

from __future__ import annotations

import os
from random import Random
from typing import Any

from cdp.conditions.ast import (
    Aggregate,
    Compare,
    EventRef,
    Followed,
    Not,
    Path,
    Performed,
    Relative,
    Sequence,
    Since,
    Step,
    Value,
    Within,
    all_of,
    any_of,
)
from tests.conditions import test_live
from tests.conditions.stories import AROUND

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "150")) * 20
A, B, X = EventRef("A"), EventRef("B"), Path(("properties", "x"))
FIGURES = ([0, 1, 2, 2.5, -3, None], [1, 2, 2.5, 0.1], [1, -3, "a", "2026-09-30", 10**18, True])
agrees: Any = test_live.test_live_is_plain_and_stays_so_until_it_says
stays: Any = test_live.test_who_need_not_be_looked_at_stays_where_they_are


def asked(rnd: Random) -> Any:
    ms = rnd.randint(1, 20)
    window = rnd.choice([None, Within(ms), Since(Relative(-ms))])
    op, kind = rnd.choice(["<", "<=", ">", ">="]), rnd.randrange(7)
    if kind <= 1:
        figure = Aggregate(rnd.choice(["max", "min", "sum"]), A, X, window)
        return Compare(op, figure, Value(rnd.choice([0, 1, 2, 2.5, -1])))
    if kind == 2:
        when = Aggregate(rnd.choice(["first", "last"]), A)
        return Compare(op, when, Relative(-rnd.randint(0, 20)))
    if kind == 3:
        return Followed(B, rnd.randint(1, 20), A, window, True)
    if kind == 4:
        last = Step(rnd.choice([A, B]), rnd.choice([None, rnd.randint(0, 20)]))
        return Sequence((Step(A), last), window)
    if kind == 5:
        return Performed(rnd.choice([A, B]), window)
    return Compare(op, Aggregate("count", A, None, window), Value(rnd.randint(0, 3)))


def question(rnd: Random) -> Any:
    items = [asked(rnd) for _ in range(rnd.choice([1, 1, 2, 3]))]
    items = [Not(item) if rnd.random() < 0.3 else item for item in items]
    return rnd.choice([all_of, any_of])(items)


def history(rnd: Random, most: int, first: int = -30, last: int = 30) -> list[dict[str, Any]]:
    figures = rnd.choice(FIGURES)
    return [
        {
            "t": AROUND + rnd.randint(first, last),
            "body": {
                "type": "track", "event": rnd.choice("AAB"),
                "properties": {"x": rnd.choice(figures)},
            },
        }
        for _ in range(rnd.randint(0, most))
    ]  # fmt: skip


def test_questions_of_shops() -> None:
    rnd = Random(5)
    for _ in range(EXAMPLES):
        tree, now = question(rnd), AROUND + rnd.randint(-30, 30)
        later = [rnd.randint(0, 60) for _ in range(4)]
        agrees.hypothesis.inner_test(tree, history(rnd, 6), now, later)
        wait, ago = rnd.choice([0, rnd.randint(0, 25)]), rnd.randint(0, 25)
        new = history(rnd, 2, -5, 20)
        stays.hypothesis.inner_test(tree, history(rnd, 5, -30, 0), new, wait, ago)
