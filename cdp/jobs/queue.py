"""Making jobs out of what waits in the store."""

from __future__ import annotations

import time

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job, JobStatus

from cdp.store import Store, config_rows, meta
from cdp.store.destinations import connections
from cdp.store.destinations import outbox as delivery_outbox
from cdp.store.destinations import streams as delivery
from cdp.store.messages import broadcasts, claims, followups, inquiries

QUEUE = "headwater-delivery"
#: How long one job works on a stream before the next one may.
SLICE_S = 20.0
_ALIVE = {JobStatus.QUEUED, JobStatus.STARTED, JobStatus.DEFERRED, JobStatus.SCHEDULED}


class Jobs:
    """Enqueues one job a stream with work, and one a destination's outbox; none twice."""

    def __init__(self, redis_url: str, store: Store) -> None:
        self.redis: Redis = Redis.from_url(redis_url)
        self._queue = Queue(QUEUE, connection=self.redis)
        self._store = store

    def sweep(self) -> list[str]:
        """Enqueue what waits and has no job yet; returns the names enqueued."""
        made = []
        for name in waiting(self._store, int(time.time() * 1000)):
            job_id = "headwater-" + name.replace(":", "-")
            if not self._alive(job_id):
                self._queue.enqueue(
                    "cdp.jobs.work.run",
                    name,
                    job_id=job_id,
                    result_ttl=0,
                    failure_ttl=60,
                    job_timeout=int(SLICE_S * 10),
                )
                made.append(name)
        return made

    def _alive(self, job_id: str) -> bool:
        try:
            status = Job.fetch(job_id, connection=self.redis).get_status(refresh=True)
        except RedisError:
            raise
        except Exception:  # rq says in several ways that it knows no such job
            return False
        return status in _ALIVE


def waiting(store: Store, now: int) -> list[str]:
    """The streams with something to send, and ``outbox:<destination>`` where items are due.

    A destination that is switched off gets nothing but its replays.
    """
    with store.read() as tx:
        end = meta.next_number(tx, "seq")
        ends = {kind: connections.end(tx, kind) for kind in connections.NUMBERS}
        on = {item.id for item in config_rows.all_destinations(tx) if item.enabled}
        found = [
            stream.name
            for stream in delivery.all_streams(tx)
            if (stream.destination_id in on or stream.name.startswith("replay:"))
            and stream.state in ("running", "stalled")
            and stream.next_at <= now
            and (
                stream.seq < ends.get(stream.name.partition(":")[0], end)
                or stream.to_seq is not None
                or stream.until_seq is not None
            )
        ]
        found += [f"outbox:{id_}" for id_ in delivery_outbox.due_destinations(tx, now)]
        found += [f"messages:{channel}" for channel in claims.due_channels(tx, now)]
        if broadcasts.to_move(tx, now):
            found.append("broadcasts:*")
        if followups.any_due(tx, now):
            found.append("followups:*")
        if inquiries.any_due(tx, now):
            found.append("inquiries:*")
        if claims.any_lost(tx, now):
            found.append("messages:*")
    return found
