"""The delivery process: a thread a stream, one for the outbox, following the settings."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable

import structlog

from cdp.config import Settings
from cdp.delivery.hooks import HookRunner
from cdp.delivery.outbox import OutboxRunner
from cdp.delivery.senders import Senders
from cdp.delivery.stream import StreamRunner
from cdp.plugin.manager import Plugins
from cdp.store import Store, delivery
from cdp.store.plugin_errors import record_failures

logger = structlog.get_logger(__name__)

FOLLOW_S = 0.25


class _Job:
    """A thread that calls ``step`` until it is stopped."""

    def __init__(
        self, name: str, step: Callable[[], float], end: Callable[[], None], of: int | None
    ) -> None:
        self.stop, self.of = threading.Event(), of
        self._name, self._step, self._end = name, step, end
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
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
        self.senders = Senders(store, settings, plugins)
        self._jobs: dict[str, _Job] = {}
        self._runners: dict[str, StreamRunner] = {}

    def run(self, stop: threading.Event, streams: bool = True) -> None:
        """Deliver until ``stop``; without ``streams`` only plugins' hooks are served."""
        self.record_load_failures()
        self._start_hooks()
        if streams:
            outbox = self.outbox_runner()
            self._start("outbox", lambda: 0.0 if outbox.step() else 0.2)
        while not stop.is_set():
            if streams:
                try:
                    self._follow()
                except Exception as error:
                    logger.error("delivery_cannot_follow", error=str(error).splitlines()[:1])
            stop.wait(FOLLOW_S)
        self._end_jobs()
        self.senders.close()

    def work(self, name: str, seconds: float) -> None:
        """Move a stream (or ``outbox``) for at most ``seconds``, in the calling thread."""
        self._drop_changed()
        deadline = time.monotonic() + seconds
        if name == "outbox":
            outbox = self.outbox_runner()
            while time.monotonic() < deadline and outbox.step():
                pass
            return
        runner = self._runner(name)
        while runner is not None and time.monotonic() < deadline and runner.step() == 0.0:
            pass

    def outbox_runner(self) -> OutboxRunner:
        """What handles the outbox."""
        return OutboxRunner(self._store, self.senders.enabled, self._settings.retry_hours)

    def record_load_failures(self) -> None:
        """Keep what went wrong when plugins were loaded."""
        if self._plugins.failures:
            with self._store.write() as tx:
                record_failures(tx, self._plugins.failures, int(time.time() * 1000))

    def _start(
        self,
        name: str,
        step: Callable[[], float],
        end: Callable[[], None] = lambda: None,
        of: int | None = None,
    ) -> None:
        self._jobs[name] = _Job(name, step, end, of)

    def _start_hooks(self) -> None:
        for hook in ("on_events", "on_profile_changes"):
            for plugin, function in self._plugins.subscribers(hook).items():
                runner = HookRunner(self._store, plugin, hook, function, self._me)
                self._start(runner.name, runner.step)

    def _follow(self) -> None:
        """Start, restart and stop streams as the configuration changes."""
        if not self._drop_changed():
            return
        with self._store.read() as tx:
            streams = delivery.all_streams(tx)
        for stream in streams:
            if stream.destination_id is not None and stream.name not in self._jobs:
                runner = self._runner(stream.name)
                if runner is not None:
                    self._start(stream.name, runner.step, runner.release, stream.destination_id)

    def _drop_changed(self) -> bool:
        """Close what is out of date; False if the configuration is as it was."""
        changed = self.senders.refresh()
        if changed is None:
            return False
        for id_ in changed:
            mine = [name for name, job in self._jobs.items() if job.of == id_]
            for name in mine:
                self._jobs[name].stop.set()
            for name in mine:
                self._jobs.pop(name).join(30)
            self.senders.drop(id_)
        self._runners.clear()
        return True

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
        kept = self._settings.calls_kept
        runner = StreamRunner(self._store, name, found, sender, self._me, calls_kept=kept)
        self._runners[name] = runner
        return runner

    def _end_jobs(self) -> None:
        """Let batches in flight end; those that take long are cut between two calls."""
        for job in self._jobs.values():
            job.stop.set()
        for within, cut in ((5.0, False), (5.0, True)):
            if cut:
                self.senders.interrupt()
            deadline = time.monotonic() + within
            for job in self._jobs.values():
                job.join(max(0.0, deadline - time.monotonic()))
