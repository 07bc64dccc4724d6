"""The pages say what the code says."""

from __future__ import annotations

import re

import click
import pytest

from cdp.api.errors import CODES
from tests.docs.admin_api import document, endpoints
from tests.docs.commands import all_commands, help_of
from tests.docs.generate import BLOCKS, ROOT, blocks_of, pages, rewritten
from tests.docs.markdown import prose, table
from tests.docs.plugin_pages import all_hooks

PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in pages()}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_as_the_code_has_it(name: str) -> None:
    assert rewritten(PAGES[name]) == PAGES[name], "run `make reference` and commit what it wrote"


def test_every_block_stands_in_a_page_and_every_marker_has_its_end() -> None:
    used = [name for text in PAGES.values() for name in blocks_of(text)]
    assert set(used) == set(BLOCKS)
    for name, text in PAGES.items():
        plain = re.sub(r"`[^`\n]*`", "", text)  # where a page talks about markers
        assert len(re.findall("<!-- (?:begin|end) ", plain)) == 2 * len(blocks_of(text)), name


@pytest.mark.parametrize("item", list(all_commands()), ids=lambda item: item.name)
def test_every_command_says_what_it_does_with_an_example(item: tuple[str, click.Command]) -> None:
    name, command = item
    text, example = help_of(command)
    assert text, name
    if not isinstance(command, click.Group) or command.invoke_without_command:
        assert example.startswith(name), f"{name}: {example!r}"


def test_every_option_of_a_page_or_of_the_readme_exists() -> None:
    known = {name: _words(command) for name, command in all_commands()}
    for page, text in PAGES.items():
        for line in _commands_in(text):
            name = max((n for n in known if f"{line} ".startswith(f"{n} ")), key=len, default=None)
            assert name, f"{page}: {line}"
            wrong = set(re.findall(r"(?<=\s)--[\w-]+", line)) - known[name]
            assert not wrong, f"{page}: {line}: {wrong}"


def _words(command: click.Command) -> set[str]:
    return {word for p in command.params for word in p.opts + p.secondary_opts} | {"--help"}


def _commands_in(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    code = [body for body in re.findall(r"^```sh\n(.*?)^```", joined, re.M | re.S)]
    lines = [line.strip() for body in code for line in body.splitlines()]
    quoted = re.findall(r"`(cdp [a-z][^`\n]*)`", joined)
    found = [re.split(r" [|>&]|;", line)[0] for line in [*lines, *quoted] if "cdp " in line]
    return [line[line.index("cdp ") :] for line in found if re.match(r"^(\w+=\S+ )*cdp \w", line)]


def test_every_hook_is_used_or_explained_in_the_prose() -> None:
    prose_only = re.sub(
        r"<!-- begin .*?<!-- end .*?-->", "", PAGES["docs/reference/hooks.md"], flags=re.S
    )
    told = prose_only + PAGES["docs/tutorial/first-destination.md"] + PAGES["docs/reference/cli.md"]
    assert [name for name in all_hooks() if name not in told] == []


def test_every_make_target_is_in_contributing() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M)
    told = PAGES["CONTRIBUTING.md"]
    missing = {name for name in targets if f"`make {name}" not in told}
    assert missing <= {"clean", "help"}


def test_every_folder_of_the_code_is_in_the_readme_in_the_order_of_the_data() -> None:
    rows = re.findall(r"^\| `(\w+)/` \|", PAGES["README.md"], re.M)
    folders = {path.parent.name for path in (ROOT / "cdp").glob("*/__init__.py")}
    assert set(rows) == folders
    way = ["events", "tracking", "log", "pipeline", "delivery"]
    assert [row for row in rows if row in way] == way


def test_every_error_code_of_the_apis_is_documented() -> None:
    room = ROOT / "cdp" / "api"
    found: dict[str, set[str]] = {"profiles.py": set(), "other": set(CODES.values())}
    for path in room.glob("*.py"):
        codes = re.findall(r'ApiError\(\s*\d+, "(\w+)"', path.read_text())
        found["profiles.py" if path.name == "profiles.py" else "other"].update(codes)
    admin, profile = (PAGES[f"docs/reference/{name}-api.md"] for name in ("admin", "profile"))
    # Nobody limits the rate yet.
    assert {c for c in found["other"] - {"rate_limit_error"} if f"`{c}`" not in admin} == set()
    assert {c for c in found["profiles.py"] if f"`{c}`" not in profile} == set()


def test_every_endpoint_of_the_admin_api_says_what_it_does_and_which_scope_it_needs() -> None:
    for method, path, operation in endpoints(document()):
        assert operation.get("summary"), f"{method} {path}"
        assert operation.get("x-scope"), f"{method} {path}"


def test_every_variable_that_the_code_reads_is_in_the_settings_page() -> None:
    page = PAGES["docs/reference/settings.md"]
    sources = [path.read_text() for path in (ROOT / "cdp").rglob("*.py")]
    read = {name for text in sources for name in re.findall(r'["\'](CDP_[A-Z_]+[A-Z])["\']', text)}
    assert {name for name in read if f"`{name}`" not in page} == set()


def test_links_of_the_pages_beside_the_docs_lead_somewhere() -> None:
    # The browser tests make the pictures; a checkout may be older than the first of them.
    pictures = (ROOT / "docs" / "images").exists()
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[name]):
            if pictures or not target.startswith("docs/images/"):
                assert (ROOT / target).exists(), f"{name}: {target}"


def test_docstrings_become_markdown() -> None:
    assert (
        prose("Take ``x``.\n\n    code()\n\nDone.")
        == "Take `x`.\n\n```python\ncode()\n```\n\nDone."
    )
    assert table(("A",), [("a|b",)]) == "| A |\n| --- |\n| a\\|b |"
