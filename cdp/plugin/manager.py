"""Finding plugins and calling their hooks.

Plugins come from the entry-point group ``cdp`` of installed packages, and from a
folder of modules. One that can't be loaded is remembered with its error.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
import traceback
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pluggy

from cdp.plugin import hookspecs
from cdp.plugin.conditions import ConditionFunction, watched
from cdp.plugin.destination import Destination
from cdp.plugin.steps import JourneyStep

GROUP = "cdp"
#: What an enricher may add to one message, in bytes of JSON.
MAX_ADDED_BYTES = 32 * 1024
#: A plugin that calls ``sys.exit`` must not take the server with it.
_ANY = (Exception, SystemExit)


class Failure(NamedTuple):
    """Something that a plugin did wrong, to be kept and shown."""

    plugin: str
    hook: str
    error: str
    traceback: str


class Plugins:
    """The plugins that are loaded, and their hooks."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.failures: list[Failure] = []
        self.origins: dict[str, str] = {}
        self._enrichers: dict[str, _Enricher] = {}
        self._trace = os.environ.get("CDP_TRACE_PLUGINS") == "1"

    def register(self, plugin: Any, name: str, origin: str = "given") -> None:
        """Take a plugin in; a name that is taken, or wrong hooks, are a failure."""
        try:
            self.manager.register(plugin, name)
            self.manager.check_pending()
            self.origins[name] = origin
        except _ANY as error:
            if self.manager.get_plugin(name) is plugin:
                self.manager.unregister(name=name)
            self._failed(failure(name, "load", error))

    def names(self) -> list[str]:
        """The names of all plugins, in the order in which they came."""
        return list(self.origins)

    def hooks_of(self, name: str) -> list[str]:
        """The hooks that a plugin implements."""
        plugin = self.manager.get_plugin(name)
        callers = self.manager.get_hookcallers(plugin) or []
        return sorted(caller.name for caller in callers)

    def subscribers(self, hook: str) -> dict[str, Any]:
        """The implementations of ``hook`` by the plugin's name.

        With ``CDP_TRACE_PLUGINS=1`` each call of one is printed to stderr.
        """
        caller = getattr(self.manager.hook, hook)
        found = {item.plugin_name: item.function for item in caller.get_hookimpls()}
        if self._trace:
            return {name: traced(name, hook, function) for name, function in found.items()}
        return found

    def destinations(self) -> dict[str, type[Destination]]:
        """The destination classes of all plugins, by key; the first to bring a key has it."""
        found: dict[str, type[Destination]] = {}
        for name in self.subscribers("register_destinations"):
            for item in self.destinations_of(name):
                if found.setdefault(item.key, item) is not item:
                    error = ValueError(f"another plugin brings the destination {item.key!r}")
                    self._failed(failure(name, "register_destinations", error))
        return found

    def destinations_of(self, name: str) -> list[type[Destination]]:
        """The destination classes that one plugin brings; what is none is a failure."""
        function = self.subscribers("register_destinations").get(name)
        if function is None:
            return []
        found: list[type[Destination]] = []
        try:
            for item in function():
                try:
                    found.append(_checked_destination(item))
                except TypeError as error:
                    self._failed(failure(name, "register_destinations", error))
        except _ANY as error:
            self._failed(failure(name, "register_destinations", error))
        return found

    def condition_functions(self) -> list[tuple[str, ConditionFunction]]:
        """The functions for conditions of all plugins, each with its plugin's name."""
        return [
            (name, item)
            for name in self.subscribers("register_condition_functions")
            for item in self.condition_functions_of(name)
        ]

    def condition_functions_of(self, name: str) -> list[ConditionFunction]:
        """The functions that one plugin brings, watched; what is none is a failure."""
        hook = "register_condition_functions"
        function = self.subscribers(hook).get(name)
        found: list[ConditionFunction] = []
        if function is None:
            return found
        try:
            for item in function():
                try:
                    found.append(self._watched(name, _checked_function(item)))
                except (TypeError, ValueError) as error:
                    self.refuse(name, hook, error)
        except _ANY as error:
            self.refuse(name, hook, error)
        return found

    def journey_steps(self) -> list[tuple[str, JourneyStep]]:
        """The steps for journeys of all plugins, each with its plugin's name."""
        hook = "register_journey_steps"
        found: list[tuple[str, JourneyStep]] = []
        for name, function in self.subscribers(hook).items():
            try:
                for item in function():
                    if not isinstance(item, JourneyStep):
                        raise TypeError(f"{item!r:.100} is no JourneyStep")
                    item.check()
                    found.append((name, item))
            except _ANY as error:
                self.refuse(name, hook, error)
        return found

    def _watched(self, plugin: str, item: ConditionFunction) -> ConditionFunction:
        def told(error: BaseException) -> None:
            self.refuse(plugin, f"condition function {item.name}", error)

        return replace(item, apply=watched(item.apply, told))

    def refuse(self, plugin: str, hook: str, error: BaseException) -> None:
        """Remember what a plugin did wrong, once."""
        self._failed(failure(plugin, hook, error))

    def register_cli(self, cli: Any) -> None:
        """Let plugins add their commands."""
        for name, function in self.subscribers("register_cli").items():
            try:
                function(cli=cli)
            except _ANY as error:
                self._failed(failure(name, "register_cli", error))

    def _failed(self, found: Failure) -> None:
        if found[:3] not in [item[:3] for item in self.failures]:
            self.failures.append(found)

    def call_enrich(
        self, messages: list[Any], deadline_s: float
    ) -> tuple[dict[int, dict[str, Any]], list[Failure]]:
        """Ask all enrichers about ``messages``; what they add, by the message's index.

        Each plugin works in a thread of its own. What it returns after the deadline
        is not waited for; while it is still busy it is not asked again.
        """
        bodies = [message.body for message in messages]
        asked: list[tuple[str, _Enricher]] = []
        failures: list[Failure] = []
        for name, function in self.subscribers("enrich").items():
            worker = self._enrichers.get(name)
            if worker is None:
                worker = self._enrichers[name] = _Enricher(name, function)
            if worker.ask(bodies):
                asked.append((name, worker))
            else:
                text = "still busy with an earlier batch, which was not waited for"
                failures.append(Failure(name, "enrich", text, ""))
        additions: dict[int, dict[str, Any]] = {}
        ends = time.monotonic() + deadline_s
        for name, worker in asked:
            result = worker.result(max(0.0, ends - time.monotonic()))
            if isinstance(result, Failure):
                failures.append(result)
                continue
            found = _checked(name, result, len(bodies))
            if isinstance(found, Failure):
                failures.append(found)
                continue
            for index, addition in found.items():
                deep_merge(additions.setdefault(index, {}), addition)
        return additions, failures


