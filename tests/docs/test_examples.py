"""Examples in the reference do what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.conditions import ConditionContextError, Context, parse
from cdp.config import Settings
from cdp.folder import work
from cdp.folder.model import World
from cdp.plugin import manager
from cdp.plugin.testing import make_event
from tests.docs import liquid_pages
from tests.docs.tutorial import blocks
from tests.folder.shop import empty


def test_the_plugin_of_the_hooks_page_can_be_put_into_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [code] = [b.text for b in blocks("reference/hooks.md") if "import Event" in b.text]
    (tmp_path / "office.py").write_text(code)
    plugins = manager.load(tmp_path)
    assert plugins.failures == []
    assert plugins.hooks_of("office") == ["enrich", "on_events"]
    ours, other = {"context": {"ip": "203.0.113.7"}}, {"context": {}}
    enrich = plugins.subscribers("enrich")["office"]
    assert enrich(messages=[ours, other]) == [{"context": {"office": True}}, None]
    plugins.subscribers("on_events")["office"](events=[make_event(), make_event("page")])
    assert capsys.readouterr().out == "{'total': 12.5}\n"


def test_the_file_of_the_settings_page_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [file] = [b.text for b in blocks("reference/settings.md") if b.language == "toml"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cdp.toml").write_text(file)
    settings = Settings.load(env={})
    assert settings.port == 8400
    assert settings.public_url == "https://events.example.com"
    assert settings.trusted_proxies == ("10.0.0.0/8",)


def test_the_page_of_liquid_tells_of_every_tag_and_filter() -> None:
    assert liquid_pages.missing() == set()


def test_the_conditions_of_the_reference_can_be_read() -> None:
    written = 0
    for block in blocks("reference/conditions.md"):
        for line in block.text.splitlines() if block.language == "text" else ():
            try:
                condition = parse(line)
            except ConditionContextError:
                condition = parse(line, Context.PERSON)
            assert condition.warnings == []
            written += 1
    assert written > 30


def test_the_files_of_the_reference_are_applied_as_they_stand(tmp_path: Path) -> None:
    root = tmp_path / "files"
    root.mkdir()
    examples = [b.text for b in blocks("reference/definitions.md") if b.language == "yaml"]
    for number, text in enumerate(examples):
        (root / f"{number}.yaml").write_text(text)
    destinations = manager.load(None).destinations()
    secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
    store = empty(tmp_path / "store")
    world = World(destinations, {"HOOK_SECRET": secret})
    planned = work.plan(store, root, world)
    work.apply(store, planned, world, "docs", 1)
    assert len(planned.plan.steps) == len(examples) == 9
    assert work.plan(store, root, world).plan.steps == []
