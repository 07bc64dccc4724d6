"""Trying the query of a computed trait, before it is saved."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import render_template, request

from cdp.console import defined, layout
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.definitions import KINDS
from cdp.definitions.own_sql import SqlError, whom_and_value
from cdp.store.audiences.own_sql import shown_values
from cdp.store.audiences.warehouse import peek_at

#: Somebody waits for it; when it is asked on time it may take longer (`query_seconds`).
SECONDS = 10.0


class Tried(NamedTuple):
    """The first rows of a query, or why there are none; ``wrong``: it can't be a trait so."""

    columns: list[str]
    rows: list[list[Any]]
    wrong: str | None = None
    error: str | None = None


def attempt() -> str:
    """The first rows of the query in the form: a piece of the page, or the page with it."""
    sql = request.form.get("sql", "").replace("\r\n", "\n").strip()
    tried = _try(sql, request.form.get("warehouse", "").strip() or None)
    if layout.is_partial():
        return render_template("console/query_tried.html", tried=tried)
    kind, key = KINDS["computed_trait"], request.args.get("key")
    if key is not None:
        with console().store.read() as tx:
            defined.version_or_404(tx, (kind.name, key))
    values = defined.typed(kind) | {"key": request.form.get("key", "").strip()}
    seen = layout.number_arg("seen") or 0
    return defined.form_page(kind, defined.Form(values, {}, seen), key, tried)


def _try(sql: str, warehouse: str | None) -> Tried:
    if not sql:
        return Tried([], [], error="Write a query first.")
    here = console()
    most = min(SECONDS, here.settings.query_seconds)
    try:
        answer = peek_at(here.store, here.settings, sql, warehouse, most)
    except SqlError as error:
        return Tried([], [], error=as_sentence(str(error)))
    wrong = None
    try:
        whom_and_value(answer.columns)
    except SqlError as error:
        wrong = as_sentence(str(error))
    return Tried(answer.columns, shown_values(answer), wrong)
