"""Loading plugins and asking enrichers."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cdp.plugin import hookimpl
from cdp.plugin.manager import Plugins, deep_merge, load

MESSAGES = [SimpleNamespace(body={"n": number, "context": {}}) for number in range(3)]


def plugin(**hooks: Any) -> Any:
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def test_a_file_in_the_folder_is_a_plugin_and_a_broken_one_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(
        "from cdp.plugin import hookimpl\n@hookimpl\ndef on_events(events): pass\n"
    )
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "wrong.py").write_text(
        "from cdp.plugin import hookimpl\n@hookimpl\ndef on_events(wrong_argument): pass\n"
    )
    (tmp_path / "_ignored.py").write_text("raise SystemExit\n")
    found = load(tmp_path)
    assert {"webhook", "good"} == set(found.names())
    assert {failure.plugin for failure in found.failures} == {"broken", "wrong"}
    assert found.hooks_of("good") == ["on_events"]
    assert "nothing_of_this_name" in found.failures[0].error
    assert "webhook" in found.destinations()


def test_what_enrichers_return_is_merged_by_message() -> None:
    plugins = Plugins()
    plugins.register(
        plugin(enrich=lambda messages: [{"context": {"a": m["n"]}} for m in messages]), "a"
    )
    plugins.register(plugin(enrich=lambda messages: [None, {"context": {"b": 1}}, None]), "b")
    additions, failures = plugins.call_enrich(MESSAGES, 2.0)
    assert not failures
    assert additions == {
        0: {"context": {"a": 0}},
        1: {"context": {"a": 1, "b": 1}},
        2: {"context": {"a": 2}},
    }


def test_an_enricher_that_raises_or_answers_nonsense_is_recorded_and_left_out() -> None:
    def spoil(messages: list[dict[str, Any]]) -> list[Any]:
        messages[0]["n"] = "spoilt"
        raise ValueError("no database")

    plugins = Plugins()
    plugins.register(plugin(enrich=spoil), "raises")
    plugins.register(plugin(enrich=lambda messages: [{}]), "short")
    plugins.register(plugin(enrich=lambda messages: ["x", None, None]), "wrong")
    plugins.register(plugin(enrich=lambda messages: [{"ok": 1}, None, None]), "good")
    additions, failures = plugins.call_enrich(MESSAGES, 2.0)
    assert additions == {0: {"ok": 1}}
    assert {f.plugin for f in failures} == {"raises", "short", "wrong"}
    assert any("no database" in f.error and f.traceback for f in failures)
    assert MESSAGES[0].body["n"] == 0


def test_an_enricher_that_is_late_is_not_waited_for_nor_asked_twice_at_once() -> None:
    go, asked = threading.Event(), []

    def slow(messages: list[dict[str, Any]]) -> list[Any]:
        asked.append(1)
        go.wait(10)
        return [{"late": True}] * 3

    plugins = Plugins()
    plugins.register(plugin(enrich=slow), "slow")
    assert plugins.call_enrich(MESSAGES, 0.05)[0] == {}
    additions, failures = plugins.call_enrich(MESSAGES, 0.05)
    assert additions == {} and "still busy" in failures[0].error
    assert len(asked) == 1
    go.set()
    for _ in range(200):
        additions, _ = plugins.call_enrich(MESSAGES, 1.0)
        if additions:
            break
        threading.Event().wait(0.01)
    assert additions[0] == {"late": True}


def test_objects_are_merged_deeply_and_all_else_is_replaced() -> None:
    assert deep_merge({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2], "d": 3}, "e": None}) == {
        "a": {"b": 1, "c": [2], "d": 3},
        "e": None,
    }
