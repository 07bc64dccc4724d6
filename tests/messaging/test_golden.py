"""Messages as people get them: rendered, and compared with files that were reviewed.

``python -m tests.messaging.test_golden`` writes the files anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cdp.definitions import KINDS
from cdp.messaging.templates import RenderError, Urls, compile_template

FOLDER = Path(__file__).parent / "golden"
NOW = 1_767_225_600  # 2026-01-01T00:00:00Z
URLS = Urls(
    unsubscribe="https://shop.example/u/1?a=1&b=2",
    preferences="https://shop.example/p/1",
    view_in_browser="https://shop.example/v/1",
)
CASES = sorted(path.stem for path in FOLDER.glob("[0-9]*.yaml"))


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(FOLDER / f"{name}.yaml")
    # Times of YAML are texts in JSON.
    made: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return made


def rendered(name: str) -> str:
    """All that a message says, field by field."""
    shared, case = read("_shared"), read(name)
    body = KINDS["template"].read("t", case["template"]).body
    compiled = compile_template("t", body, shared["layouts"], shared["snippets"])
    compiled.check()
    given = case.get("scope", {})
    customer = {**shared["scope"]["customer"], **given.get("customer", {})}
    scope = {**shared["scope"], **given, "customer": customer}

    def rewrite(url: str) -> str:
        return f"https://t.example/{len(url)}?to={url}"

    try:
        made = compiled.render(
            scope, case.get("locale", ""), URLS, rewrite if case.get("rewrite") else None, NOW
        )
    except RenderError as error:
        return f"=== refused\n{error}\n"
    parts = [f"=== locale\n{made.locale or 'default'}\n"]
    for field, value in made.fields.items():
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
        parts.append(f"=== {field}\n{said.rstrip()}\n")
    return "".join(parts)


@pytest.mark.parametrize("name", CASES)
def test_a_message_is_as_it_was_reviewed(name: str) -> None:
    assert rendered(name) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_there_are_forty() -> None:
    assert len(CASES) >= 40
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(CASES)


def test_nothing_of_the_compilers_own_is_left_in_a_message() -> None:
    for name in CASES:
        said = rendered(name)
        assert "__ " not in said and "lq0x" not in said and "endlink" not in said, name


if __name__ == "__main__":
    for name in CASES:
        (FOLDER / f"{name}.txt").write_text(rendered(name), encoding="utf-8")
