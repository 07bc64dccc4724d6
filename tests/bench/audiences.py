"""End to end with audiences: what twenty and two hundred of them cost."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.bare_spine import spine
from tests.bench.client import send_all
from tests.bench.figures import Figure, batches, freshness, wait_for
from tests.bench.messages import Generator
from tests.bench.servers import Serve

#: Questions as shops ask them. ``{n}`` and ``{d}`` are different in each audience.
QUESTIONS = (
    'count("Order Completed" within {d}d) >= {n}',
    'sum(properties.total of "Order Completed" within {d}d) > {n}00',
    'performed("Product Added" within {d}d) and not performed("Order Completed" within {d}d)',
    'count("Product Viewed" within {d}d) >= {n} and traits.plan = "pro"',
    'not performed("Order Completed") within {d}h after "Cart Viewed"',
    'sequence("Product Viewed" then "Product Added" within {d}h)',
    'performed("Signed Up" since {d}d ago) and count("Search") > {n}',
    'count("Product Added" where properties.price > {n}0 within {d}d) > 1',
    'last("Order Completed") > {d}d ago and first("Order Completed") < {n}d ago',
    'max(properties.total of "Order Completed" within {d}d) > {n}50',
)


def questions(count: int) -> list[str]:
    """So many conditions, all different."""
    made = []
    for number in range(count):
        text = QUESTIONS[number % len(QUESTIONS)]
        turn = number // len(QUESTIONS)
        made.append(text.format(n=1 + turn % 9, d=(7, 30, 90, 14, 60)[turn % 5] + turn // 5))
    return made


def end_to_end(folder: Path, quick: bool) -> list[Figure]:
    """Accepted → profile → audiences, with 20 and with 200 of them."""
    count = 20_000 if quick else 200_000
    taken: dict[int, list[float]] = {20: [], 200: []}
    fresh = 0.0
    bodies = Generator(seed=12, people=20_000 if quick else 50_000).bodies(count)
    # Those with 20 before and after: a machine that becomes slower meanwhile is no ratio.
    for number in (20, 200, 20):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            serve = Serve(Path(own) / "data")
            try:
                define(serve, number)
                began = time.perf_counter()
                result = send_all(serve.url, batches(bodies), 4)
                if result.failed:
                    raise RuntimeError(f"{result.failed} batches failed")
                stored = wait_for(serve, count + 1)
                taken[number].append(time.perf_counter() - began)
                if stored != count + 1:
                    raise RuntimeError(f"{count + 1} messages went in, {stored} are stored")
                if number == 20 and not fresh:
                    fresh = freshness(serve, count / taken[20][0] / 2, 3 if quick else 10)
            finally:
                serve.stop()
    bare = spine(folder, bodies)
    found = {number: count / statistics.mean(some) for number, some in taken.items()}
    ratio = found[200] / found[20]
    return [
        Figure("end_to_end_20_audiences", "events/s", found[20], bare, ">= 10000",
               found[20] >= 10_000),
        Figure("end_to_end_200_audiences", "events/s", found[200], found[20], "ratio >= 0.6",
               ratio >= 0.6),
        Figure("freshness_20_audiences_p99_ms", "ms", fresh, None, "<= 250", fresh <= 250),
    ]  # fmt: skip


def define(serve: Serve, count: int) -> None:
    """Define audiences and wait until they are computed."""
    folder = serve.data.with_name("definitions")
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(questions(count)):
        # JSON is YAML, too.
        body = {"kind": "audience", "key": f"a{number}", "who": text}
        (folder / f"a{number}.yaml").write_text(json.dumps(body))
    serve.cli("apply", str(folder), "--yes")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        states = [serve.get(f"/api/audiences/a{number}/state") for number in (0, count - 1)]
        if all(state is not None and state["state"] == "live" for state in states):
            return
        time.sleep(0.1)
    raise RuntimeError("the audiences were never computed")
