"""The bare limit of accepting: Flask on granian, a group commit, nothing else."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from _thread import allocate_lock
from queue import Empty, SimpleQueue
from typing import Any

from flask import Flask, Response, request


def create() -> Flask:
    """The app: the body goes into one SQLite file, the answer comes after the fsync."""
    app = Flask("bare")
    queue: SimpleQueue[Any] = SimpleQueue()
    db = sqlite3.connect(os.environ["BARE_DB"], isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE IF NOT EXISTS log (pos INTEGER PRIMARY KEY, at INTEGER, body BLOB)")

    def writer() -> None:
        while True:
            group = [queue.get()]
            try:
                while len(group) < 1024:
                    group.append(queue.get_nowait())
            except Empty:
                pass
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO log (at, body) VALUES (?, ?)", [g[0] for g in group])
            db.execute("COMMIT")
            for item in group:
                item[1].release()

    threading.Thread(target=writer, daemon=True).start()

    @app.post("/<path:_path>")
    def accept(_path: str) -> Response:
        lock = allocate_lock()
        lock.acquire()
        queue.put(((int(time.time() * 1000), request.get_data()), lock))
        lock.acquire()
        return Response(b'{"success": true}', mimetype="application/json")

    @app.get("/readyz")
    def ready() -> str:
        return "ready"

    return app


def main() -> None:
    """``python -m tests.bench.bare PORT THREADS``"""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    Granian(
        "tests.bench.bare:create",
        factory=True,
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=int(sys.argv[2]),
        backpressure=256,
        log_level=LogLevels.error,
    ).serve()


if __name__ == "__main__":
    main()
