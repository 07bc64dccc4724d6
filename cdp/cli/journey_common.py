"""What the commands of journeys share: refusals in one line, files with their places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from cdp.cli.errors import CliError
from cdp.store import Store


def done(store: Store, act: Callable[[Connection], Any]) -> Any:
    """Do something with a journey; a refusal is one line."""
    from cdp.delivery.journeys.there import NoSuchJourney, Refused

    try:
        with store.write() as tx:
            return act(tx)
    except (Refused, NoSuchJourney) as error:
        raise CliError(str(error)) from None


def seen(store: Store, look: Callable[[Connection], Any]) -> Any:
    """Look something up about a journey; a refusal is one line."""
    from cdp.delivery.journeys.there import NoSuchJourney, Refused

    try:
        with store.read() as tx:
            return look(tx)
    except (Refused, NoSuchJourney) as error:
        raise CliError(str(error)) from None


def read_file(file: Path) -> tuple[dict[str, Any], Any]:
    """What a journey's file says without its kind and state, and the file, which knows places."""
    from cdp.folder.reading import Located, parse, plain

    faults: list[Located] = []
    read = parse(file, str(file), faults)
    if read is None:
        raise CliError(str(faults[0]))
    try:
        given: dict[str, Any] = plain(read.tree)
    except ValueError as error:
        raise CliError(f"{file}: {error}") from None
    if given.pop("kind", "journey") != "journey":
        raise CliError(f"{file}: its kind is not journey")
    given.pop("state", None)
    return given, read
