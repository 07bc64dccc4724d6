"""Taking an import back: all that it brought is gone as if it had never been there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cdp.config import Settings
from cdp.pipeline import rebuild
from cdp.store import Store, config_rows
from cdp.store.profiles import imports
from cdp.store.profiles.imports import Import
from cdp.transfer.errors import TransferError
from cdp.transfer.importing import wait_for_log


def check(item: Import) -> None:
    """`TransferError` if there is nothing to take back, or somebody is at it."""
    if item.dry_run:
        raise TransferError(f"import {item.id} was a dry run: it brought nothing")
    if item.state == "undone":
        raise TransferError(f"import {item.id} was undone already")


def undo(
    store: Store,
    settings: Settings,
    item: Import,
    author: str,
    step: Callable[[], Any] = lambda: None,
    told: Callable[[float], None] = lambda _share: None,
) -> None:
    """Take an import back, or go on with that; the caller holds it, so nobody reads it in.

    What it still has in the log is folded first, then its messages go and the people
    whom they touched are folded anew without them. ``told`` hears how much is done.
    """
    check(item)
    with store.write() as tx:
        imports.change(tx, item.id, _now(), state="undoing", undone_by=author)
    wait_for_log(store, settings, None, step)
    assert item.source_id is not None
    with store.write() as tx:
        number = rebuild.remove_source(tx, item.source_id, _now())
    for reached in rebuild.finish(store, number, _now()):
        told(reached.share)
    now = _now()
    with store.write() as tx:
        for source in config_rows.all_sources(tx):
            if source.id == item.source_id:
                config_rows.delete_source(tx, now, source, author)
        imports.drop_refusals(tx, item.id)
        imports.change(tx, item.id, now, state="undone", finished_at=now)
        config_rows.record_change(tx, now, author, "import", str(item.id), "undone")


def _now() -> int:
    return int(time.time() * 1000)
