"""``/api/tokens``, ``/api/users``, ``/api/changes``: who may do what, and who did."""

from __future__ import annotations

import json
from typing import Any

from flask import g
from marshmallow import Schema, fields, validate

from cdp.api.auth import SCOPES, allows, hash_of
from cdp.api.errors import ApiError, not_found, wrong_fields
from cdp.api.fields import Empty, Name, PageQuery, Words, following, place
from cdp.api.masking import personal
from cdp.api.room import Room, author, here, page_of
from cdp.events import format_time
from cdp.store import config_rows, user_rows
from cdp.store.events import console_queries
from cdp.store.keys import new_token

room = Room("access", "Tokens, people with a login, and who changed what.")

ROLES = ("admin", "approver", "viewer")


class TokenSchema(Schema):
    """A token; what it is itself is shown once, when it is made."""

    id = fields.Integer()
    name = fields.String()
    scopes = fields.List(fields.String())
    created_at = fields.String()
    last_used_at = fields.String(allow_none=True)


class MadeToken(TokenSchema):
    """A token that was just made."""

    token = fields.String()


class NewToken(Schema):
    """What a new token is for; it can't be for more than the one that makes it."""

    name = Name(required=True)
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)),
        required=True,
        validate=validate.Length(min=1, max=len(SCOPES)),
    )


class UserSchema(Schema):
    """Somebody who may log in to the console."""

    name = fields.String()
    role = fields.String()


class NewUser(Schema):
    """Somebody new."""

    name = fields.String(
        required=True,
        validate=validate.Regexp(r"^[^/\x00]{1,100}\Z", error="1 to 100 characters, no slash."),
    )
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    password = fields.String(
        required=True, load_only=True, validate=validate.Length(min=10, max=1000)
    )


class UserChange(Schema):
    """Another role or password."""

    role = fields.String(validate=validate.OneOf(ROLES))
    password = fields.String(load_only=True, validate=validate.Length(min=10, max=1000))


class ChangeSchema(Schema):
    """Who changed what."""

    id = fields.Integer()
    at = fields.String()
    author = fields.String()
    kind = fields.String()
    key = fields.String()
    action = fields.String()
    before = fields.Dict(allow_none=True, metadata=personal("change"))
    after = fields.Dict(allow_none=True, metadata=personal("change"))


class ChangeQuery(PageQuery):
    """Which changes."""

    kind = Words()


def _token(row: config_rows.Token) -> dict[str, Any]:
    used = row.last_used_at
    return {
        "id": row.id,
        "name": row.name,
        "scopes": sorted(row.scopes),
        "created_at": format_time(row.created_at),
        "last_used_at": format_time(used) if used else None,
    }


@room.on("GET", "/tokens", "tokens:read", gives=page_of(TokenSchema))
def list_tokens() -> dict[str, Any]:
    """List tokens, without what they are."""
    with here().store.read() as tx:
        return {"data": [_token(row) for row in config_rows.all_tokens(tx)], "next": None}


@room.on("POST", "/tokens", "tokens:write", body=NewToken, gives=MadeToken, status=201)
def add_token(body: dict[str, Any]) -> dict[str, Any]:
    """Make a token; it is shown this once."""
    beyond = [scope for scope in body["scopes"] if not allows(g.token, scope)]
    if beyond:
        raise wrong_fields({"scopes": [f"Your token is not good for {', '.join(beyond)} itself."]})
    scopes = " ".join(dict.fromkeys(body["scopes"]))
    made = new_token()
    with here().store.write() as tx:
        number = config_rows.add_token(
            tx, here().now(), body["name"], hash_of(made), scopes, author()
        )
        row = next(t for t in config_rows.all_tokens(tx) if t.id == number)
    return {**_token(row), "token": made}


@room.on("DELETE", "/tokens/<int:number>", "tokens:write", gives=Empty)
def revoke_token(number: int) -> dict[str, Any]:
    """End a token within a second; one of wider scope than yours you can't end."""
    with here().store.write() as tx:
        row = next((t for t in config_rows.all_tokens(tx) if t.id == number), None)
        if row is None:
            raise not_found(f"There is no token {number}.")
        if not all(allows(g.token, scope) for scope in row.scopes):
            text = "That token is good for more than yours."
            raise ApiError(403, "authorization_error", text)
        config_rows.delete_token(tx, here().now(), number, author())
    return {}


@room.on("GET", "/users", "users:read", gives=page_of(UserSchema))
def list_users() -> dict[str, Any]:
    """List who may log in to the console."""
    with here().store.read() as tx:
        rows = config_rows.all_users(tx)
    return {"data": [{"name": row.name, "role": row.role} for row in rows], "next": None}


def _role_within_reach(role: str) -> None:
    # A login as admin may do all: only a token for all may hand that out.
    if role == "approver" and not allows(g.token, "journeys:approve"):
        text = "Only a token with the scope journeys:approve may make or change an approver."
        raise ApiError(403, "authorization_error", text)
    if role == "admin" and not allows(g.token, "all"):
        text = "Only a token with the scope all may make or change an admin."
        raise ApiError(403, "authorization_error", text)


@room.on("POST", "/users", "users:write", body=NewUser, gives=UserSchema, status=201)
def add_user(body: dict[str, Any]) -> dict[str, Any]:
    """Let somebody log in."""
    _role_within_reach(body["role"])
    hashed = _hash(body["password"])
    with here().store.write() as tx:
        if config_rows.user_by_name(tx, body["name"]) is not None:
            text = f"There is a user {body['name']} already."
            raise ApiError(409, "conflict", text, {"name": [text]})
        config_rows.put_user(tx, here().now(), body["name"], hashed, body["role"], author())
    return {"name": body["name"], "role": body["role"]}


@room.on("PATCH", "/users/<name>", "users:write", body=UserChange, gives=UserSchema)
def change_user(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Give somebody another role or password."""
    hashed = _hash(body["password"]) if "password" in body else None
    with here().store.write() as tx:
        user = config_rows.user_by_name(tx, name)
        if user is None:
            raise not_found(f"There is no user {name}.")
        role = body.get("role", user.role)
        _role_within_reach(user.role)
        _role_within_reach(role)
        config_rows.put_user(tx, here().now(), name, hashed or user.password_hash, role, author())
    return {"name": name, "role": role}


@room.on("DELETE", "/users/<name>", "users:write", gives=Empty)
def delete_user(name: str) -> dict[str, Any]:
    """Take somebody's access away."""
    with here().store.write() as tx:
        user = config_rows.user_by_name(tx, name)
        if user is None:
            raise not_found(f"There is no user {name}.")
        _role_within_reach(user.role)
        user_rows.delete_user(tx, here().now(), user, author())
    return {}


def _hash(password: str) -> str:
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)


@room.on("GET", "/changes", "activity:read", query=ChangeQuery, gives=page_of(ChangeSchema))
def list_changes(query: dict[str, Any]) -> dict[str, Any]:
    """List who changed what, newest first."""
    limit = query["limit"]
    with here().store.read() as tx:
        rows = console_queries.newest_changes(tx, limit, place(query), query.get("kind"))
    data = [
        {
            **row._asdict(),
            "at": format_time(row.at),
            "before": json.loads(row.before) if row.before else None,
            "after": json.loads(row.after) if row.after else None,
        }
        for row in rows
    ]
    return {"data": data, "next": following(rows, limit, rows[-1].id if rows else None)}
