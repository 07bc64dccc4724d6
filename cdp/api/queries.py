"""``/api/computed-traits/{key}/run`` and ``/api/queries/try``: computed traits by SQL."""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields, validate

from cdp.api.auth import allows
from cdp.api.errors import ApiError, wrong_fields
from cdp.api.fields import Empty
from cdp.api.masking import personal
from cdp.api.room import Room, here
from cdp.audiences import COMPUTED_TRAIT
from cdp.definitions.own_sql import MAX_SQL, SqlError
from cdp.events import format_time
from cdp.store.audiences import query_runs
from cdp.store.audiences.own_sql import shown_values
from cdp.store.audiences.warehouse import peek_at
from cdp.store.defined import defining

#: To ask a warehouse one must have the right to make a trait of it.
WRITE = "audiences:write"

room = Room("queries", "Queries in SQL that computed traits are worked out by.")


class RunSchema(Schema):
    """How a query went when it was asked last."""

    state = fields.String(
        metadata={"description": "waiting: for its first answer; live; or failed."}
    )
    began_at = fields.String(allow_none=True)
    ended_at = fields.String(allow_none=True)
    next_at = fields.String(allow_none=True, metadata={"description": "Null: at once."})
    rows = fields.Integer(metadata={"description": "Rows that it returned."})
    unmatched = fields.Integer(metadata={"description": "Rows that named nobody."})
    changed = fields.Integer(metadata={"description": "Values that are others now."})
    error = fields.String(
        allow_none=True, metadata=personal("quoted", "Why it failed; the values stayed.")
    )


class TrySchema(Schema):
    """A query to try."""

    sql = fields.String(required=True, validate=validate.Length(1, MAX_SQL))
    warehouse = fields.String(
        load_default=None,
        metadata={
            "description": "Whom to ask, by its name in the settings; needs audiences:write."
        },
    )


class AnswerSchema(Schema):
    """The first rows of a query."""

    columns = fields.List(fields.String())
    rows = fields.List(fields.List(fields.Raw(allow_none=True)))


def run_of(tx: Any, key: str) -> dict[str, Any]:
    """The last run of a computed trait's query, as the API and the command show it.

    `NoSuchDefinition` if there is none, `ApiError` if no query works it out.
    """
    body = defining.find(tx, (COMPUTED_TRAIT, key)).body or {}
    if "sql" not in body:
        text = f"The computed trait {key} is worked out by its value, not by a query."
        raise ApiError(409, "conflict", text)
    going = query_runs.going(tx, key, body)
    run = going.run
    return {
        "state": going.state,
        "began_at": _time(run.began_at),
        "ended_at": _time(run.ended_at),
        "next_at": _time(going.next_at),
        "rows": run.rows,
        "unmatched": run.unknown,
        "changed": run.changed,
        "error": run.error,
    }


def ask_again(tx: Any, key: str) -> dict[str, Any]:
    """Have a query asked as soon as it can be; the same answers and errors as `run_of`."""
    run_of(tx, key)
    query_runs.want(tx, key)
    return run_of(tx, key)


def _time(at: int | None) -> str | None:
    return format_time(at) if at is not None else None


@room.on("GET", "/computed-traits/<key>/run", "audiences:read", gives=RunSchema)
def get_run(key: str) -> dict[str, Any]:
    """How the query of a computed trait went when it was asked last."""
    with here().store.read() as tx:
        return run_of(tx, key)


@room.on("POST", "/computed-traits/<key>/run", "audiences:write", body=Empty, gives=RunSchema)
def run_query(_: dict[str, Any], key: str) -> dict[str, Any]:
    """Ask the query of a computed trait as soon as it can be."""
    with here().store.write() as tx:
        return ask_again(tx, key)


@room.on("POST", "/queries/try", "profiles:read", body=TrySchema, gives=AnswerSchema, personal=True)
def try_query(body: dict[str, Any]) -> dict[str, Any]:
    """The first rows that a query returns; nothing is kept of it."""
    warehouse = body["warehouse"]
    if warehouse is not None and not allows(g.token, WRITE):
        raise ApiError(403, "authorization_error", f"The token lacks the scope {WRITE}.")
    settings = here().settings
    try:
        answer = peek_at(here().store, settings, body["sql"], warehouse, settings.query_seconds)
    except SqlError as error:
        raise wrong_fields({"sql": [str(error)]}) from None
    return {"columns": answer.columns, "rows": shown_values(answer)}
