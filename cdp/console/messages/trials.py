"""A template as it is typed: what it says to a real person, what looks wrong, a test send."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from flask import request
from sqlalchemy import Connection

from cdp.console import auth, persons
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.defined import key_of
from cdp.console.messages import samples
from cdp.console.messages.samples import Sample
from cdp.console.messages.template_form import language_name
from cdp.definitions import KINDS, DefinitionError, title_of
from cdp.delivery.messages.letters import base_url
from cdp.delivery.messages.trial import Known, customer_at
from cdp.messaging.images import named_in
from cdp.messaging.names import delivery_name
from cdp.messaging.request import TRANSACTIONAL, Flag, Request
from cdp.messaging.templates import building
from cdp.messaging.templates.names import best, language_of
from cdp.store import definitions
from cdp.store.catalogue import picks as catalogue_picks
from cdp.store.messages import addressees, deliveries, images, link_keys
from cdp.store.profiles import faces
from cdp.store.profiles.faces import Face
from cdp.store.tables import USERS

ORIGIN = "test"
#: Through so many of the newest people one can leaf.
_PEOPLE = 50
_TRAITS = 30
#: Of so many people it is known what they lack, at each look.
_LOOKED_AT = 1000
#: How the person who tests is called by what the channel needs.
TO = {"email": "Email address", "sms": "Phone number", "push": "Device token", "in_app": "User id"}
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_TEXTS = ("subject", "preheader", "from_", "title", "body", "url", "method", "link", "image")
#: Beside what the page allows: a message loads pictures and styles alone.
_META = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "img-src https: http: data:; style-src 'unsafe-inline'\">"
)


class Seen(NamedTuple):
    """The message as somebody would get it; or why there is none."""

    fields: dict[str, str]
    html: str
    text: str
    error: str


class Trial(NamedTuple):
    """All that is shown beside a template that is being written."""

    face: Face | None
    person: str
    nobody: str
    seen: Seen
    findings: list[dict[str, Any]]
    variables: list[dict[str, Any]]
    #: Whether it could be read.
    known: bool
    narrow: bool
    dark: bool
    sample: Sample = Sample()
    #: In which language it is shown; empty: the usual one.
    lang: str = ""
    #: In which the person gets it, if that is another; empty: in this one.
    own: str = ""


class Tested(NamedTuple):
    """A test that is on its way, or why it is not."""

    name: str
    error: str


def trial(key: str, values: Mapping[str, Any]) -> Trial:
    """Look at what the form says; who may not see personal values sees nobody."""
    with console().store.read() as tx:
        unfinished = list(building.faults(values.get("blocks") or []))
        known, wrong = _known(tx, key, _finished(values))
        made = look(tx, known, wrong)
        found = [
            {"level": "error", "code": "unfinished", "field": "blocks", "line": None,
             "text": f"{text[0].upper()}{text[1:]}"}
            for text in unfinished
        ]  # fmt: skip
        gone = _images_gone(tx, values)
    return made._replace(findings=[*found, *gone, *made.findings])


def look(tx: Connection, known: Known | None, wrong: str) -> Trial:
    """Show a template as somebody gets it, in the widths and the language that are asked for."""
    now, lang = console().now(), request.values.get("lang", "")[:40]
    dark, narrow = (
        request.values.get(name) == on for name, on in (("dark", "1"), ("width", "phone"))
    )
    sees = auth.current().sees_personal
    face, person, nobody = _person(tx) if sees else (None, "", "")
    sample = samples.sample(tx, face) if sees else Sample()
    seen, own = Seen({}, "", "", wrong or sample.wrong), ""
    if known is not None and face is not None and not sample.wrong:
        scope = {"customer": customer_at(tx, face.profile), **sample.scope}
        seen = _seen(known.preview(scope, lang, now), dark)
        said = {name.lower(): name for name in known.body.get("locales") or {}}
        theirs = best(said, language_of(scope["customer"])) or ""
        if theirs != lang:
            own = language_name(theirs) if theirs else "the usual language"
    findings = known.findings() if known is not None else []
    variables = known.variables(tx, None, _LOOKED_AT) if known is not None else []
    return Trial(face, person, nobody, seen, findings, variables, known is not None, narrow, dark,
                 sample, lang, own)  # fmt: skip


def _finished(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with those blocks alone that can be shown."""
    made = dict(values)
    if "blocks" in made:
        made["blocks"] = building.finished(made["blocks"])
    if made.get("locales"):
        made["locales"] = {
            name: {**said, "blocks": building.finished(said["blocks"])}
            if "blocks" in said
            else said
            for name, said in made["locales"].items()
        }
    return made