class _Enricher:
    """A thread that asks one plugin, one batch after the other."""

    def __init__(self, name: str, function: Any) -> None:
        self._name, self._function = name, function
        self._wake, self._done = threading.Semaphore(0), threading.Event()
        self._done.set()
        self._bodies: list[Any] = []
        self._result: Any = None
        threading.Thread(target=self._run, name=f"enrich-{name}", daemon=True).start()

    def ask(self, bodies: list[Any]) -> bool:
        if not self._done.is_set():
            return False
        self._done.clear()
        self._bodies = bodies
        self._wake.release()
        return True

    def result(self, within_s: float) -> Any:
        if not self._done.wait(within_s):
            return Failure(self._name, "enrich", "did not answer within the deadline", "")
        return self._result

    def _run(self) -> None:
        while True:
            self._wake.acquire()
            try:
                # Copies: a late plugin must not change what is already being stored.
                self._result = self._function(messages=[deep_copy(b) for b in self._bodies])
            except BaseException as error:
                self._result = failure(self._name, "enrich", error)
            self._done.set()


def _checked(name: str, result: Any, count: int) -> dict[int, dict[str, Any]] | Failure:
    """What an enricher returned, as plain JSON values that nobody else holds on to."""
    if result is None:
        return {}
    if not isinstance(result, list) or len(result) != count:
        text = f"must return a list of {count} items, one a message"
        return Failure(name, "enrich", text, "")
    found: dict[int, dict[str, Any]] = {}
    for index, item in enumerate(result):
        if not item:
            continue
        if not isinstance(item, dict):
            return Failure(name, "enrich", "each item must be a dict or None", "")
        try:
            data = msgspec.json.encode(item)
            if len(data) > MAX_ADDED_BYTES:
                raise ValueError(f"adds {len(data):,} bytes, {MAX_ADDED_BYTES:,} are allowed")
            found[index] = msgspec.json.decode(data)
        except Exception as error:  # msgspec raises many kinds, RecursionError among them
            return failure(name, "enrich", error)
    return found


