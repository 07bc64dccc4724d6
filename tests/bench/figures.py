"""The figures, each measured beside its bare limit in the same run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import urllib3

from tests.bench.bare_spine import spine
from tests.bench.client import request_bytes, send_all
from tests.bench.messages import Generator
from tests.bench.servers import WRITE_KEY, Serve, Sink, bare_server


@dataclass
class Figure:
    """One line of the table; ``limit`` is None where there is no bare limit."""

    name: str
    unit: str
    ours: float
    limit: float | None
    goal: str
    holds: bool

    def row(self) -> dict[str, object]:
        """As it stands in ``build/bench.json``."""
        ratio = round(self.ours / self.limit, 3) if self.limit else None
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": round(self.ours, 3),
            "limit": round(self.limit, 3) if self.limit is not None else None,
            "ratio": ratio,
            "goal": self.goal,
            "holds": self.holds,
        }


def batches(bodies: list[bytes], size: int = 100) -> list[bytes]:
    """Requests with ``size`` messages each."""
    return [
        request_bytes(
            "/v1/batch", b'{"batch":[' + b",".join(bodies[i : i + size]) + b"]}", WRITE_KEY
        )
        for i in range(0, len(bodies), size)
    ]


def accept(folder: Path, quick: bool) -> list[Figure]:
    """Single calls and batches, each durable before its 200, in alternating rounds."""
    count, rounds = (6_000, 2) if quick else (20_000, 4)
    bodies = Generator(seed=11).bodies(count)
    single = [request_bytes("/v1/track", body, WRITE_KEY) for body in bodies]
    batch = batches(bodies) * (3 if quick else 5)
    ours: dict[str, list[float]] = {"single": [], "batch": []}
    bare: dict[str, list[float]] = {"single": [], "batch": []}
    # The pipeline would take a core away from what is measured: it waits meanwhile.
    with bare_server(folder, 32) as bare_url:
        serve = Serve(folder / "accept", CDP_BATCH_MESSAGES="1")
        try:
            _pause_pipeline(serve, True)
            for _ in range(rounds):
                for url, into in ((bare_url, bare), (serve.url, ours)):
                    for kind, requests in (("single", single), ("batch", batch)):
                        result = send_all(url, requests, 32)
                        if result.failed:
                            raise RuntimeError(f"{result.failed} requests failed at {url}")
                        into[kind].append(result.rate * (100 if kind == "batch" else 1))
        finally:
            _pause_pipeline(serve, False)
            serve.process.kill()
            serve.process.wait()
    one, limit_one = statistics.median(ours["single"]), statistics.median(bare["single"])
    many, limit_many = statistics.median(ours["batch"]), statistics.median(bare["batch"])
    return [
        Figure("accept_single", "requests/s", one, limit_one, "ratio >= 0.9",
               one / limit_one >= 0.9),
        Figure("accept_batch", "events/s", many, limit_many, ">= 100000 and ratio >= 0.8",
               many >= 100_000 and many / limit_many >= 0.8),
    ]  # fmt: skip


def _pause_pipeline(serve: Serve, pause: bool) -> None:
    import os
    import signal

    for pid in map(int, serve.memory_mb()):
        threads = Path(f"/proc/{pid}/task")
        # The pipeline is the child with the heartbeat thread and no web server.
        names = {t.joinpath("comm").read_text().strip() for t in threads.iterdir()}
        if pid != serve.process.pid and not any("granian" in n or "tokio" in n for n in names):
            parent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]
            if int(parent) == serve.process.pid:
                os.kill(pid, signal.SIGSTOP if pause else signal.SIGCONT)


def end_to_end(folder: Path, quick: bool) -> list[Figure]:
    """Accepted → profile, with one destination; then freshness, storage and memory.

    The bare limit is what a pipeline that decides nothing writes in the same run.
    """
    count = 30_000 if quick else 200_000
    bodies = Generator(seed=12, people=20_000 if quick else 50_000).bodies(count)
    sink = Sink()
    serve = Serve(folder / "flow")
    try:
        serve.cli("destinations", "add", "webhook", "--setting", f"url={sink.url}/hook",
                  "--setting", "batch=true", "--setting", "batch_size=1000",
                  "--setting", "events=Order Completed")  # fmt: skip
        requests = batches(bodies)
        began = time.perf_counter()
        result = send_all(serve.url, requests, 4)
        if result.failed:
            raise RuntimeError(f"{result.failed} batches failed")
        stored = wait_for(serve, count + 1)
        rate = count / (time.perf_counter() - began)
        if stored != count + 1:
            raise RuntimeError(f"{count + 1} messages went in, {stored} are stored")
        memory = max(serve.memory_mb().values())
        fresh = freshness(serve, rate / 2, 3 if quick else 10)
    finally:
        serve.stop()
        sink.stop()
    bare = spine(folder, bodies)
    size = sum(f.stat().st_size for f in (folder / "flow").glob("headwater.db*"))
    per_event = size / count
    return [
        Figure("end_to_end", "events/s", rate, bare, ">= 10000", rate >= 10_000),
        Figure("freshness_p99_ms", "ms", fresh, None, "<= 250", fresh <= 250),
        Figure("storage_bytes_per_event", "bytes", per_event, None, "<= 250", per_event <= 250),
        Figure("memory_mb", "MB", memory, None, "<= 300", memory <= 300),
    ]


def wait_for(serve: Serve, count: int) -> int:
    """Wait until ``count`` messages are stored; returns how many there are."""
    import re
    import urllib.request

    deadline, seen = time.monotonic() + 300, -1
    while time.monotonic() < deadline:
        with urllib.request.urlopen(serve.url + "/metrics", timeout=30) as answer:
            text = answer.read().decode()
        found = re.findall(r'^cdp_messages_total\{type="(?!repeated)\w+"\} ([0-9.e+]+)', text, re.M)
        seen = int(sum(map(float, found)))
        if seen >= count:
            return seen
        time.sleep(0.05)
    return seen


def freshness(serve: Serve, rate: float, seconds: int) -> float:
    """p99 of the time from the 200 to the trait in the Profile API, at ``rate``."""
    load = Generator(seed=13).bodies(int(min(rate, 20_000) * seconds) // 100 * 100)
    requests = batches(load)
    thread = threading.Thread(target=send_all, args=(serve.url, requests, 4, rate / 100))
    thread.start()
    waits: list[float] = []
    number = 0
    while thread.is_alive() and len(waits) < 400:
        number += 1
        person = f"fresh-{number}"
        serve.post("/v1/identify", {"userId": person, "traits": {"n": number}})
        began = time.perf_counter()
        path = f"/v1/spaces/default/collections/users/profiles/user_id:{person}/traits"
        while not (serve.get(path) or {}).get("traits"):
            time.sleep(0.002)
        waits.append((time.perf_counter() - began) * 1000)
    thread.join()
    return statistics.quantiles(waits, n=100)[98] if len(waits) > 1 else float("nan")


def deliveries(folder: Path, quick: bool) -> list[Figure]:
    """Signed webhook calls a second, beside a bare urllib3 pool to the same sink."""
    count = 3_000 if quick else 15_000
    bodies = Generator(seed=14).bodies(count)
    sink = Sink()
    serve = Serve(folder / "deliver")
    try:
        send_all(serve.url, batches(bodies), 4)
        wait_for(serve, count + 1)
        serve.cli("destinations", "add", "webhook", "--setting", f"url={sink.url}/hook",
                  "--setting", "secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")  # fmt: skip
        before = sink.count()
        began = time.perf_counter()
        serve.cli("events", "replay", "--from", "30d", "--destination", "webhook")
        started = time.perf_counter()
        while sink.count() == before and time.perf_counter() - started < 30:
            time.sleep(0.005)
        started = time.perf_counter()
        while sink.count() - before < count and time.perf_counter() - began < 300:
            time.sleep(0.02)
        rate = (sink.count() - before) / (time.perf_counter() - started)
        if sink.count() - before < count:
            raise RuntimeError("not everything was delivered")
    finally:
        serve.stop()
    limit = _bare_pool(sink.url, bodies)
    sink.stop()
    goal = rate / limit >= 0.7
    return [Figure("deliveries", "calls/s", rate, limit, "ratio >= 0.7", goal)]


def _bare_pool(url: str, bodies: list[bytes]) -> float:
    pool = urllib3.HTTPConnectionPool(url.split("//")[1].split(":")[0], int(url.rsplit(":", 1)[1]),
                                      maxsize=8)  # fmt: skip
    headers = {"content-type": "application/json"}

    def call(body: bytes) -> None:
        pool.urlopen("POST", "/hook", body=body, headers=headers, retries=False)

    began = time.perf_counter()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(call, bodies))
    return len(bodies) / (time.perf_counter() - began)


def start(folder: Path, quick: bool) -> list[Figure]:
    """From exec to the first acknowledged event, and of ``cdp --help``."""
    times = []
    for number in range(2 if quick else 5):
        serve = Serve(folder / f"start-{number % 2}")
        times.append(serve.ready_s)
        serve.stop()
    helps = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "cdp", "--help"], check=True, capture_output=True)
        helps.append(time.perf_counter() - began)
    ready, help_ = statistics.median(times), statistics.median(helps)
    return [
        Figure("start_s", "s", ready, None, "<= 2", ready <= 2),
        Figure("help_s", "s", help_, None, "<= 0.3", help_ <= 0.3),
    ]
