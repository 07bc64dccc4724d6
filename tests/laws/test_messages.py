"""Law 6: never two messages for one reason, none after an opt-out, none lost.

Random lives of a post office: people are written to, opt out and in, providers take,
refuse, time out before or after they have taken a message, and the process dies at any
point between a claim and its record.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.delivery.messages.checks import Checks
from cdp.delivery.messages.runner import MessageRunner
from cdp.plugin import Outgoing, Receipt, Retry, Unanswered
from cdp.store.messages import claims, deliveries, preferences
from tests.delivery.messages.post import Plain, Post, box
from tests.postgres import new_database
from tests.scratch import SCRATCH

PEOPLE = 3


class Died(BaseException):
    """The process was killed while a call was made."""


class Life:
    """A post office whose provider keeps count of what it has taken."""

    def __init__(self, post: Post, keys: bool) -> None:
        self.post, self.keys = post, keys
        self.taken: Counter[str] = Counter()
        self.handed: list[str] = []
        self.banned: set[str] = set()
        self.fates: Iterator[str] = iter(())
        self.died = False
        self.asked: list[str] = []
        for kind in post.boxes:
            kind.keys = keys
            kind.batch_size = 1
            kind.deliver = lambda _channel, messages: self.deliver(messages)  # type: ignore[method-assign]
        self.nodes = [post.node(f"u{n}") for n in range(PEOPLE)]

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        (message,) = messages
        fate = "refused" if self.died else next(self.fates, "sent")
        self.handed.append(message.key)
        if fate in ("sent", "taken then lost", "taken then dead"):
            self.taken[message.key] += 1
        if fate in ("dead", "taken then dead"):
            self.died = True
        match fate:
            case "sent":
                return [Receipt.sent("p")]
            case "busy":
                return [Receipt.retry("busy")]
            case "down":
                raise Retry("down")
            case "lost" | "taken then lost":
                raise Unanswered("no answer")
            case "failed":
                return [Receipt.failed("never")]
            case "bounced":
                return [Receipt.bounced("full", hard=False)]
        raise Retry("the process is dead")

    def run(self, fates: list[str]) -> None:
        """Move what is due, until it rests or the process dies."""
        self.fates = iter(fates)
        self.died = False
        runner = self.post.mover
        # What is in memory is lost with the process; what it would have recorded is, too.
        desk, record = runner._desk, runner._desk.record

        def recording(tx: Any, flights: Any, now: int) -> None:
            if self.died:
                raise Died
            record(tx, flights, now)

        desk.record = recording  # type: ignore[method-assign]
        try:
            while runner.step():
                pass
        except Died:
            self.post.mover = MessageRunner(
                self.post.store, "email", self.post.providers, Plain(self.post), Checks(), 4.0,
                self.post.clock,
            )  # fmt: skip
            with self.post.store.write() as tx:
                claims.end_claims(tx, int(self.post.now * 1000))
            self.post.lose()
        finally:
            desk.record = record  # type: ignore[method-assign]

    def opt(self, person: int, wanted: bool) -> None:
        with self.post.store.write() as tx:
            now = int(self.post.now * 1000)
            preferences.put(tx, self.nodes[person], {"*": wanted}, now, "page")
            for row in deliveries.of_node(tx, self.nodes[person]):
                if row.state == "waiting" and not wanted and not row.attempts:
                    self.banned.add(row.key)
        if wanted:
            self.banned -= {key for key in self.banned if key.startswith(f"{person}-")}


FATES = st.lists(
    st.sampled_from(
        ["sent", "sent", "busy", "down", "lost", "taken then lost", "failed", "bounced", "dead",
         "taken then dead"]
    ),
    max_size=6,
)  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, PEOPLE - 1), st.integers(0, 4)),
        st.tuples(st.just("run"), FATES, st.sampled_from([0, 1, 60, 4000])),
        st.tuples(st.just("opt"), st.integers(0, PEOPLE - 1), st.booleans()),
    ),
    min_size=1,
    max_size=12,
)
EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "40"))


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def post(request: pytest.FixtureRequest) -> Iterator[Post]:
    url = new_database() if request.param == "postgres" else None
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        made = Post(Path(folder), url, [box()])
        for n in range(PEOPLE):
            made.identify(f"u{n}")
        yield made
        made.close()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, keys=st.booleans())
def test_one_reason_is_one_message(post: Post, steps: list[Any], keys: bool) -> None:
    with post.store.write() as tx:
        for table in ("deliveries", "preferences", "emissions", "calls", "suppressed_addresses"):
            tx.exec_driver_sql(f"DELETE FROM {table}")
    post.senders.close()
    post.providers._rests.clear()
    life = Life(post, keys)
    for what, *rest in steps:
        if what == "ask":
            person, reason = rest
            key = f"{person}-{reason}"
            post.ask(life.nodes[person], key)
            life.asked.append(key)
        elif what == "run":
            fates, seconds = rest
            before = len(life.handed)
            banned = set(life.banned)
            post.now += seconds
            life.run(fates)
            assert not banned & set(life.handed[before:]), "handed over after an opt-out"
        else:
            life.opt(*rest)
    for _ in range(12):  # all that can be moved is moved
        post.now += 4000
        life.run([])
    with post.store.read() as tx:
        rows = {key: deliveries.by_key(tx, key) for key in set(life.asked)}
    for key, row in rows.items():
        assert row is not None, "lost"
        if not keys:
            assert life.taken[key] <= 1, "two messages for one reason"
        assert row.state in ("sent", "held", "failed", "bounced", "undeliverable"), row.state
        if row.state == "sent":
            assert life.taken[key], "said to be sent, and was not"
        if life.taken[key] and row.state not in ("sent", "held"):
            raise AssertionError(f"arrived, and is called {row.state}")