def _images_gone(tx: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    named = named_in(msgspec.json.encode(values).decode())
    gone = named - images.known(tx, named) if named else set()
    text = "an image of yours that it shows is not there any more"
    return [
        {"level": "error", "code": "image_gone", "field": "body", "line": None, "text": text}
        for _ in sorted(gone)[:1]
    ]


def _known(tx: Connection, key: str, values: Mapping[str, Any]) -> tuple[Known | None, str]:
    given = {name: value for name, value in values.items() if value and name != "key"}
    if not set(given) - {"channel", "name", "missing", "theme"}:
        return None, ""
    try:
        body = KINDS["template"].read(key, given).body
    except DefinitionError as error:
        return None, " ".join(
            as_sentence(f"{fault.field}: {fault.located}") for fault in error.faults
        )
    return Known(tx, key, body), ""


def _person(tx: Connection) -> tuple[Face | None, str, str]:
    """As whom it is shown, how the form names them, and whom it could not find."""
    asked = request.values.get("person", "").strip()[:200]
    newest = faces.newest_profiles(tx, USERS, _PEOPLE)
    found = persons.profiles_called(tx, asked, 1) if asked else newest[:1]
    nobody = asked if asked and not found else ""
    at = found[0] if found else (newest[0] if newest else None)
    step = {"next": 1, "previous": -1}.get(request.values.get("go", ""))
    if step and newest:
        place = newest.index(at) + step if at in newest else 0
        at, nobody = newest[place % len(newest)], ""
    if at is None:
        return None, asked, nobody
    face = faces.faces_of_profiles(tx, [at])[0]
    # The newest stays the newest until somebody else is chosen.
    return face, asked if nobody or not (asked or step) else persons.face_id(face), nobody


def _seen(told: Mapping[str, Any], dark: bool) -> Seen:
    if told["error"]:
        error = told["error"]
        return Seen({}, "", "", as_sentence(f"{error['where']}: {error['text']}"))
    made = told["fields"]
    texts = {name.rstrip("_"): str(made[name]) for name in _TEXTS if made.get(name)}
    if made.get("buttons"):
        texts["buttons"] = "; ".join(map(_button, made["buttons"]))
    # Images of our own are shown also where our public address does not lead here.
    html = str(made.get("html") or "").replace(f"{base_url(console().settings)}/files/", "/files/")
    return Seen(texts, _framed(html, dark) if html else "", str(made.get("text") or ""), "")


def _button(button: Mapping[str, str]) -> str:
    does = button.get("link") or button.get("action")
    return f"{button.get('text', '')} ({does})" if does else button.get("text", "")


def _framed(html: str, dark: bool) -> str:
    """HTML as mailboxes of light or dark looks show it, whatever this browser prefers."""

    def holds(found: re.Match[str]) -> str:
        return "(min-width: 0)" if (found[1].lower() == "dark") == dark else "(max-width: 0)"

    scheme = "dark" if dark else "light"
    return f"{_META}<style>:root{{color-scheme:{scheme}}}</style>{_DARK.sub(holds, html)}"


def picks(tx: Connection) -> list[tuple[str, str]]:
    """What can be put into a text: (Liquid, what it is), traits of the most people first."""
    found = [("{{ customer.email }}", "email"), ("{{ customer.id }}", "id")]
    seen = {"email", "id"}
    for field in catalogue_picks.fields(tx, ("identify",), limit=_TRAITS):
        if field.path not in seen and re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", field.path):
            seen.add(field.path)
            found.append((f"{{{{ customer.{field.path} }}}}", field.path))
    for one in definitions.all_current(tx, "computed_trait"):
        if one.key not in seen:
            found.append((f"{{{{ customer.{one.key} }}}}", title_of(one.key, one.body or {})))
    return [*found, ("{% unsubscribe_url %}", "unsubscribe link"),
            ("{% manage_subscription_preferences_url %}", "preferences link")]  # fmt: skip


def send(key: str, values: Mapping[str, Any]) -> Tested:
    """Send what the form says to whoever tests it, as the person who is shown."""
    channel, now = values["channel"], console().now()
    to = request.form.get("test_to", "").strip()[:320]
    if channel in TO and not to:
        return Tested("", f"Say where it goes: {TO[channel].lower()}.")
    if channel == "email" and ("@" not in to or any(c in to for c in " ,;\t\n")):
        return Tested("", "It goes to one email address.")
    with console().store.write() as tx:
        face, _, nobody = _person(tx)
        known, wrong = _known(tx, key, values)
        if known is None or nobody:
            return Tested(
                "",
                wrong
                or ("" if nobody else "It says nothing yet.")
                or f"Nobody is called {nobody}.",
            )
        sample = samples.sample(tx, face)
        if sample.wrong:
            return Tested("", sample.wrong)
        stored = definitions.current(tx, "template", key)
        # What the form says no more is said no more.
        gone = dict.fromkeys((stored.body if stored else None) or ())
        said = {**gone, **known.body}
        content = {n: v for n, v in said.items() if n not in ("channel", "name", "topic")}
        made = Request(
            key=f"test:{secrets.token_hex(16)}",
            channel=channel,
            node=addressees.node_of(tx, face.profile) if face is not None else None,
            origin=ORIGIN,
            origin_key=key_of(auth.current().name),
            template=key if stored is not None and stored.body is not None else None,
            recipient=to or None,
            flags=Flag.TEST | Flag.UNLIMITED | Flag.TO_UNSUBSCRIBED | Flag.UNTRACKED,
            priority=TRANSACTIONAL,
            due_at=now,
            data={"content": content, **_given(sample)},
        )
        keys = link_keys.ensure(tx)
        added = deliveries.add(tx, [made], now)[0]
    return Tested(delivery_name(keys, added.id), "")


def _given(sample: Sample) -> dict[str, Any]:
    """What a test is sent with beside its content."""
    lang, said = request.values.get("lang", "")[:40], sample.scope
    event = {"event": sample.name or "Sample", "properties": said["event"]}
    return {
        **({"event": event} if said["event"] or sample.name else {}),
        **({"trigger": said["trigger"]} if said["trigger"] else {}),
        **({"language": lang} if lang else {}),
    }
