"""Loading the sample data, watching it, and removing it whole."""

from __future__ import annotations

import json
import threading
import time
from itertools import islice
from typing import Any

import msgspec
import structlog

from cdp.config import Settings
from cdp.demo.shop import DAY_MS, Shop
from cdp.log import Record, open_log
from cdp.pipeline import rebuild
from cdp.store import Store, config_rows, meta
from cdp.store.events import progress

logger = structlog.get_logger(__name__)

SOURCE = "demo"
_KEY = "demo"
_CHUNK = 500


class Demo:
    """The sample data of one space; its state is kept in the store.

    ``demo_state`` gives ``{"state": absent|loading|present|removing|failed, "done": 0–1,
    "error"}``. ``start_demo`` and ``remove_demo`` return at once and go on in a thread; with
    ``wait`` they return when it is done.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    def demo_state(self) -> dict[str, Any]:
        """How far it is."""
        with self._store.read() as tx:
            kept = json.loads(meta.get(tx, _KEY) or "{}")
            at = progress.positions(tx).get(kept.get("part", ""), 0)
        state, done = kept.get("state", "absent"), float(kept.get("done", 0.0))
        if state == "loading" and "end" in kept:
            done = min(1.0, at / max(1, kept["end"]))
            if at >= kept["end"]:
                state = "present"
        if state == "present":
            done = 1.0
        return {"state": state, "done": round(done, 3), "error": kept.get("error")}

    def start_demo(self, wait: bool = False, author: str = "demo") -> None:
        """Write the shop's messages into the log; nothing happens if it is there."""
        if self.demo_state()["state"] in ("loading", "present", "removing"):
            return
        self._run(lambda: self._load(author), wait)

    def remove_demo(self, wait: bool = False, author: str = "demo") -> None:
        """Remove the demo's people, events, refusals and source."""
        if self.demo_state()["state"] in ("absent", "removing"):
            return
        self._put(state="removing", done=0.0)
        self._run(lambda: self._remove(author), wait)

    def _run(self, work: Any, wait: bool) -> None:
        def guarded() -> None:
            try:
                work()
            except Exception as error:
                logger.exception("demo_failed")
                self._put(state="failed", error=str(error)[:300])

        if wait:
            guarded()
        else:
            threading.Thread(target=guarded, name="demo", daemon=True).start()

    def _put(self, **values: Any) -> None:
        with self._store.write() as tx:
            meta.put(tx, _KEY, json.dumps(values))

    def _load(self, author: str) -> None:
        now = int(time.time() * 1000)
        self._put(state="loading", done=0.0)
        with self._store.write() as tx:
            run = meta.take_numbers(tx, "demo", 1)
            sources = {item.key: item for item in config_rows.all_sources(tx)}
            source = sources.get(SOURCE) or config_rows.add_source(
                tx, now, SOURCE, "Sample data", f"demo-{run}-{now:x}", author
            )
        # A part of the log of its own: its blocks hold nothing else, and go whole.
        log = open_log(self._settings, "demo")
        try:
            sent = 0
            shop = Shop(now // DAY_MS * DAY_MS, run)
            messages = shop.messages()
            while chunk := list(islice(messages, _CHUNK)):
                body = msgspec.json.encode({"batch": chunk})
                log.append(Record(now, source.id, "batch", body, live=False))
                sent += 1
            self._put(state="loading", part=log.part, end=sent, run=run)
        finally:
            log.close()

    def _remove(self, author: str) -> None:
        with self._store.read() as tx:
            sources = {item.key: item for item in config_rows.all_sources(tx)}
        source = sources.get(SOURCE)
        if source is not None:
            now = int(time.time() * 1000)
            with self._store.write() as tx:
                number = rebuild.remove_source(tx, source.id, now)
            for reached in rebuild.finish(self._store, number, now):
                self._put(state="removing", done=round(reached.share, 3))
            with self._store.write() as tx:
                config_rows.delete_source(tx, now, source, author)
        self._put(state="absent")
