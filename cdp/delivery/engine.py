"""The delivery process: a thread a stream, one for the outbox, following the settings."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog

from cdp.config import Settings
from cdp.delivery.hooks import HookRunner
from cdp.delivery.outbox import OutboxRunner
from cdp.delivery.sending import Sender
from cdp.delivery.stream import StreamRunner
from cdp.plugin import DestinationContext
from cdp.plugin.manager import Plugins, failure
from cdp.store import Store, config_rows, delivery, meta
from cdp.store.config_rows import Destination
from cdp.store.plugin_errors import record_failures

logger = structlog.get_logger(__name__)

FOLLOW_S = 0.25


class _Job:
    """A thread that calls ``step`` until it is stopped."""

    def __init__(self, name: str, step: Callable[[], float], end: Callable[[], None]) -> None:
        self.stop = threading.Event()
        self._name, self._step, self._end = name, step, end
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, within_s: float) -> None:
        self._thread.join(within_s)

    def _run(self) -> None:
        pause = 0.0
        while not self.stop.wait(pause):
            try:
                pause = self._step()
            except Exception as error:
                # The store may be away; nothing is lost, the checkpoint stands.
                logger.error("delivery_failed", job=self._name, error=str(error).splitlines()[:1])
                pause = 1.0
        try:
            self._end()
        except Exception as error:
            logger.error("delivery_not_closed", job=self._name, error=str(error)[:200])


class Delivery:
    """Carries the history to destinations and plugins, as the settings say.

    ``run`` returns when ``stop`` is set and what was in flight is finished. ``me``
    names this process where a restart should go on with its own claims at once.
    """

    def __init__(
        self, store: Store, settings: Settings, plugins: Plugins, me: str | None = None
    ) -> None:
        self._store, self._settings, self._plugins = store, settings, plugins
        self._me = me or f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._classes = plugins.destinations()
        self._version = -1
        self._senders: dict[int, tuple[Destination, Sender]] = {}
        self._jobs: dict[str, _Job] = {}
        self._broken: set[tuple[int, int]] = set()

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop``."""
        self._record(self._plugins.failures)
        outbox = OutboxRunner(self._store, self._sender, self._settings.retry_hours)
        self._start("outbox", lambda: 0.0 if outbox.step() else 0.2, lambda: None)
        for hook in ("on_events", "on_profile_changes"):
            for plugin, function in self._plugins.subscribers(hook).items():
                runner = HookRunner(self._store, plugin, hook, function, self._me)
                self._start(runner.name, runner.step, lambda: None)
        while not stop.is_set():
            try:
                self._follow()
            except Exception as error:
                logger.error("delivery_cannot_follow", error=str(error).splitlines()[:1])
            stop.wait(FOLLOW_S)
        self._end_jobs()
        for _, sender in self._senders.values():
            sender.close()

    def _end_jobs(self) -> None:
        """Let batches in flight end; those that take long are cut between two calls."""
        for job in self._jobs.values():
            job.stop.set()
        for within, cut in ((5.0, False), (5.0, True)):
            if cut:
                for _, sender in self._senders.values():
                    sender.stopping.set()
            deadline = time.monotonic() + within
            for job in self._jobs.values():
                job.join(max(0.0, deadline - time.monotonic()))

    def _start(self, name: str, step: Callable[[], float], end: Callable[[], None]) -> _Job:
        job = self._jobs[name] = _Job(name, step, end)
        job.start()
        return job

    def _sender(self, destination_id: int) -> Sender | None:
        held = self._senders.get(destination_id)
        return held[1] if held is not None and held[0].enabled else None

    def _follow(self) -> None:
        """Start, restart and stop streams as the configuration changes."""
        with self._store.read() as tx:
            version = meta.version(tx)
            if version == self._version:
                streams = None
            else:
                streams = delivery.all_streams(tx)
                found = {item.id: item for item in config_rows.all_destinations(tx)}
        for name in [n for n, job in self._jobs.items() if not job._thread.is_alive()]:
            del self._jobs[name]
        if streams is None:
            return
        changed = {
            id_ for id_, (old, _) in self._senders.items() if found.get(id_) != old
        }
        for id_ in changed:
            self._drop(id_)
        for stream in streams:
            destination = found.get(stream.destination_id or 0)
            if destination is None or stream.name in self._jobs:
                continue
            if not destination.enabled and not stream.name.startswith("replay:"):
                continue
            sender = self._sender_for(destination)
            if sender is not None:
                self._start_stream(stream.name, destination, sender)
        self._version = version

    def _start_stream(self, name: str, destination: Destination, sender: Sender) -> None:
        runner = StreamRunner(
            self._store, name, destination, sender, self._me,
            calls_kept=self._settings.calls_kept,
        )  # fmt: skip
        self._start(name, runner.step, runner.release)

    def _sender_for(self, destination: Destination) -> Sender | None:
        held = self._senders.get(destination.id)
        if held is not None:
            return held[1]
        cls = self._classes.get(destination.plugin)
        try:
            if cls is None:
                raise LookupError(f"no plugin brings the destination {destination.plugin!r}")
            context = DestinationContext(
                destination.name, self._settings.allow_private_addresses
            )
            made: Any = cls(destination.settings, context)
        except Exception as error:
            if (destination.id, destination.updated_at) not in self._broken:
                self._broken.add((destination.id, destination.updated_at))
                self._refuse(destination, error)
            return None
        sender = Sender(destination.id, made)
        self._senders[destination.id] = (destination, sender)
        return sender

    def _refuse(self, destination: Destination, error: Exception) -> None:
        """A destination whose settings or plugin are wrong is stopped, and says why."""
        now = int(time.time() * 1000)
        with self._store.write() as tx:
            record_failures(tx, [failure(destination.plugin, "settings", error)], now)
            name = f"destination:{destination.id}"
            delivery.set_state(tx, name, "stopped", str(error)[:1000], 0, 0, now)

    def _drop(self, destination_id: int) -> None:
        destination, sender = self._senders.pop(destination_id)
        sender.stopping.set()
        with self._store.read() as tx:
            mine = {s.name for s in delivery.all_streams(tx) if s.destination_id == destination_id}
        mine.add(f"destination:{destination_id}")
        for name in mine & set(self._jobs):
            job = self._jobs.pop(name)
            job.stop.set()
            job.join(30)
        sender.close()
        logger.info("destination_reloaded", destination=destination.key)

    def _record(self, failures: list[Any]) -> None:
        if failures:
            with self._store.write() as tx:
                record_failures(tx, failures, int(time.time() * 1000))
