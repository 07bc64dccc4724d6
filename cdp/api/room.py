"""How the admin API is put together: rooms of endpoints, each with a scope.

A `Room` refuses every request whose token lacks the scope of the endpoint; one
that names no scope can't be made (law 8). What it answers to a token without the
scope ``personal:read`` is masked (`cdp.api.masking`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from flask import Response, current_app, g, request
from flask_smorest import Blueprint
from marshmallow import RAISE, Schema, fields

from cdp.api import errors
from cdp.api.auth import PERSONAL, allows, find_token, presented
from cdp.api.errors import ApiError
from cdp.api.masking import mask
from cdp.config import Settings
from cdp.store import Store
from cdp.store.catalogue.fields import Decided
from cdp.store.config_rows import Token

EXTENSION = "headwater.api"
#: No body of this API needs more.
MAX_BODY = 1024 * 1024

#: An endpoint that any token may ask.
ANY = ""

View = Callable[..., Any]


@dataclass
class Here:
    """What the views of one app work with."""

    store: Store
    settings: Settings
    plugins: Any
    now: Callable[[], int] = field(default=lambda: int(time.time() * 1000))
    decided: Decided = field(default_factory=Decided)


def here() -> Here:
    """The `Here` of the app that handles the request."""
    found: Here = current_app.extensions[EXTENSION]
    return found


def author() -> str:
    """Who is named as having changed something."""
    token: Token = g.token
    return f"{token.name} (api)"


def sees_personal() -> bool:
    """Whether personal values are shown to whoever asks."""
    return allows(g.token, PERSONAL)


_PERSONAL_NEEDED = ApiError(403, "authorization_error", f"The token lacks the scope {PERSONAL}.")


def need_personal() -> None:
    """Refuse whoever may not see personal values."""
    if not sees_personal():
        raise _PERSONAL_NEEDED


class Room(Blueprint):  # type: ignore[misc]
    """The endpoints of one noun under ``/api``.

    In a ``plain`` one, which holds what people of ours define, fields that say nothing of
    how they are masked are shown as they are.
    """

    def __init__(self, name: str, description: str, *, plain: bool = False) -> None:
        super().__init__(name, __name__, url_prefix="/api", description=description)
        self.scopes: dict[str, str] = {}
        self.limits: dict[str, int] = {}
        self.personal: set[str] = set()
        self._plain = plain
        self.answers: dict[str, Schema] = {}
        self.before_request(self._guard)
        self.after_request(self._mask)
        errors.install(self)

    def on(
        self,
        method: str,
        rule: str,
        scope: str,
        *,
        gives: type[Schema] | None = None,
        status: int = 200,
        query: type[Schema] | None = None,
        body: type[Schema] | None = None,
        takes: dict[str, Any] | None = None,
        streams: list[str] | None = None,
        personal: bool = False,
        max_body: int = MAX_BODY,
    ) -> Callable[[View], View]:
        """Take a view in: its address, the scope it needs, what it takes and gives.

        The view is called with the fields of ``query`` or ``body`` as a dict, then
        with what is in the address. ``takes`` describes (as OpenAPI does) a body that is
        no JSON, ``streams`` names the types of an answer that is none. Such an answer can't
        be masked, and so needs the scope ``personal:read`` as well; so does a ``personal`` one.
        """
        closed = personal or streams is not None
        needed = [scope or "any token", *([PERSONAL] if closed else [])]

        def take(view: View) -> View:
            made = view
            for schema, place in ((body, "json"), (query, "query")):
                if schema is not None:
                    made = self.arguments(
                        schema, location=place, unknown=RAISE, error_status_code=400
                    )(made)
            made = self.response(status, gives)(made)
            made = self.doc(
                security=[{"token": []}], **{"x-scope": ", ".join(needed), "x-status": status}
            )(made)
            if takes is not None:
                made = self.doc(requestBody=takes)(made)
            if streams is not None:
                content = {one: {"schema": {"type": "string"}} for one in streams}
                made = self.doc(responses={str(status): {"content": content}})(made)
            self.scopes[view.__name__] = scope
            self.limits[view.__name__] = max_body
            if closed:
                self.personal.add(view.__name__)
            if gives is not None:
                self.answers[view.__name__] = gives()
            # Identifiers in an address may hold slashes, two in a row as well.
            self.add_url_rule(rule, view.__name__, made, methods=[method], merge_slashes=False)
            return view

        return take

    def _guard(self) -> None:
        name = (request.endpoint or "").rpartition(".")[2]
        request.max_content_length = self.limits.get(name, MAX_BODY)
        text = presented()
        token = find_token(here().store, text) if text else None
        if token is None:
            raise ApiError(401, "authentication_error", "The API token is missing or not known.")
        scope = self.scopes[name]
        if scope and not allows(token, scope):
            raise ApiError(403, "authorization_error", f"The token lacks the scope {scope}.")
        g.token = token
        if name in self.personal:
            need_personal()
        # Postgres can't even be asked for one.
        if any("\0" in str(value) for value in (request.view_args or {}).values()):
            raise errors.not_found("Nothing has a name with a NUL character in it.")

    def _mask(self, response: Response) -> Response:
        """After a request: mask what its token may not see; what can't be is not shown."""
        if g.get("token") is None or sees_personal():
            return response
        if response.is_json:
            name = (request.endpoint or "").rpartition(".")[2]
            with here().store.read() as tx:
                classes = here().decided.classes(tx)
                mask(tx, response, classes, self.answers.get(name), self._plain)
        elif response.is_streamed or response.get_data():
            return errors.answer(_PERSONAL_NEEDED)
        return response


@cache
def page_of(schema: type[Schema]) -> type[Schema]:
    """A list of ``schema``; ``next`` leads to what follows and is null at the end."""
    name = schema.__name__.removesuffix("Schema") + "List"
    return Schema.from_dict(
        {
            "data": fields.List(fields.Nested(schema)),
            "next": fields.String(
                allow_none=True, metadata={"description": "Pass it as next to go on."}
            ),
        },
        name=name,
    )
