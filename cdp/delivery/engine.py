"""The delivery process: a thread a stream, one for the outbox, following the settings."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable

import structlog

from cdp.config import Settings
from cdp.delivery.broadcasts import converting
from cdp.delivery.broadcasts.files import fetcher
from cdp.delivery.broadcasts.mover import Mover
from cdp.delivery.connections import ConnectionRunner, ConnectionsRunner
from cdp.delivery.forward import Forwarder
from cdp.delivery.hooks import STREAMS, HookRunner
from cdp.delivery.job import Job
from cdp.delivery.messages.office import Office
from cdp.delivery.outbox import OutboxRunner
from cdp.delivery.senders import Senders
from cdp.delivery.stream import CLAIM_MS, RENEW_MS, StreamRunner
from cdp.plugin.manager import Plugins
from cdp.store import Store
from cdp.store.destinations import connections
from cdp.store.destinations import hooks as delivery_hooks
from cdp.store.destinations import outbox as delivery_outbox
from cdp.store.destinations import streams as delivery
from cdp.store.destinations.plugin_errors import record_failures

logger = structlog.get_logger(__name__)

FOLLOW_S = 0.25
#: How often what nobody needs any more is dropped, and how long hooks may lag behind.
TIDY_S, LAG_MS = 60.0, 7 * 86_400_000


class Delivery:
    """Carries the history to destinations and plugins, as the settings say.

    ``run`` returns when ``stop`` is set and what was in flight is finished. ``me``
    names this process where a restart should go on with its own claims at once.
    """

    def __init__(
        self, store: Store, settings: Settings, plugins: Plugins, me: str | None = None
    ) -> None:
        self._store, self._settings, self._plugins = store, settings, plugins
        self._alone = me is not None
        self._me = me or f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.senders = Senders(store, settings, plugins)
        self._jobs: dict[str, Job] = {}
        self._runners: dict[str, StreamRunner] = {}
        self._outboxes: dict[int, OutboxRunner] = {}
        self._connected: dict[str, list[str]] = {}
        self.office = Office(store, settings, self.senders)
        self.mover = Mover(store, fetcher(settings))
        self._renewed = self._tidied = float("-inf")

    def run(self, stop: threading.Event, streams: bool = True) -> None:
        """Deliver until ``stop``; without ``streams`` only plugins' hooks are served."""
        ready = False
        while not stop.is_set():
            try:
                if not ready:
                    self._prepare(streams)
                    ready = True
                if streams:
                    self._follow()
                    self._follow_outbox()
                    self._follow_messages()
                self._keep()
            except Exception as error:
                logger.error("delivery_cannot_follow", error=str(error).splitlines()[:1])
            stop.wait(FOLLOW_S)
        self._end_jobs()
        self.senders.close()

    def _prepare(self, streams: bool) -> None:
        self.record_load_failures()
        if self._alone:
            with self._store.write() as tx:
                delivery_outbox.unclaim_all(tx, _now())
            self.office.begin(_now())
            self.mover.begin()
        self._start_hooks()
        self._start("emissions", self.office.emitter.step, self.office.emitter.close)
        self._start("goals", lambda: 0.0 if converting.step(self._store, _now()) else 1.0)
        if streams:
            self._start("broadcasts", self.mover.step)
            self._start("inquiries", lambda: 0.0 if self.office.inquire(_now()) else 5.0)
            self._start("followups", lambda: 0.0 if self.office.follow_up(_now()) else 0.25)

    def work(self, name: str, seconds: float, stop: threading.Event | None = None) -> None:
        """Move a stream, or ``outbox:<destination>``, for at most ``seconds``, and let it go.

        It ends after the batch in hand when ``stop`` is set.
        """
        self._drop_changed()
        deadline = time.monotonic() + seconds
        stop = stop or threading.Event()

        def goes_on() -> bool:
            return time.monotonic() < deadline and not stop.is_set()

        kind, _, number = name.partition(":")
        if kind == "outbox":
            outbox = self._outbox(int(number))
            while outbox is not None and goes_on() and outbox.step():
                pass
            return
        steps = {
            "broadcasts": lambda: self.mover.step() == 0.0,
            "followups": lambda: self.office.follow_up(_now()) > 0,
            "inquiries": lambda: self.office.inquire(_now()) > 0,
        }
        if kind in steps:
            while goes_on() and steps[kind]():
                pass
            return
        if kind == "messages":
            if number == "*":
                self.office.resolve(_now())
                return
            messages = self.office.runner(number)
            while goes_on() and messages.step():
                pass
            return
        runner = self._runner(name)
        if runner is None:
            return
        try:
            while goes_on() and runner.step() == 0.0:
                pass
        finally:
            runner.release()

    def record_load_failures(self) -> None:
        """Keep what went wrong when plugins were loaded."""
        if self._plugins.failures:
            with self._store.write() as tx:
                record_failures(tx, self._plugins.failures, _now())

    def _start(
        self,
        name: str,
        step: Callable[[], float],
        end: Callable[[], None] = lambda: None,
        of: int | None = None,
    ) -> None:
        self._jobs[name] = Job(name, step, end, of)

    def _start_hooks(self) -> None:
        for hook in STREAMS:
            for plugin, function in self._plugins.subscribers(hook).items():
                if f"hook:{plugin}:{hook}" in self._jobs:
                    continue
                runner = HookRunner(self._store, plugin, hook, function, self._me)
                self._start(runner.name, runner.step, runner.release)
        forwarder = Forwarder(self._store, self._settings, self._plugins.destinations())
        self._start("regulations", forwarder.step)

    def _keep(self) -> None:
        """Renew our claims, and drop what nobody needs any more."""
        moment = time.monotonic()
        if moment - self._renewed > RENEW_MS / 3000:
            with self._store.write() as tx:
                now = _now()
                delivery.renew_claims(tx, self._me, now, now + CLAIM_MS)
            self._renewed = moment
        if self.senders.known:
            self.office.keep(_now())
        if moment - self._tidied > TIDY_S:
            with self._store.write() as tx:
                for id_ in self.senders.destinations:
                    delivery.trim_calls(tx, id_, self._settings.calls_kept)
                delivery_hooks.trim_followed(tx, _now() - LAG_MS)
                delivery_hooks.trim_errors(tx)
                connections.trim_values(tx)
            self._tidied = moment

    def _follow(self) -> None:
        """Start, restart and stop streams as the configuration changes."""
        if not self._drop_changed():
            return
        with self._store.read() as tx:
            streams = delivery.all_streams(tx)
        connected: dict[int, list[str]] = {}
        for stream in streams:
            if connections.of_stream(stream.name) is not None:
                connected.setdefault(stream.destination_id or 0, []).append(stream.name)
            elif stream.destination_id is not None and stream.name not in self._jobs:
                runner = self._runner(stream.name)
                if runner is not None:
                    self._start(stream.name, runner.step, runner.release, stream.destination_id)

        for name in list(self._connected):
            connected.setdefault(int(name.partition(":")[2]), [])
        for id_, names in connected.items():
            self._connect(id_, names)

    def _connect(self, id_: int, names: list[str]) -> None:
        """Have a destination told of audiences and computed traits: one thread for all of them."""
        name = f"connections:{id_}"
        known = self._connected.get(name)
        if known == names and name in self._jobs:
            return
        old = self._jobs.pop(name, None)
        if old is not None:
            old.stop.set()
            old.join(30)
        self._connected.pop(name, None)
        runners = [runner for one in names if (runner := self._runner(one)) is not None]
        if runners:
            told = [runner for runner in runners if isinstance(runner, ConnectionRunner)]
            many = ConnectionsRunner(self._store, told)
            self._connected[name] = names
            self._start(name, many.step, many.release, id_)

    def _follow_outbox(self) -> None:
        """Give each destination with due items a thread of its own."""
        with self._store.read() as tx:
            due = delivery_outbox.due_destinations(tx, _now())
        for id_ in due:
            name = f"outbox:{id_}"
            runner = self._outbox(id_) if name not in self._jobs else None
            if runner is not None:
                self._start(name, _steps_of(runner), of=id_)

    def _follow_messages(self) -> None:
        """Give each channel that has a destination a thread of its own."""
        for channel in self.office.channels():
            name = f"messages:{channel}"
            if name not in self._jobs:
                runner = self.office.runner(channel)
                self._start(name, lambda runner=runner: 0.0 if runner.step() else 0.05)  # type: ignore[misc]

    def _outbox(self, id_: int) -> OutboxRunner | None:
        """What handles a destination's items; None if it is switched off or can't be."""
        sender = self.senders.enabled(id_)
        if sender is None:
            return None
        if id_ not in self._outboxes:
            hours = self._settings.retry_hours
            self._outboxes[id_] = OutboxRunner(self._store, id_, sender, hours)
        return self._outboxes[id_]

    def _drop_changed(self) -> bool:
        """Close what is out of date; False if the configuration is as it was."""
        changed = self.senders.refresh()
        if changed is None:
            return False
        for id_ in changed:
            self._outboxes.pop(id_, None)
            mine = [name for name, job in self._jobs.items() if job.of == id_]
            mine += self._stop_messages(id_)
            for name in mine:
                self._jobs[name].stop.set()
            for name in mine:
                self._jobs.pop(name).join(30)
            self.senders.drop(id_)
        self._runners.clear()
        return True

    def _stop_messages(self, id_: int) -> list[str]:
        """The jobs that may be using a channel that is to be closed; they are made anew."""
        channel = self.office.channel_of(id_)
        if channel is None:
            return []
        self.office.stop(channel)
        return [name for name in self._jobs if name == f"messages:{channel}"]

    def _runner(self, name: str) -> StreamRunner | None:
        """What moves a stream; None if it is switched off or can't be."""
        if name in self._runners:
            return self._runners[name]
        with self._store.read() as tx:
            stream = delivery.stream_by_name(tx, name)
        found = self.senders.destinations.get((stream.destination_id or 0) if stream else 0)
        if found is None or not (found.enabled or name.startswith("replay:")):
            return None
        sender = self.senders.get(found)
        if sender is None:
            return None
        kind = StreamRunner if connections.of_stream(name) is None else ConnectionRunner
        runner = kind(self._store, name, found, sender, self._me)
        self._runners[name] = runner
        return runner

    def _end_jobs(self) -> None:
        """Let batches in flight end; those that take long are cut between two calls."""
        for job in self._jobs.values():
            job.stop.set()
        self.office.stop()
        for within, cut in ((5.0, False), (5.0, True)):
            if cut:
                self.senders.interrupt()
            deadline = time.monotonic() + within
            for job in self._jobs.values():
                job.join(max(0.0, deadline - time.monotonic()))


def _steps_of(runner: OutboxRunner) -> Callable[[], float]:
    return lambda: 0.0 if runner.step() else 0.2


def _now() -> int:
    return int(time.time() * 1000)
