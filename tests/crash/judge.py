"""Kill the pipeline again and again while journeys decide, then look what was decided.

Run as a program of its own, with no thread beside it, since each try is a fork of it:
``python -m tests.crash.judge FOLDER SEED KILLS [DATABASE_URL]`` prints a `Report` as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import event, select, update

from cdp.config import Settings
from cdp.delivery.journeys import shown
from cdp.log import open_reader
from cdp.pipeline.run import Pipeline
from cdp.store import Store
from cdp.store.destinations import streams as delivery
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.journeys import launched as journeys
from cdp.store.messages import deliveries
from cdp.store.tables import deliveries as rows
from cdp.store.tables import journey_moves, journey_orders, transitions
from tests.pipeline.journeys.town import DAY, Town

TRIED = """
trigger: { event: Came }
steps:
  - id: exp
    experiment:
      variants: [ { name: a }, { name: b }, { name: c } ]
      goal: { event: Bought, within: 7d }
      winner: { after: 1d, least: 10 }
      guardrails: [ { event: Complained, most: 20, least: 10 } ]
  - wait: 30d
"""
STAGED = """
trigger: { enters: buyers }
rollout: [ { share: 50, for: 1d }, 100 ]
steps: [ { wait: 30d } ]
"""
LIMITED = """
trigger: { event: Came }
limits: { least: 20 }
steps: [ { send: hello }, { wait: 30d } ]
"""
PEOPLE = 90
#: Those who got b or c, and two who got a: who gets what is drawn from their names.
BUYERS = 59
DECIDED = [
    ["limited", "stopped", None],
    ["staged", "stage", None],
    ["tried", "guarded", "c"],
    ["tried", "winner", "b"],
]
STATES = {
    "limited": {"state": "paused", "share": 100.0, "winners": {}, "closed": {}},
    "staged": {"state": "live", "share": 100.0, "winners": {}, "closed": {}},
    "tried": {"state": "live", "share": 100.0, "winners": {"exp": "b"}, "closed": {"exp": ["c"]}},
}


@dataclass
class Report:
    """What a run of kills left behind; ``decided`` as (journey, kind, variant, figures).

    ``told`` are the decisions that plugins were told, ``states`` the journeys as they are, and
    ``buyers`` who is in the staged journey at last, of how many.
    """

    kills: int
    decided: list[list[Any]]
    told: list[list[Any]]
    states: dict[str, Any]
    buyers: int
    entered_twice: int
    orders: list[list[Any]]

    @property
    def holds(self) -> bool:
        """Whether each decision was made once, by its figures, told once and carried out."""
        return (
            [one[:3] for one in self.decided] == DECIDED
            and self.told == self.decided
            and all(one[3] for one in self.decided)
            and self.states == STATES
            and (self.buyers, self.entered_twice) == (BUYERS, 0)
            and self.orders == [["staged", "grow", "done"]]
        )


def run(folder: Path, kills: int, seed: int, database_url: str | None = None) -> Report:
    """The report of so many kills, at statements that are drawn by ``seed``."""
    words = [str(folder), str(seed), str(kills), *([database_url] if database_url else [])]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.judge", *words],
        cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Report(**json.loads(done.stdout.splitlines()[-1]))


def _build(folder: Path, database_url: str | None) -> int:
    """A town in which everything is to be decided at the time that is returned."""
    town = Town(folder, database_url)
    with town.store.write() as tx:
        delivery.ensure_stream(tx, "hook:mine:on_transitions", 1, town.now)
    town.define("audience", "buyers", 'who: count("Bought") > 0')
    for key, text in (("tried", TRIED), ("staged", STAGED), ("limited", LIMITED)):
        town.journey(key, text, "hello" if key == "limited" else "")
    names = [f"u{k}" for k in range(PEOPLE)]
    _say(town, "Came", names)
    got = _ways(town)
    of = {name: [who for who, way in got.items() if way == name] for name in "abc"}
    _say(town, "Bought", [*of["b"], *of["a"][:2], *of["c"]])
    _say(town, "Complained", of["c"])
    town.settle()
    town.now += DAY + 60_000
    with town.store.write() as tx:
        tx.execute(update(rows).values(state="sent", sent_at=town.now))
        ids = list(tx.execute(select(rows.c.id).limit(20)).scalars())
        deliveries.first_time(tx, "bounced_at", ids, town.now)
        journey_decisions.judge_soon(tx, ["limited"], town.now)
    town.close()
    return town.now + 5_000


def _say(town: Town, name: str, people: list[str]) -> None:
    town.send(*[
        town.message(type="track", userId=who, event=name, properties={"who": who})
        for who in people
    ])  # fmt: skip


def _ways(town: Town) -> dict[str, str]:
    """The variant that each person got."""
    with town.store.read() as tx:
        c = journey_moves.c
        left = select(c.run, c.exit).where(c.step == "exp", c.what == "left")
        exits = {run: exit for run, exit in tx.execute(left)}
    return {
        item.run.data["event"]["properties"]["who"]: exits[item.run.id]
        for item in town.runs("tried")
    }


def _attempt(folder: Path, now: int, database_url: str | None, last: int) -> bool:
    """Let a pipeline do what is due, in a process that dies at its statement ``last``."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, "the pipeline failed"
            return False
        return True
    try:
        settings = Settings(data=folder, database_url=database_url)
        store = Store.open(settings)
        pipeline = Pipeline(store, open_reader(settings), settings, clock=lambda: now / 1000)
        count = 0

        def at_statement(*_: Any) -> None:
            nonlocal count
            count += 1
            if count >= last:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(store.engine, "before_cursor_execute", at_statement)
        event.listen(store.engine, "commit", at_statement)
        pipeline.settle()
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def _look(folder: Path, now: int, database_url: str | None, kills: int) -> Report:
    town = Town(folder, database_url)
    town.now = now
    with town.store.read() as tx:
        all_rows = {row.id: row for row in journeys.all_rows(tx)}
        decided = [
            [row.key, one.kind, one.variant, one.figures]
            for row in all_rows.values()
            for one in journey_decisions.of(tx, row.id)
        ]
        told = [
            [one.journey, detail["decision"], detail["variant"], detail["figures"]]
            for one in tx.execute(select(transitions).where(transitions.c.kind == "decided"))
            for detail in [json.loads(one.detail)]
        ]
        states = {
            row.key: {
                "state": row.state, "share": shown.share_of(tx, row), "winners": row.winners,
                "closed": row.closed,
            }
            for row in all_rows.values()
        }  # fmt: skip
        orders = [
            [all_rows[one.journey].key, one.kind, one.state]
            for one in tx.execute(select(journey_orders).order_by(journey_orders.c.id))
            if one.kind != "begin"
        ]
    inside = [item.profile for item in town.runs("staged")]
    town.close()
    decided.sort(key=str)
    told.sort(key=str)
    twice = len(inside) - len(set(inside))
    return Report(kills, decided, told, states, len(inside), twice, orders)


def main(folder: Path, seed: int, kills: int, database_url: str | None) -> None:
    now = _build(folder, database_url)
    draw = random.Random(seed)
    died = sum(_attempt(folder, now, database_url, draw.randint(1, MOST)) for _ in range(kills))
    assert not _attempt(folder, now, database_url, 1_000_000)
    print(json.dumps(asdict(_look(folder, now, database_url, died))))


#: It dies at one of its first so many statements: about what there is to do takes so many.
MOST = 120

if __name__ == "__main__":
    _, folder_, seed_, kills_, *rest = sys.argv
    main(Path(folder_), int(seed_), int(kills_), rest[0] if rest else None)
