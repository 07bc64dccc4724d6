"""What an RQ worker runs."""

from __future__ import annotations

import threading
import time

import structlog
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker

from cdp.config import Settings
from cdp.delivery.engine import Delivery
from cdp.jobs.queue import QUEUE, SLICE_S, Jobs
from cdp.plugin.manager import Plugins
from cdp.store import Store

logger = structlog.get_logger(__name__)

SWEEP_S = 0.25
_engine: Delivery | None = None
_stop = threading.Event()


class Worker(SimpleWorker):
    """RQ's worker, without its signal handlers: ours end the whole process in order."""

    def _install_signal_handlers(self) -> None:
        pass


def use(engine: Delivery, stop: threading.Event | None = None) -> None:
    """Let jobs in this process work with ``engine``, until ``stop``."""
    global _engine, _stop
    _engine, _stop = engine, stop or threading.Event()


def run(name: str) -> None:
    """Work on one stream, or the outbox, until it is empty or the slice is over."""
    if _engine is None:
        raise RuntimeError("this process is no worker of Headwater: start it with `cdp worker`")
    if not _stop.is_set():  # else the next sweep, somewhere else, makes the job anew
        _engine.work(name, SLICE_S, _stop)


def sweep_until(stop: threading.Event, jobs: Jobs) -> None:
    """Turn what waits in the store into jobs until ``stop``; Redis and the store come and go."""
    complained = float("-inf")
    while not stop.wait(SWEEP_S):
        try:
            jobs.sweep()
        except Exception as error:
            if time.monotonic() - complained > 30:
                complained = time.monotonic()
                what = "no_redis" if isinstance(error, RedisError) else "cannot_sweep"
                logger.error(what, error=str(error).splitlines()[:1])
            stop.wait(1.0)


def work_until(stop: threading.Event, jobs: Jobs, burst_s: float = 1.0) -> None:
    """Run jobs in this process until ``stop``."""
    while not stop.is_set():
        try:
            worker = Worker([Queue(QUEUE, connection=jobs.redis)], connection=jobs.redis)
            worker.work(burst=True, logging_level="ERROR")
        except RedisError:  # the sweeper complains
            stop.wait(1.0)
        stop.wait(SWEEP_S)


def serve_jobs(
    settings: Settings, store: Store, plugins: Plugins, stop: threading.Event, work: bool
) -> None:
    """Sweep (and with ``work`` also run) jobs until ``stop``."""
    assert settings.redis_url
    jobs = Jobs(settings.redis_url, store)
    engine = Delivery(store, settings, plugins)
    use(engine, stop)
    sweeper = threading.Thread(target=sweep_until, args=(stop, jobs), daemon=True)
    sweeper.start()
    hooks = threading.Thread(target=engine.run, args=(stop, False), daemon=True)
    hooks.start()
    if work:
        work_until(stop, jobs)
    stop.wait()
    hooks.join(10)
    sweeper.join(5)
