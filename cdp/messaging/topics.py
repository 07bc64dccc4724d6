"""What people can choose among: topics and channels, and how somebody stands to each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cdp.messaging.choices import channel_scope, topic_scope
from cdp.messaging.standing import Standing
from cdp.messaging.templates.names import best


class Topic(NamedTuple):
    """A topic as it is defined. ``default``: what holds for those who have said nothing."""

    key: str
    name: str
    description: str = ""
    channels: tuple[str, ...] = ()
    default: bool = True
    archived: bool = False
    hidden: bool = False
    confirmation: str | None = None


class Choice(NamedTuple):
    """A scope, whether the person wants it now, and whether they said so themselves."""

    scope: str
    name: str
    description: str
    wanted: bool
    said: bool


def read_topic(key: str, body: Mapping[str, Any], locale: str = "") -> Topic:
    """A topic from the body of its definition, as a locale (pt-BR, else pt) calls it."""
    locales = {name.lower(): said for name, said in (body.get("locales") or {}).items()}
    body = {**body, **(best(locales, locale) or {})}
    return Topic(
        key,
        body.get("name") or key.replace("_", " ").capitalize(),
        body.get("description", ""),
        tuple(body.get("channels") or ()),
        body.get("default", "subscribed") == "subscribed",
        bool(body.get("archived")),
        bool(body.get("hidden")),
        body.get("double_opt_in"),
    )


def choices(
    standing: Standing, topics: Iterable[Topic], channels: Iterable[str]
) -> tuple[list[Choice], list[Choice]]:
    """How a person stands to topics and channels, whatever they said of everything."""
    of_topics = [
        _choice(standing, topic_scope(item.key), item.name, item.description, item.default)
        for item in topics
    ]
    of_channels = [_choice(standing, channel_scope(name), name, "", True) for name in channels]
    return of_topics, of_channels


def _choice(standing: Standing, scope: str, name: str, about: str, default: bool) -> Choice:
    said = standing.says(scope)
    return Choice(scope, name, about, default if said is None else said, said is not None)
