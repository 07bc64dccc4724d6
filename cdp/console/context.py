"""What every view needs: the store, the settings, and the server's other parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from flask import Response, current_app
from sqlalchemy import Connection

from cdp.config import Settings
from cdp.log import Record
from cdp.store import Store
from cdp.store.catalogue.fields import Decided
from cdp.store.stopping import Turns

EXTENSION = "headwater.console"


class Demo(Protocol):
    """Sample data: a shop's life that can be put in and taken out whole."""

    def start_demo(self) -> None:
        """Begin to fill the store, in the background."""

    def remove_demo(self) -> None:
        """Take everything out again, in the background."""

    def demo_state(self) -> Mapping[str, Any]:
        """``state`` (absent loading present removing failed), ``done`` 0 to 1, ``error``."""


@dataclass
class Services:
    """What the console borrows from the server that composes it.

    ``append`` puts a record into the log and returns when it is on disk.
    ``plugins`` is the plugin manager, ``demo`` the sample data, ``preferences`` makes the page
    on which people choose, in a language; each may be missing, and its pages then say so.
    """

    append: Callable[[Record], None] | None = None
    plugins: Any = None
    demo: Demo | None = None
    preferences: Callable[[Connection, str], Response] | None = None
    #: The languages of that page: names by code.
    page_languages: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Console:
    """The console of one app."""

    store: Store
    settings: Settings
    services: Services
    now: Callable[[], int] = field(default=lambda: int(time.time() * 1000))
    decided: Decided = field(default_factory=Decided)
    turns: Turns = field(default_factory=Turns)

    def demo_state(self) -> dict[str, Any] | None:
        """The state of the sample data; None where there is no such thing."""
        demo = self.services.demo
        return dict(demo.demo_state()) if demo is not None else None


def console() -> Console:
    """The console of the app that handles the request."""
    found: Console = current_app.extensions[EXTENSION]
    return found
