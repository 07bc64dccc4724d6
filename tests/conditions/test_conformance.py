"""Our decisions against those of Segment's own packages, on random conditions and messages."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from typing import Any

import pytest
from click.testing import CliRunner

from cdp.cli import cli
from cdp.conditions import NotInBrowser, compile_text, format_text, parse, to_ir
from cdp.conditions.parser import parse_text
from cdp.conditions.subscription import compile_subscription
from tests.conditions import segment
from tests.conditions.differences import DIFFERENCES, Difference, differs, into_a_text

pytestmark = pytest.mark.real
CASES = 20 * int(os.environ.get("CDP_PROOF_EXAMPLES", "1000"))


def decided_here(cases: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """What ``cdp conditions eval`` says to each condition and message."""
    lines = "".join(json.dumps({"condition": c, "message": m}) + "\n" for c, m in cases)
    done = CliRunner().invoke(cli, ["conditions", "eval"], input=lines)
    assert done.exit_code == 0, done.output
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(cases)
    return [answer.get("result", answer) for answer in answers]


def test_filters_decide_as_in_segment_but_for_the_listed_differences() -> None:
    rnd, cases, left_out = random.Random(5), [], Counter[str]()
    while len(cases) < CASES:
        tree, message = segment.condition(rnd), segment.message(rnd)
        difference = differs(tree, message)
        if difference:
            left_out[difference] += 1
            continue
        text = format_text(tree)
        cases.append((text, message, to_ir(parse_text(text).root)))
    theirs = segment.ask([{"ir": ir, "message": message} for _, message, ir in cases])
    ours = decided_here([(text, message) for text, message, _ in cases])
    decided = Counter[Any]()
    for case, result, expected in zip(cases, ours, theirs, strict=True):
        assert result is expected, case
        decided[expected] += 1
    # Neither side says the same to everything, and most of what comes is compared.
    assert min(decided.values()) > CASES / 5
    assert left_out.total() < CASES


def test_what_is_compiled_for_the_browser_decides_there_as_here() -> None:
    rnd, cases = random.Random(6), []
    while len(cases) < CASES // 2:
        tree, message = segment.condition(rnd), segment.message(rnd)
        try:
            ir = to_ir(tree, browser=True)
        except NotInBrowser:
            continue
        if differs(tree, message) != "content" and not into_a_text(tree, message):
            cases.append((format_text(tree), message, ir))
    theirs = segment.ask([{"ir": ir, "message": message} for _, message, ir in cases])
    for (text, message, ir), expected in zip(cases, theirs, strict=True):
        assert compile_text(text)(message) is expected, (text, message, ir)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda found: found.what)
def test_a_listed_difference_is_one(difference: Difference) -> None:
    root = parse(difference.condition).root
    try:
        ir = to_ir(root)
    except NotInBrowser:
        ir = '["=","properties.a.b",{"value":1}]'
    answer = segment.ask([{"ir": ir, "message": difference.message}])[0]
    assert compile_text(difference.condition)(difference.message) is difference.ours
    # What breaks there is dropped there.
    assert (answer is True) is difference.theirs
    assert difference.key in (differs(root, difference.message), "dotted")


def test_subscriptions_decide_as_in_segment() -> None:
    rnd = random.Random(7)
    cases = [(segment.subscription(rnd), segment.message(rnd)) for _ in range(CASES)]
    theirs = segment.ask([{"subscription": text, "message": message} for text, message in cases])
    decided = Counter[Any]()
    for (text, message), expected in zip(cases, theirs, strict=True):
        assert compile_subscription(text)(message) is expected, (text, message)
        decided[expected] += 1
    assert min(decided.values()) > CASES / 10