def _checked_function(item: Any) -> ConditionFunction:
    if not isinstance(item, ConditionFunction):
        raise TypeError(f"{item!r:.200} is no ConditionFunction")
    item.check()
    return item


def _checked_destination(item: Any) -> type[Destination]:
    if not (isinstance(item, type) and issubclass(item, Destination)):
        raise TypeError(f"{item!r:.200} is no Destination class")
    for name in ("key", "name"):
        if not isinstance(getattr(item, name, None), str):
            raise TypeError(f"{item.__name__} has no {name}")
    return item


def deep_merge(into: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Put ``more`` into ``into``: objects are merged, all else replaced; returns ``into``."""
    for key, value in more.items():
        own = into.get(key)
        if isinstance(own, dict) and isinstance(value, dict):
            deep_merge(own, value)
        else:
            into[key] = value
    return into


def deep_copy(value: Any) -> Any:
    """A copy of plain JSON values."""
    if isinstance(value, dict):
        return {key: deep_copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [deep_copy(item) for item in value]
    return value


def failure(plugin: str, hook: str, error: BaseException) -> Failure:
    """What an exception says of a plugin."""
    line = f"{type(error).__name__}: {error}".strip().splitlines()[0][:500]
    text = "".join(traceback.format_exception(error))[-4000:]
    return Failure(plugin, hook, line, text)


def load(folder: Path | None = None) -> Plugins:
    """Load all plugins: installed packages first, then the modules in ``folder``."""
    plugins = Plugins()
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda p: p.name):
        try:
            module = point.load()
        except _ANY as error:
            plugins.failures.append(failure(point.name, "load", error))
            continue
        plugins.register(module, point.name, f"package {point.dist.name if point.dist else '?'}")
    if folder is not None and folder.is_dir():
        for path in sorted(folder.iterdir()):
            _load_file(plugins, path)
    return plugins


def _load_file(plugins: Plugins, path: Path) -> None:
    init = path / "__init__.py"
    if path.name.startswith(("_", ".")) or not (path.suffix == ".py" or init.is_file()):
        return
    name = path.stem
    module_name = f"cdp_plugins_{name}"
    try:
        spec = importlib.util.spec_from_file_location(module_name, init if path.is_dir() else path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        spec.loader.exec_module(module)
    except _ANY as error:
        sys.modules.pop(module_name, None)
        plugins.failures.append(failure(name, "load", error))
        return
    plugins.register(module, name, f"file {path.name}")


def traced(plugin: str, hook: str, function: Any) -> Any:
    """``function``, telling on stderr of each call: what it got, how long it took, how it ended."""

    def call(**given: Any) -> Any:
        shown = ", ".join(
            f"{name}={len(value)}" if isinstance(value, list) else name
            for name, value in given.items()
        )
        began, ended = time.perf_counter(), "done"
        try:
            return function(**given)
        except BaseException as error:
            ended = f"raised {type(error).__name__}: {error}"
            raise
        finally:
            elapsed = (time.perf_counter() - began) * 1000
            line = f"plugins: {plugin}.{hook}({shown}) {ended} in {elapsed:.1f} ms"
            print(line, file=sys.stderr, flush=True)

    return call
