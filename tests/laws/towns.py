"""Busy lives for the tests of audiences: few people, much that happens, windows that end."""

from __future__ import annotations

from random import Random
from typing import Any

from cdp.events import format_time

CONDITIONS = (
    'performed("{e}"{where} within {w})',
    'not performed("{e}"{where} within {w})',
    'count("{e}"{where} within {w}) >= {n}',
    'count("{e}"{where} within {w}) < {n}',
    'count("{e}" between {ww} and {w} ago) = {n}',
    'sum(properties.x of "{e}"{where} within {w}) > {n}',
    'last(properties.x of "{e}" within {w}) = {n}',
    'unique(properties.y of "{e}" since {w} ago) = [{n}]',
    'max(properties.x of "{e}" within {w}) >= traits.p',
    'last("{e}") > {w} ago',
    'first("{e}"{where}) < {w} ago',
    'performed("{f}") within {v} after ("{e}" within {ww})',
    'not performed("{f}") within {w} after "{e}"',
    'sequence("{e}"{where} then "{f}" within {v}, within {ww})',
    'changed(traits.p from {n} within {w})',
    'changed(traits.q since {w} ago) and performed("{e}" within {ww})',
    'traits.p = {n} and count("{e}" within {w}) > 1',
    'traits.p != {n} or not performed("{e}"{where} within {w})',
    'count("{e}" where properties.x = person.traits.p within {w}) > 0',
    'count("{e}" where properties.at > {w} ago) >= {n}',
    'traits.at > now() and traits.at < {w} from now',
    'audience("a0") and performed("{e}" within {w})',
    'not audience("a1") and traits.p = {n}',
    'person.identifiers.anonymous_id.1 = "a2" or performed("{f}" within {v})',
    'count("Page Viewed" where name = "n{n}" within {w}) > 0',
)  # fmt: skip


def condition(rnd: Random, number: int) -> str:
    """A condition that has something to say; those with a low number ask no audience."""
    some = CONDITIONS if number > 1 else [text for text in CONDITIONS if "audience(" not in text]
    wheres = ("", "", f" where properties.x >= {rnd.randint(0, 3)}", " where properties.y != 1",
              f" where properties.at < {format_time(rnd.randint(AT, AT + 60))}")  # fmt: skip
    w = rnd.randint(2, 25)
    return rnd.choice(some).format(
        e=rnd.choice("AB"), f=rnd.choice("AB"), where=rnd.choice(wheres), n=rnd.randint(0, 3),
        v=f"{rnd.randint(1, 8)}ms", w=f"{w}ms", ww=f"{w + rnd.randint(1, 20)}ms",
    )  # fmt: skip


AT = 1_790_726_399_990


def message(rnd: Random, now: int) -> dict[str, Any]:
    """Something that one of few people does about now: mostly just now, sometimes late."""
    t = now - rnd.choice([0, 0, 0, 1, 2, 3, 10, -4])
    who: dict[str, str] = {}
    if rnd.random() < 0.7:
        who["userId"] = rnd.choice(["u1", "u2", "u3"])
    if not who or rnd.random() < 0.3:
        who["anonymousId"] = rnd.choice(["a1", "a2", "a3"])
    kind = rnd.random()
    if kind < 0.2:
        traits = {rnd.choice("pq"): rnd.choice([0, 1, 2, 3, None])}
        if rnd.random() < 0.3:
            traits["at"] = now + rnd.randint(-10, 30)
        # Traits hold as soon as they are said.
        return {"t": min(t, now), "body": {"type": "identify", "traits": traits}, "who": who}
    if kind < 0.3:
        body: dict[str, Any] = {"type": "page", "name": f"n{rnd.randint(0, 3)}"}
    else:
        body = {"type": "track", "event": rnd.choice("AAB")}
    said = {
        "x": rnd.choice([0, 1, 2, 2.5, "2", None, True]), "y": rnd.choice([0, 1, [1, 2], "b"]),
        "at": now + rnd.randint(-15, 15),
    }  # fmt: skip
    body["properties"] = {key: value for key, value in said.items() if rnd.random() < 0.7}
    return {"t": t, "body": body, "who": who}


def steps(rnd: Random, now: int) -> list[Any]:
    """What happens: batches of messages, time that passes, restarts, other conditions.

    A condition with a number is only begun to be computed by so many pieces.
    """
    made: list[Any] = []
    for _ in range(rnd.randint(6, 14)):
        kind = rnd.random()
        if kind < 0.5:
            made.append([message(rnd, now) for _ in range(rnd.randint(1, 6))])
        elif kind < 0.82:
            made.append(rnd.randint(1, 12))
            now += made[-1]
        elif kind < 0.88:
            made.append("restart")
        elif kind < 0.9:
            made.append("remove")
        else:
            half = (rnd.randint(1, 6),) if kind < 0.95 else ()
            key = rnd.choice(["a0", "a1", "a2", "new"])
            made.append(("define", key, condition(rnd, 0), *half))
    return made
