"""Loading plugins and asking enrichers."""

import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from cdp.plugin import Destination, hookimpl
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
    files = {name for name in found.names() if found.origins[name].startswith("file")}
    assert files == {"good"} and "webhook" in found.names()
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
        go.wait(60)
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


HOSTILE = {
    "raises": "raise RuntimeError('no')",
    "exits": "import sys; sys.exit(3)",
    "syntax": "def (",
    "register": "from cdp.plugin import hookimpl\n"
    "@hookimpl\ndef register_destinations(): raise SystemExit(4)\n"
    "@hookimpl\ndef register_cli(cli): raise SystemExit(5)\n",
    "garbage": "from cdp.plugin import hookimpl, Destination\n"
    "class Fine(Destination):\n    key = 'fine'\n    name = 'Fine'\n"
    "class Nameless(Destination):\n    key = 'nameless'\n"
    "@hookimpl\ndef register_destinations(): return [None, 7, Nameless, Fine, str]\n",
    "none": "from cdp.plugin import hookimpl\n"
    "@hookimpl\ndef register_destinations(): return None\n",
    "usurper": "from cdp.plugin import hookimpl, Destination\n"
    "class Mine(Destination):\n    key = 'webhook'\n    name = 'Mine'\n"
    "@hookimpl\ndef register_destinations(): return [Mine]\n",
}


def test_hostile_plugins_are_recorded_and_the_others_work(tmp_path: Path) -> None:
    for name, text in HOSTILE.items():
        (tmp_path / f"{name}.py").write_text(text)
    plugins = load(tmp_path)
    found = plugins.destinations()
    plugins.register_cli(click.Group())
    plugins.destinations()  # asked again, nothing is recorded twice
    ours = {key for key, cls in found.items() if cls.__module__.startswith("cdp_plugins_")}
    assert ours == {"fine"}
    assert found["webhook"].__module__.startswith("cdp_webhook")
    told = {(f.plugin, f.hook): f.error for f in plugins.failures}
    assert set(told) == {
        ("raises", "load"), ("exits", "load"), ("syntax", "load"),
        ("register", "register_destinations"), ("register", "register_cli"),
        ("garbage", "register_destinations"), ("none", "register_destinations"),
        ("usurper", "register_destinations"),
    }  # fmt: skip
    garbage = [f.error for f in plugins.failures if f.plugin == "garbage"]
    assert len(garbage) == 4 and any("Nameless has no name" in error for error in garbage)


def test_a_folder_in_the_folder_is_a_package_with_modules_of_its_own(tmp_path: Path) -> None:
    package = tmp_path / "acme"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from cdp.plugin import hookimpl\nfrom .crm import Crm\n"
        "@hookimpl\ndef register_destinations(): return [Crm]\n"
    )
    (package / "crm.py").write_text(
        "from cdp.plugin import Destination\n"
        "class Crm(Destination):\n    key = 'acme'\n    name = 'Acme'\n"
    )
    (tmp_path / "no_package").mkdir()
    plugins = load(tmp_path)
    assert plugins.failures == []
    assert issubclass(plugins.destinations()["acme"], Destination)


@pytest.mark.parametrize(
    "added",
    [{"x": object()}, {"x": {1, 2}}, {"x": "\ud800"}, {"x": "y" * 40_000}],
    ids=["object", "set", "surrogate", "huge"],
)
def test_what_is_no_json_or_too_much_never_reaches_the_pipeline(added: dict[str, Any]) -> None:
    plugins = Plugins()
    plugins.register(plugin(enrich=lambda messages: [added, None, None]), "odd")
    additions, failures = plugins.call_enrich(MESSAGES, 2.0)
    if failures:
        assert (additions, failures[0].plugin) == ({}, "odd")
    else:
        assert additions == {0: {"x": [1, 2]}}  # a set has a form in JSON


def test_one_that_loops_for_ever_costs_one_deadline(tmp_path: Path) -> None:
    stop = threading.Event()

    def spin(messages: list[dict[str, Any]]) -> list[Any]:
        while not stop.is_set():
            pass
        return []

    plugins = Plugins()
    plugins.register(plugin(enrich=spin), "spins")
    plugins.register(plugin(enrich=lambda messages: [{"ok": 1}] * 3), "good")
    try:
        for _ in range(5):
            additions, failures = plugins.call_enrich(MESSAGES, 0.3)
            assert additions[2] == {"ok": 1} and [f.plugin for f in failures] == ["spins"]
    finally:
        stop.set()


def test_tracing_prints_each_call_of_a_hook(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(events: list[Any]) -> None:
        raise ValueError("boom")

    monkeypatch.setenv("CDP_TRACE_PLUGINS", "1")
    plugins = Plugins()
    plugins.register(plugin(enrich=lambda messages: None, on_events=fail), "p")
    plugins.call_enrich(MESSAGES, 2.0)
    with pytest.raises(ValueError, match="boom"):
        plugins.subscribers("on_events")["p"](events=[1, 2])
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("plugins: p.enrich(messages=3) done in ")
    assert second.startswith("plugins: p.on_events(events=2) raised ValueError: boom in ")


def test_a_package_that_pip_installed_is_found_with_its_commands(tmp_path: Path) -> None:
    wheel, target = tmp_path / "cdp_shout-1.0-py3-none-any.whl", tmp_path / "site"
    info = "cdp_shout-1.0.dist-info"
    files = {
        "cdp_shout/__init__.py": "import click\nfrom cdp.plugin import Destination, hookimpl\n"
        "class Shout(Destination):\n    key = 'shout'\n    name = 'Shout'\n"
        "@hookimpl\ndef register_destinations(): return [Shout]\n"
        "@hookimpl\ndef register_cli(cli):\n"
        "    cli.add_command(click.Command('shout', callback=lambda: click.echo('HEY')))\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: cdp-shout\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[cdp]\nshout = cdp_shout\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run(
        [*pip, "--no-index", "--no-deps", "--target", str(target), str(wheel)],
        check=True, timeout=120,
    )  # fmt: skip
    env = {"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin", "CDP_DATA": str(tmp_path / "data")}

    def cdp(*words: str) -> str:
        command = [sys.executable, "-m", "cdp", *words]
        return subprocess.run(
            command, env=env, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    assert cdp("shout") == "HEY\n"
    listed = cdp("plugins", "list", "--json")
    assert '"shout"' in listed and "package cdp-shout" in listed
