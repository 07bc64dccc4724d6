"""Another process gets micro-batches ready: the same ones, and nothing depends on it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.config import Settings
from cdp.identity import DEFAULT, Rules
from cdp.log import open_reader
from cdp.log.files import PartWriter
from cdp.log.record import CHECKED, Record, Taken, checked_body, to_row
from cdp.pipeline import preparer
from cdp.pipeline.ahead import Ready, read_ready
from cdp.pipeline.excerpt import reads_of
from cdp.pipeline.handing import from_bytes, to_bytes
from cdp.pipeline.prepare import Prepared, prepare
from cdp.pipeline.preparer import Preparer
from cdp.pipeline.run import Pipeline
from cdp.store import Store, config_rows
from cdp.store.events import kept
from cdp.store.migrate import migrate
from tests.laws.world import BASE

TEXT = st.text('ab@.é😀"\\\0\ud83d', max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
CALLS = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "identify", "group", "page", "alias", "nonsense"])},
    optional={
        "userId": JSON, "anonymousId": TEXT, "groupId": TEXT,
        "previousId": TEXT, "event": JSON, "messageId": TEXT,
        "traits": st.dictionaries(st.sampled_from(["email", "plan", "x"]), JSON, max_size=3),
        "properties": JSON, "timestamp": JSON,
        "context": st.fixed_dictionaries(
            {}, optional={"consent": JSON, "device": JSON, "externalIds": JSON,
                          "traits": st.dictionaries(st.just("email"), JSON)}),
    },
)  # fmt: skip


READS = reads_of(
    [("", ("traits", "plan")), ("A", ("properties", "a")), ("A", ("properties", "b", "c")),
     ("Page Viewed", ("properties",))]
)  # fmt: skip


def seen(ready: Ready | None) -> Any:
    """All that a micro-batch says, whichever way its messages hold it."""
    assert ready is not None
    batch = ready.batch
    messages = [
        (m.type, m.name, m.message_id, m.source, m.t, m.received_at, m.body, m.live, m.client_t,
         m.json, m.excerpt)
        for m in batch.messages
    ]  # fmt: skip
    return batch._replace(messages=messages), ready.weight, ready.full


@given(st.lists(CALLS, max_size=6))
def test_what_is_handed_over_is_what_was_prepared(calls: list[Any]) -> None:
    body = json.dumps({"batch": calls, "sentAt": "2026-01-01T00:00:00Z"}).encode()
    taken = [
        Taken("web-0", 1, Record(BASE, 1, "batch", body)),
        Taken("web-0", 2, Record(BASE, 1, "refused", b"{", code="invalid_json", detail="why")),
        Taken("web-0", 3, Record(BASE, 1, "track", b"no json")),
    ]
    ready = Ready(prepare("web-0", taken, False, DEFAULT, READS), 3, True)
    assert seen(from_bytes(to_bytes(ready), "web-0", DEFAULT, READS)) == seen(ready)


def test_what_enrichers_said_earlier_is_handed_over() -> None:
    raw = json.dumps({"type": "track", "event": "A", "userId": "u", "messageId": "m"}).encode()
    record = Record(BASE, 1, CHECKED, checked_body([(raw, b'{"country":"CH"}')]))
    taken = [Taken("import-0", 1, record)]
    ready = Ready(prepare("import-0", taken, False, DEFAULT, READS), 1, False)
    again = from_bytes(to_bytes(ready), "import-0", DEFAULT, READS)
    assert seen(again) == seen(ready)
    assert again.batch.settled == {0: {"country": "CH"}} and again.batch.known is None


class Space:
    """A folder with a log of so many messages, a store, and a preparer that is there."""

    def __init__(self, folder: Path, count: int) -> None:
        self.settings = Settings(data=folder, batch_messages=600)
        self.store = Store.open(self.settings)
        migrate(self.store)
        with self.store.write() as tx:
            config_rows.add_source(tx, 1, "default", "Shop", "k", "test")
        self.writer = PartWriter(folder / "log", "web", 1 << 30)
        self.part = self.writer.part
        for start in range(0, count, 20):
            calls = [
                {"type": "identify" if n % 3 else "track", "event": "Seen", "messageId": f"m{n}",
                 "userId": f"u{n % 97}", "traits": {"n": n}, "properties": {"pad": "x" * 900}}
                for n in range(start, start + 20)
            ]  # fmt: skip
            body = json.dumps({"batch": calls}).encode()
            self.writer.write([to_row(Record(BASE + start, 1, "batch", body))])
        self.reader = open_reader(self.settings)
        self.pipeline = Pipeline(self.store, self.reader, self.settings)
        self.preparer = self.pipeline._preparer

    def local(self, after: int, rules: Rules = DEFAULT) -> Ready | None:
        return read_ready(self.reader, self.part, after, 600, False, rules, READS)

    def started(self) -> Preparer:
        """The other process, once it answers."""
        for _ in range(preparer.BUSY):
            self.preparer.ask(self.part, 0, 600, DEFAULT, READS, 600)
        assert self.preparer._has_come(30)
        return self.preparer

    def answered(self, after: int, rules: Rules = DEFAULT) -> Ready | None:
        self.preparer.ask(self.part, after, 600, rules, READS, 600)
        return self.preparer.answer(self.part, after)

    def content(self) -> Any:
        with self.store.read() as tx:
            return [
                tx.exec_driver_sql(text).fetchall()
                for text in (
                    "SELECT seq, node, t, source, flags FROM history_1 ORDER BY seq",
                    "SELECT id, anchor, name, traits FROM profiles ORDER BY id",
                    "SELECT hash, type, value, profile FROM identifiers ORDER BY id",
                    "SELECT minute, what, n FROM counts ORDER BY minute, what",
                )
            ]

    def close(self) -> None:
        self.preparer.close()
        self.reader.close()
        self.writer.close()
        self.store.close()


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Space]:
    monkeypatch.setattr(preparer, "_cores", lambda: 2)
    monkeypatch.setattr(preparer, "WINDOW_S", 0.0)
    made = Space(tmp_path / "data", 3_000)
    yield made
    made.close()


def test_it_answers_what_the_pipeline_would_prepare_itself(space: Space) -> None:
    space.started()
    first = space.answered(0)
    assert seen(first) == seen(space.local(0))
    assert first is not None and first.full and first.batch.rules is not None
    other = replace(DEFAULT, custom=(("badge", (("traits", "n"),)),))
    again = space.answered(first.batch.last_pos, other)
    assert seen(again) == seen(space.local(first.batch.last_pos, other))
    assert again is not None and again.batch.rules == other
    # Asked for something else in the meantime, and beyond the end.
    space.preparer.ask(space.part, 0, 600, other, READS, 600)
    assert seen(space.answered(30, other)) == seen(space.local(30, other))
    assert space.answered(10_000, other) is None and space.preparer.pid
    assert space.preparer.answer(space.part, 0) is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_one_that_falls_or_hangs_is_done_without(
    space: Space, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = space.started().pid
    assert pid is not None and space.answered(0) is not None
    os.kill(pid, number)
    monkeypatch.setattr(preparer, "ANSWER_S", 0.2)
    assert space.answered(0) is None and space.preparer.pid is None
    assert space.pipeline.drain() == 3_000
    assert space.preparer.pid is None  # it is left alone for a while


def test_the_store_is_the_same_with_it_and_without(space: Space, tmp_path: Path) -> None:
    answers = 0
    answer = space.preparer.answer

    def counted(*args: Any) -> Ready | None:
        nonlocal answers
        found = answer(*args)
        answers += found is not None
        return found

    space.started()
    space.preparer.answer = counted  # type: ignore[method-assign]
    assert space.pipeline.drain() == 3_000
    assert answers >= 3 and space.preparer.pid is None
    alone = Space(tmp_path / "alone", 3_000)
    alone.settings = replace(alone.settings, batch_messages=500)
    assert Pipeline(alone.store, alone.reader, alone.settings).drain() == 3_000
    assert alone.content() == space.content()
    alone.close()


def test_few_messages_and_one_core_need_no_other_process(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        space.preparer.ask(space.part, 0, 600, DEFAULT, READS, preparer.FEW - 1)
    assert space.preparer.pid is None
    monkeypatch.setattr(preparer, "_cores", lambda: 1)
    for _ in range(5):
        space.preparer.ask(space.part, 0, 600, DEFAULT, READS, 600)
    assert space.preparer.pid is None


def test_one_that_cannot_be_started_leaves_nothing_open(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(preparer.subprocess, "Popen", none)
    before = os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else []
    for _ in range(preparer.BUSY + 2):
        space.preparer.ask(space.part, 0, 600, DEFAULT, READS, 600)
    assert space.preparer.pid is None
    assert len(os.listdir("/proc/self/fd") if before else []) == len(before)
    assert space.answered(0) is None


def test_it_ends_when_it_is_quiet(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    space.started().rest()
    assert space.preparer.pid is not None
    monkeypatch.setattr(preparer, "IDLE_S", 0.0)
    space.preparer.rest()
    assert space.preparer.pid is None


def test_some_of_a_micro_batch_keep_what_is_known_of_them() -> None:
    batch: Prepared = prepare("web-0", [Taken("web-0", 1, Record(BASE, 1, "batch", json.dumps(
        {"batch": [{"type": "track", "event": "A", "userId": f"u{n}"} for n in range(4)]}
    ).encode()))], False, DEFAULT)  # fmt: skip
    some = batch.only([1, 3])
    assert [message.body["userId"] for message in some.messages] == ["u1", "u3"]
    assert some.named is not None
    assert [item.found.person for item in some.named] == [
        (("user_id", "u1"),),
        (("user_id", "u3"),),
    ]
    assert some.hashes == [message.dedupe_hash for message in some.messages]
    assert batch.known is not None and batch.known.blocks and some.known is None


def test_excerpts_for_other_definitions_are_not_used(tmp_path: Path) -> None:
    space = Space(tmp_path, 40)
    with space.store.write() as tx:
        kept.keep(tx, [("Seen", ("properties", "pad"))], BASE)
    space.pipeline._rules = DEFAULT
    space.pipeline._reads = reads_of([("Seen", ("properties", "other"))])
    ready = space.pipeline._get_ready(space.part, space.pipeline._turns.position(space.part, 0))
    assert ready is not None and ready.batch.messages[0].read == {"properties": {}}
    space.pipeline.handle(ready.batch)
    with space.store.read() as tx:
        texts = tx.exec_driver_sql("SELECT text FROM kept_1").scalars().all()
    assert texts == ["x" * 900] * 14 and space.pipeline._reads == {"Seen": {"properties": ["pad"]}}
    space.close()
