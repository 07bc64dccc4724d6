"""``make proof``: the long forms of what `make test` runs in a short one.

``python -m tests.proof [--kills N] [--examples N] [--only WORDS] [--processes N]`` prints a
table and exits with 1 if anything does not hold. ``--only "law 3"`` takes those whose name has
these words; ``--processes`` shares the tests of a property among as many. What a failed
test said is in ``build/proof-*.txt``.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.crash import journeys, judge, messages
from tests.crash.harness import run
from tests.postgres import new_database

ROOT = Path(__file__).resolve().parents[1]
Row = tuple[str, str, str, bool]
#: All tests here draw what they try: each process takes a share of the examples. Of other
#: files a process takes some of the tests.
DRAWN = {
    f"tests/laws/test_{name}.py" for name in ("order_and_repeats", "objects", "identity", "parts")
}


def main() -> int:
    """Run everything and print what held."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--processes", type=int, default=0)
    given = parser.parse_args()

    def wanted(title: str) -> bool:
        return given.only in title

    rows: list[Row] = []
    console = Console(stderr=True)

    def note(row: Row) -> None:
        """Kept, and told at once: all of it takes hours."""
        rows.append(row)
        console.print(f"{row[0]}: {row[2]}", highlight=False, markup=False)

    with console.status("") as status:
        for title, kills, postgres in (
            ("SIGKILL under load, SQLite", given.kills, False),
            ("SIGKILL under load, Postgres", max(1, given.kills // 5), True),
        ):
            if not wanted(title):
                continue
            url = new_database() if postgres else None
            status.update(f"{title}: {kills} kills")
            note(crash(title, kills, url))
        for title, share, keys, postgres in (
            ("law 6: SIGKILL while sending, a provider without keys", 1, False, False),
            ("law 6: SIGKILL while sending, a provider with keys", 4, True, False),
            ("law 6: SIGKILL while sending, Postgres", 10, False, True),
        ):
            if not wanted(title):
                continue
            url = new_database() if postgres else None
            count = max(1000, given.messages // share)
            status.update(f"{title}: {count:,} messages")
            note(sending(title, count, max(3, given.kills // share // 5), keys, url))
        for title, share, postgres in (
            ("journeys: SIGKILL with people on their way, SQLite", 1, False),
            ("journeys: SIGKILL with people on their way, Postgres", 10, True),
        ):
            if not wanted(title):
                continue
            url = new_database() if postgres else None
            count = max(400, given.people // share)
            status.update(f"{title}: {count:,} people")
            note(travelling(title, count, max(3, given.kills // share // 5), url))
        for title, postgres in (
            ("journeys: SIGKILL while they decide, SQLite", False),
            ("journeys: SIGKILL while they decide, Postgres", True),
        ):
            if not wanted(title):
                continue
            url = new_database() if postgres else None
            status.update(f"{title}: {given.kills} kills")
            note(deciding(title, given.kills, url))
        for law, path in (
            ("law 6: lives of messages", "tests/laws/test_messages.py"),
            ("laws 2 and 3: order and repeats", "tests/laws/test_order_and_repeats.py"),
            ("law 3: objects and relationships, a naive model", "tests/laws/test_objects.py"),
            ("law 3: rules, cuts, a naive model, undone merges", "tests/laws/test_identity.py"),
            ("law 3: a part folded gives what the whole would", "tests/laws/test_parts.py"),
            ("replays, imports and their undoing give equal bytes", "tests/transfer"),
            ("conditions: one tree behind text and JSON", "tests/conditions/test_round_trips.py"),
            ("conditions: as Segment decides", "tests/conditions/test_conformance.py"),
            (
                "conditions: the fast and the plain decide alike",
                "tests/conditions/test_agreement.py",
            ),
            ("conditions: any text is read or refused", "tests/conditions/test_fuzz.py"),
            ("law 4: conditions live, at every instant", "tests/conditions/test_live.py"),
            ("law 4: audiences as they come and go", "tests/laws/test_audiences.py"),
            ("laws 2, 5, 6: journeys in the pipeline", "tests/laws/test_journeys.py"),
            ("law 5: journeys do what their steps plainly mean", "tests/journeys/test_laws.py"),
            ("law 4: SQL is right of everybody, DuckDB too", "tests/laws/test_sql.py"),
            ("values of traits for SQL are the profiles'", "tests/store/test_trait_values.py"),
            (
                "definitions: pulled, applied, pulled: the same bytes",
                "tests/folder/test_round_trip.py",
            ),
            ("law 7: what is taken away never was", "tests/privacy/test_rebuild.py"),
            ("law 3: traits, merged objects, limits", "tests/profiles/test_traits.py"),
            ("traits as they were", "tests/store/test_trait_history.py"),
            ("a profile's events by time", "tests/store/test_timeline.py"),
        ):
            if wanted(law):
                status.update(law)
                note(properties(law, path, given.examples, given.processes))
    table = Table(box=None)
    for column in ("proof", "size", "result", ""):
        table.add_column(column, overflow="fold")
    for title, size, result, holds in rows:
        table.add_row(title, size, result, "holds" if holds else "FAILS")
    Console(width=120).print(table)
    return 0 if all(row[-1] for row in rows) else 1


def crash(title: str, kills: int, url: str | None) -> Row:
    """Kill, restart, count."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        report = run(Path(folder) / "data", kills, seed=kills, database_url=url)
    result = (
        f"{report.acknowledged:,} acknowledged, {report.missing} missing, "
        f"{report.doubled} doubled, {report.undelivered} undelivered, "
        f"{report.repeated_deliveries} sent again with the same key"
    )
    return title, f"{kills} kills", result, report.holds


def sending(title: str, count: int, kills: int, keys: bool, url: str | None) -> Row:
    """Kill while messages are sent, restart, count what arrived."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        report = messages.run(Path(folder) / "data", count, kills, kills, keys, url)
    result = (
        f"{report.states}, {report.repeated} arrived twice, {report.lost} lost, "
        f"{report.after_opt_out} of {report.opted_out} after an opt-out"
    )
    return title, f"{count:,} messages, {kills} kills", result, report.holds


def travelling(title: str, people: int, kills: int, url: str | None) -> Row:
    """Kill while people are on journeys, restart, look where each of them came to."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        report = journeys.run(Path(folder) / "data", people, kills, kills, url)
    result = (
        f"{dict(report.ends)}, {report.lost} lost, {report.doubled} doubled, {report.stuck} stuck, "
        f"{report.astray} astray, {report.unsaid} unsaid, {report.said_twice} said twice"
    )
    return title, f"{people:,} people, {kills} kills", result, report.holds


def deciding(title: str, kills: int, url: str | None) -> Row:
    """Kill while journeys decide, again and again, and look what was decided."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        report = judge.run(Path(folder) / "data", kills, kills, url)
    result = f"{len(report.decided)} decisions, {len(report.told)} told, {report.states}"
    return title, f"{kills} kills", result, report.holds


def properties(law: str, path: str, examples: int, processes: int = 0) -> Row:
    """A property test with many more examples."""
    began = time.monotonic()
    if path in DRAWN and processes > 1:
        seeds: list[list[str]] = [
            [f"--hypothesis-seed={random.getrandbits(32)}"] for _ in range(processes)
        ]
        each = -(-examples // processes)
    else:
        seeds, each = [["-n", str(processes)] if processes else []], examples
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", path, "-o", "timeout=36000", *more],
            env={**os.environ, "CDP_PROOF_EXAMPLES": str(each)},
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for more in seeds
    ]  # fmt: skip
    said = [(process.communicate()[0].strip() or "nothing").splitlines() for process in running]
    holds = not any(process.returncode for process in running)
    if not holds:
        folder = ROOT / "build"
        folder.mkdir(exist_ok=True)
        text = "\n\n".join("\n".join(lines) for lines in said)
        (folder / f"proof-{Path(path).stem}.txt").write_text(text)
    result = "; ".join(lines[-1] for lines in said)
    size = f"{each * len(seeds):,} examples a test"
    return law, size, f"{result} ({time.monotonic() - began:.0f} s)", holds


if __name__ == "__main__":
    sys.exit(main())
