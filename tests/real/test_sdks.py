"""Server-side SDKs, unmodified: what they send arrives, whatever goes wrong on the way."""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pytest

from tests.real import golden
from tests.real.faulty import Fault, Front
from tests.real.scenario import TYPES, check_arrival
from tests.real.sdks import SDKS, Sdk
from tests.real.server import ServeProcess, free_port

pytestmark = pytest.mark.real

by_name = pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)


class Run(NamedTuple):
    """A run of an SDK's program through a front."""

    person: str
    front: Front
    done: Future[None]


class Runs:
    """All runs at once, as they mostly wait: analytics-java for up to 30 s before a retry."""

    def __init__(self, serve: ServeProcess) -> None:
        self._pool = ThreadPoolExecutor(8)
        self._all: dict[tuple[str, Fault | None], Run] = {}
        able = [sdk for sdk in SDKS if not sdk.lacks()]
        kinds = [(sdk, fault) for sdk in able for fault in (None, *Fault)]
        # The longest first.
        for sdk, fault in sorted(kinds, key=lambda kind: kind[0].name != "java"):
            self._all[sdk.name, fault] = self._start(serve, sdk, fault)

    def _start(self, serve: ServeProcess, sdk: Sdk, fault: Fault | None) -> Run:
        front = Front(serve.url, (fault,) if fault else ())
        person = f"{sdk.name}-{uuid.uuid4().hex[:12]}"
        return Run(person, front, self._pool.submit(sdk.send, front.url, person))

    def get(self, sdk: Sdk, fault: Fault | None = None) -> Run:
        """The run of ``sdk`` when it has ended well."""
        sdk.require()
        run = self._all[sdk.name, fault]
        run.done.result(175)
        return run

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        for run in self._all.values():
            run.front.close()


@pytest.fixture(scope="module")
def runs(serve: ServeProcess) -> Iterator[Runs]:
    found = Runs(serve)
    yield found
    found.close()


@by_name
def test_what_an_sdk_sends_arrives_typed_once_and_joined(
    serve: ServeProcess, runs: Runs, sdk: Sdk
) -> None:
    run = runs.get(sdk)
    check_arrival(serve, run.person, sdk.library)


@by_name
def test_an_sdk_sends_what_was_recorded(runs: Runs, sdk: Sdk) -> None:
    run = runs.get(sdk)
    requests = golden.normalise(run.front.seen, run.person)
    if os.environ.get("RECORD"):
        golden.record(sdk.name, requests)
    known = golden.load(sdk.name)
    assert [item["headers"] for item in requests[:1]] == [item["headers"] for item in known[:1]]
    assert golden.messages(requests) == golden.messages(known)


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
@by_name
def test_an_sdk_tries_again_and_nothing_is_lost_or_doubled(
    serve: ServeProcess, runs: Runs, sdk: Sdk, fault: Fault
) -> None:
    run = runs.get(sdk, fault)
    seen = run.front.seen
    assert seen[0].fault is fault
    # The same messages under the same ids: by them a repeat is known.
    assert seen[1].fault is None
    assert _ids(seen[1].messages()) == _ids(seen[0].messages())
    check_arrival(serve, run.person, sdk.library)


def _ids(messages: list[dict[str, str]]) -> list[str]:
    return [message["messageId"] for message in messages]


@pytest.mark.parametrize("name", ["python", "node", "go"])
def test_an_sdk_outlives_a_server_that_is_killed_and_started_again(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    (sdk,) = (sdk for sdk in SDKS if sdk.name == name)
    sdk.require()
    server = ServeProcess(tmp_path_factory.mktemp("killed"), free_port()).start()
    try:
        with Front(server.url, (Fault.DIES_AFTER,)) as front, ThreadPoolExecutor(1) as pool:
            person = f"killed-{name}"
            # The first request is on disk when its answer gets lost and the power with it.
            front.on_fault = server.kill
            done = pool.submit(sdk.send, front.url, person)
            front.fault_happened.wait(60)
            server.start()
            done.result(180)
            check_arrival(server, person, sdk.library)
        server.stop()
    finally:
        server.kill()


def test_no_sdk_sends_anything_that_is_refused(serve: ServeProcess, runs: Runs) -> None:
    people = {runs.get(sdk).person for sdk in SDKS if not sdk.lacks()}
    about_them = [
        item for item in serve.rejected() if any(person in json.dumps(item) for person in people)
    ]
    assert about_them == []


def test_the_history_holds_each_message_once(serve: ServeProcess, runs: Runs) -> None:
    able = [sdk for sdk in SDKS if not sdk.lacks()]
    for sdk in able:
        for fault in (None, *Fault):
            runs.get(sdk, fault)
    stored = Counter(item["messageId"] for item in serve.stored())
    sent = [
        message["messageId"]
        for sdk in able
        for fault in (None, *Fault)
        for request in runs.get(sdk, fault).front.seen
        for message in request.messages()
    ]
    assert len(set(sent)) == len(able) * (1 + len(Fault)) * sum(TYPES.values())
    assert {id_: stored[id_] for id_ in sent} == dict.fromkeys(sent, 1)
