"""``make bench``: print the figures and write ``build/bench.json``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import (
    audiences,
    backtest,
    figures,
    identity,
    journeys,
    large_profile,
    message_path,
    recompute,
    render,
    smtp,
    standing,
)

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Measure everything, or what the arguments name."""
    quick = "--quick" in sys.argv
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    parts = {
        "start": figures.start,
        "accept": figures.accept,
        "end_to_end": figures.end_to_end,
        "audiences": audiences.end_to_end,
        "deliveries": figures.deliveries,
        "deliveries_smtp": smtp.smtp,
        "messages": message_path.messages,
        "identity": identity.identity_heavy,
        "growth": identity.growth,
        "large_profile": large_profile.large_profile,
        "recompute": recompute.recompute,
        "render": render.render,
        "journeys": journeys.measure,
        "backtest": backtest.measure,
        "standing": standing.standing,
    }
    console = Console(stderr=True)
    found: list[figures.Figure] = []
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    for name, measure in parts.items():
        if names and name not in names:
            continue
        with console.status(f"measuring {name}"), tempfile.TemporaryDirectory(dir=build) as folder:
            found += measure(Path(folder), quick)
    table = Table(box=None)
    for column in ("figure", "ours", "bare limit", "ratio", "goal", ""):
        table.add_column(column, justify="left" if column in ("figure", "goal") else "right")
    for item in found:
        row = item.row()
        limit, ratio = row["limit"], row["ratio"]
        table.add_row(
            item.name,
            f"{item.ours:,.2f} {item.unit}",
            f"{limit:,.2f}" if limit is not None else "",
            f"{ratio:.2f}" if ratio is not None else "",
            item.goal,
            "holds" if item.holds else "misses",
        )
    Console(width=110).print(table)
    (build / "bench.json").write_text(json.dumps([item.row() for item in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
