"""Definitions as they are played without a store: journeys that somebody is walked through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cdp.conditions import ConditionError, Context, parse
from cdp.conditions.expand import expand
from cdp.conditions.lists import NO_LISTS, Lists
from cdp.definitions.kind import Body, Id
from cdp.definitions.space import Space
from cdp.journeys import JourneyError, Program, Read
from cdp.journeys.course import Course
from cdp.journeys.run import Run, Send
from cdp.journeys.setting import Answering, Setting, all_well
from cdp.messaging.templates import Compiled, Rendered, Urls, compile_template
from cdp.messaging.templates.names import language_of

JOURNEY, AUDIENCE = "journey", "audience"
#: Stand-ins for addresses that only a delivery has.
_URLS = Urls("#unsubscribe", "#preferences", "#view-in-browser")
_GIVE_WORDS = (AUDIENCE, "computed_trait", "virtual_event", "topic")


class Scene:
    """All definitions of a moment, ready to be played. ``bodies`` by kind and key.

    `JourneyError` if a journey can't be read. An audience whose condition can't be read has
    nobody in it, and is in ``broken`` with why.
    """

    def __init__(self, bodies: Mapping[Id, Body], lists: Lists = NO_LISTS) -> None:
        self.bodies, self._lists = bodies, lists
        self._space = Space({id_: body for id_, body in bodies.items() if id_[0] in _GIVE_WORDS})
        self._made = self._space.made_of()
        self.broken: dict[str, str] = {}
        self.audiences = self._audiences()
        self._templates: dict[str, Compiled] = {}

    def _audiences(self) -> dict[str, Any]:
        found = {}
        for (kind, key), body in self.bodies.items():
            people = kind == AUDIENCE and body.get("of", "people") == "people"
            if not people or not body.get("who") or body.get("archived"):
                continue
            try:
                found[key] = expand(parse(body["who"], Context.PERSON).root, self._made)
            except ConditionError as error:
                self.broken[key] = error.text
        return found

    def keys(self, kind: str) -> list[str]:
        """The keys of a kind."""
        return sorted(key for other, key in self.bodies if other == kind)

    def program(self, key: str, body: Mapping[str, Any] | None = None, version: int = 1) -> Program:
        """A journey, read: the one of a key, or another body under that key; `JourneyError`."""
        given = body if body is not None else self.bodies[JOURNEY, key]
        read = Read(key, given, version, lambda root: expand(root, self._made))
        if read.program is None:
            raise JourneyError(read.wrong)
        return read.program

    def setting(
        self, programs: Iterable[Program] | None = None, answering: Answering = all_well
    ) -> Setting:
        """Where people can be walked through journeys: through all of them, if none are given."""
        some = [self.program(key) for key in self.keys(JOURNEY)] if programs is None else programs
        return Setting(some, self.audiences, self._lists, knows=self.knows, answering=answering)

    def knows(self, kind: str, key: str) -> bool:
        """Whether there is what a step names."""
        if kind == "list":
            return bool(self.bodies.get((AUDIENCE, key), {}).get("static"))
        return (kind, key) in self.bodies

    def render(
        self, send: Send, run: Run, traits: Mapping[str, Any], now: int, template: str = ""
    ) -> Rendered:
        """A message as it would be sent; ``template`` is another one than the first.

        `RenderError` where something is missing, `TemplateError` if the template is broken,
        `KeyError` if there is none.
        """
        key = template or send.templates[0]
        if key not in self._templates:
            self._templates[key] = compile_template(
                key, self.bodies["template", key], self._of("layout"), self._of("snippet")
            )
        compiled = self._templates[key]
        event = run.data.get("event") or {}
        properties = event.get("properties") or {}
        scope: dict[str, Any] = {
            "customer": dict(traits),
            "trigger": {**properties, **send.data},
            "event": properties,
            "event_name": event.get("event"),
            "event_id": event.get("messageId"),
            "event_timestamp": event.get("timestamp"),
            "campaign": {"id": run.journey, "name": self.name(run.journey), "type": "journey"},
            "message": {"id": key, "name": key, "type": compiled.channel},
            "journey": {"id": run.id, "key": run.journey, **run.vars},
        }
        return compiled.render(scope, language_of(traits), _URLS, now=now // 1000)

    def name(self, journey: str) -> str:
        """What a journey is called."""
        return str(self.bodies.get((JOURNEY, journey), {}).get("name") or journey)

    def _of(self, kind: str) -> dict[str, Body]:
        return {key: body for (other, key), body in self.bodies.items() if other == kind}


def where(course: Course, journey: str | None = None) -> list[Run]:
    """The runs of a person, or those in one journey, the oldest first."""
    return [run for run in course.runs.values() if journey in (None, run.journey)]
