"""What the condition builder asks: a text as a tree, a tree as its text."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from flask import Response, abort, jsonify, request

from cdp.conditions import (
    ConditionError,
    Context,
    check,
    explain,
    format_text,
    from_json,
    to_json,
)
from cdp.conditions.check import Place
from cdp.conditions.lexer import number
from cdp.conditions.limits import MAX_DIGITS
from cdp.conditions.parser import parse_text
from cdp.conditions.spelling import number_text
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.events import MalformedJSON, decode_json
from cdp.store.catalogue.names import names_for

#: Where a condition can be built: what it may ask follows from it.
CONTEXTS = {"message": Context.MESSAGE, "person": Context.PERSON, "branch": Context.BRANCH}


class Asked(NamedTuple):
    """A question: the text or tree, and where the condition is to stand.

    ``is_value``: any value will do, not only a yes or no. ``event`` names the event that a
    message is known to be.
    """

    body: dict[str, Any]
    context: Context
    is_value: bool
    event: str | None

    @classmethod
    def from_request(cls) -> Asked:
        """Read it from the JSON that was sent."""
        try:
            body = decode_json(request.get_data())
        except MalformedJSON as error:
            abort(400, f"This is not JSON: {error}")
        if not isinstance(body, dict) or body.get("context") not in CONTEXTS:
            abort(400, f"The context must be one of {', '.join(CONTEXTS)}.")
        event = body.get("event")
        return cls(
            body,
            CONTEXTS[body["context"]],
            body.get("value") is True,
            event if isinstance(event, str) else None,
        )


def read() -> Response:
    """A text → its tree, prose and warnings, or what is wrong and where."""
    asked = Asked.from_request()
    text = asked.body.get("text")
    if not isinstance(text, str):
        abort(400, "There is no text to read.")
    if not text.strip():
        return jsonify(_nothing())
    try:
        parsed = parse_text(text)
        return jsonify(_said(asked, parsed.root, parsed.place))
    except ConditionError as error:
        wrong = {"wrong": as_sentence(error.text), "line": error.line, "column": error.column}
        return jsonify({"ok": False, **wrong})


def write() -> Response:
    """A tree → its text, prose and warnings, or what is wrong."""
    asked = Asked.from_request()
    form = asked.body.get("form")
    if form is None:
        return jsonify(_nothing())
    try:
        return jsonify(_said(asked, from_form(form)))
    except RecursionError:
        return jsonify({"ok": False, "wrong": "The condition is nested too deeply."})
    except ConditionError as error:
        return jsonify({"ok": False, "wrong": as_sentence(error.text)})


def to_form(root: Any) -> Any:
    """A tree for the browser: its JSON form, with numbers as texts, which keep every digit."""
    return _without_numbers(to_json(root))


def from_form(form: Any) -> Any:
    """The tree of what `to_form` made; `ConditionError` for anything else."""
    return from_json(_with_numbers(form))


def _said(asked: Asked, root: Any, place: Place = lambda node: (1, 1)) -> dict[str, Any]:
    """All that stands beside a condition; warnings know what has been seen."""
    judge = partial(check, root, asked.context, place, event=asked.event, is_value=asked.is_value)
    judge()
    with console().store.read() as tx:
        warnings = judge(names_for(tx, root))
    return {
        "ok": True,
        "form": to_form(root),
        "text": format_text(root),
        "prose": as_sentence(explain(root)),
        "warnings": [as_sentence(warning.text) for warning in warnings],
    }


def _nothing() -> dict[str, Any]:
    return {"ok": True, "form": None, "text": "", "prose": "", "warnings": []}


def _without_numbers(form: Any) -> Any:
    if isinstance(form, list | tuple):
        return [_without_numbers(item) for item in form]
    if not isinstance(form, dict):
        return form
    value = form.get("value")
    if form.get("is") == "value" and type(value) in (int, float):
        return {"is": "number", "text": number_text(value)}  # type: ignore[arg-type]
    return {key: _without_numbers(item) for key, item in form.items()}


def _with_numbers(form: Any) -> Any:
    if isinstance(form, list):
        return [_with_numbers(item) for item in form]
    if not isinstance(form, dict):
        return form
    if form.get("is") == "number":
        return {"is": "value", "value": _number(form.get("text"))}
    return {key: _with_numbers(item) for key, item in form.items()}


def _number(text: Any) -> int | float:
    """The number that the language reads from a text."""
    digits = text.removeprefix("-").replace(".", "", 1) if isinstance(text, str) else ""
    if not digits.isdecimal() or not digits.isascii() or len(text) > MAX_DIGITS:
        raise ConditionError(f"{text!r} is no number of up to {MAX_DIGITS} characters")
    return number(text)
