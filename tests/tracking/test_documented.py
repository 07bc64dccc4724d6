"""The reference page and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

from flask.testing import FlaskClient

from cdp.pipeline import dropped
from tests.tracking.corpus import ALL

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "tracking-api.md").read_text()
ROOM = Path(__file__).parents[2] / "cdp"


def codes_in_code() -> set[str]:
    """Codes as they stand in the sources of the two rooms."""
    found: set[str] = set()
    for room in ("tracking", "events"):
        for file in (ROOM / room).glob("*.py"):
            text = file.read_text()
            found |= set(re.findall(r'(?:BadBody|_Refusal)\(\s*"(\w+)"', text))
            found |= set(re.findall(r'error\(\s*[45]\d\d, "(\w+)"', text))
            for pair in re.findall(r'code(?:, detail)? = "(\w+)"(?:.* else "(\w+)")?', text):
                found |= {code for code in pair if code}
    found |= {dropped.CODE, dropped.OBJECT_CODE}
    return found - {"no_"} | {"no_userId", "no_previousId"}


def codes_in_page() -> set[str]:
    """Codes in the first columns of the page's tables of answers."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    cells = [row.split("|")[1:3] for row in rows if "When" not in row]
    wanted = [a if "`" in a else b for a, b in cells if "/v1" not in a and "GET" not in a]
    return {code for cell in wanted for code in re.findall(r"`(\w+)`", cell)}


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    assert codes_in_page() == codes_in_code()


def test_the_corpus_meets_only_documented_codes() -> None:
    met = {code for case in ALL for code in (case.code, *case.fate) if code}
    assert met <= codes_in_page()


def test_every_route_is_documented(client: FlaskClient) -> None:
    for rule in client.application.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        before, _, _ = rule.rule.partition("<")
        last = before.rstrip("/").rsplit("/", 1)[1]
        assert before in PAGE or f"`{last}`" in PAGE, rule.rule
