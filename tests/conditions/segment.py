"""Segment's evaluators in one Node process, and random questions for them."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path as File
from typing import Any

import pytest

from cdp.conditions.ast import Call, Compare, Expr, In, Items, Not, Path, Value, all_of, any_of
from tests.setup.sdk import BUILD, Absent, node_program

FOLDER = BUILD / "node"


def ask(questions: list[dict[str, Any]]) -> list[Any]:
    """What the packages say to each: true, false, or {"error": …}."""
    if not (FOLDER / "node_modules" / "@segment" / "tsub").exists():
        reason = "Segment's packages are not there; run tests/setup/sdk.py"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    try:
        node = node_program()
    except Absent as absent:
        pytest.skip(str(absent))
    program = File(__file__).with_name("segment.cjs")
    done = subprocess.run(
        [node, str(program), str(FOLDER)],
        input="".join(json.dumps(question) + "\n" for question in questions),
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


TEXTS = ["", "a", "track", "Order Completed", "order", "ORD", "żółw", "/a/b", "a*b", "1", "x.y"]
NUMBERS = [0, 1, -1, 50, 0.1, 49.99, 1e6, 2**40]
PATTERNS = ["*", "Order*", "*ed", "*r*", "[A-Z]*", "?", "[^a]", "a\\*b", "[", "Order Completed",
            "*[a-z]", "??", "[a-", "", "/a*", "*b", "[]]", "\\"]  # fmt: skip
KEYS = ["a", "b", "c", "d-e", "f g", "n"]
PATHS = [
    Path(("type",)), Path(("event",)), Path(("userId",)), Path(("nothing",)),
    *(Path(("properties", key)) for key in KEYS), Path(("properties", "n", "a")),
    Path(("properties", "c", "0")), Path(("context", "page", "path")), Path(("traits", "b", "a")),
]  # fmt: skip
OPS: list[Any] = ["=", "!=", "<", "<=", ">", ">="]


def message(rnd: random.Random) -> dict[str, Any]:
    """A message in which much is missing, and little of the type one hopes for."""

    def scalar() -> Any:
        kind = rnd.random()
        if kind < 0.4:
            return rnd.choice(TEXTS)
        return rnd.choice(NUMBERS) if kind < 0.7 else rnd.choice([True, False, None])

    def value(depth: int) -> Any:
        kind = rnd.random()
        if kind < 0.12 and depth < 2:
            return [value(depth + 1) for _ in range(rnd.randrange(3))]
        if kind < 0.24 and depth < 2:
            return {key: value(depth + 1) for key in rnd.sample(KEYS, 2)}
        return scalar()

    found: dict[str, Any] = {"type": rnd.choice(["track", "page"])}
    for key in ("event", "userId"):
        if rnd.random() < 0.7:
            found[key] = rnd.choice(TEXTS)
    for key in ("properties", "traits"):
        if rnd.random() < 0.8:
            found[key] = {k: value(0) for k in KEYS if rnd.random() < 0.7}
    if rnd.random() < 0.5:
        found["context"] = {"page": rnd.choice([{"path": "/a/b"}, {}, "x", None])}
    return found


def literal(rnd: random.Random) -> Value:
    """A text, number, boolean or null."""
    return Value(rnd.choice([rnd.choice(TEXTS), rnd.choice(NUMBERS), True, False, None]))


def call(rnd: random.Random) -> Call:
    """A function of the browser package."""
    name = rnd.choice(["contains", "match", "lowercase", "length", "typeof", "semver"])
    path: Expr = rnd.choice(PATHS)
    if name == "contains":
        return Call(name, (path, Value(rnd.choice(TEXTS))))
    if name == "match":
        return Call(name, (path, Value(rnd.choice(PATTERNS))))
    if name == "semver":
        versions = ["1", "1.2", "1.2.3", "2.0.0-rc", "x", "1.2.3.4"]
        left: Expr = Value(rnd.choice(versions))
        return Call(name, (left, Value(rnd.choice([*OPS, "~"])), Value(rnd.choice(versions))))
    return Call(name, (path,))


def condition(rnd: random.Random, depth: int = 0) -> Expr:
    """A condition, most often one that could be true."""
    kind = rnd.random()
    if depth < 3 and kind < 0.3:
        items = [condition(rnd, depth + 1) for _ in range(rnd.randint(2, 3))]
        return all_of(items) if kind < 0.15 else any_of(items)
    if depth < 4 and kind < 0.4:
        return Not(condition(rnd, depth + 1))
    if kind < 0.65:
        left: Expr = call(rnd) if rnd.random() < 0.25 else rnd.choice(PATHS)
        right: Expr = rnd.choice(PATHS) if rnd.random() < 0.15 else literal(rnd)
        if type(left) is Call and left.name == "typeof" and rnd.random() < 0.8:
            right = Value(rnd.choice(["string", "number"]))
        if rnd.random() < 0.05:
            right = Items(tuple(literal(rnd) for _ in range(rnd.randrange(3))))
        return Compare(rnd.choice(OPS), *rnd.sample([left, right], 2))
    if kind < 0.8:
        items_: list[Expr] = [literal(rnd) for _ in range(rnd.randrange(4))]
        return In(rnd.choice([rnd.choice(PATHS), literal(rnd)]), Items(tuple(items_)))
    if kind < 0.95:
        return call(rnd)
    return rnd.choice(PATHS)


def subscription(rnd: random.Random) -> str:
    """The text of a subscription, as Segment's own forms write them."""
    fields = ["event", "name", "userId", "properties.a", "properties.b", "properties.n.a",
              "traits.a", "traits.d-e", "context.page.path", "properties.f\\ g"]  # fmt: skip

    def quoted() -> str:
        return f'"{rnd.choice(TEXTS)}"'

    def one(in_parentheses: bool) -> str:
        field, kind = rnd.choice(fields), rnd.random()
        long = "." in field
        if kind < 0.25:
            return f"type {rnd.choice(['=', '!='])} {quoted()}"
        if kind < 0.45:
            return f"{field} {rnd.choice(['=', '!='])} {quoted()}"
        if kind < 0.6 and long:
            return f"{field} {rnd.choice(OPS)} {rnd.choice([0, 1, -1, 50, 0.1])}"
        if kind < 0.7 and field != "event":
            return f"{field} {rnd.choice(['=', '!='])} null"
        if kind < 0.8 and long:
            return f"{field} = {rnd.choice(['true', 'false'])}"
        if in_parentheses:
            return f"{field} = {quoted()}"
        sign, text = rnd.choice(["", "!"]), rnd.choice([t for t in TEXTS if "*" not in t])
        return sign + rnd.choice([
            f'contains({field}, "{text}")', f'match({field}, "{text}*")',
            f'match({field}, "*{text}")',
        ])  # fmt: skip

    def level(in_parentheses: bool) -> str:
        word, parts = rnd.choice([" and ", " or "]), []
        for _ in range(rnd.randint(1, 3)):
            nested = not in_parentheses and rnd.random() < 0.25
            parts.append(f"({level(True)})" if nested else one(in_parentheses))
        return word.join(parts)

    return level(False)
