"""``cdp config``: settings, tokens, passwords."""

from __future__ import annotations

from typing import Any

import click

from cdp.cli.common import (
    author,
    json_option,
    now_ms,
    open_store,
    print_object,
    print_rows,
    store_options,
)
from cdp.cli.errors import CliError
from cdp.config import Settings, describe
from cdp.events import format_time
from cdp.store import config_rows

_SCOPES = "Words with spaces between; without personal:read personal values are masked."


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def config(ctx: click.Context, as_json: bool) -> None:
    """Print the settings as they are in force; secrets are masked.

    Example: cdp config
    """
    if ctx.invoked_subcommand is None:
        columns = ["name", "variable", "value", "default", "meaning"]
        print_rows(describe(Settings.load()), as_json, columns)


@config.group()
def token() -> None:
    """API tokens."""


@token.command()
@store_options
@click.option("--name", default="cli", show_default=True)
@click.option(
    "--scopes",
    default="all",
    show_default=True,
    help=_SCOPES,
)
@json_option
def new(name: str, scopes: str, as_json: bool, **where: Any) -> None:
    """Make a token; it is shown this once. Example: cdp config token new --name grafana"""
    from cdp.api.auth import SCOPES, hash_of
    from cdp.store.keys import new_token

    unknown = [word for word in scopes.split() if word not in SCOPES]
    if unknown or not scopes.split():
        raise CliError(f"unknown scope {' '.join(unknown)!r}; there are {', '.join(SCOPES)}")
    _, store = open_store(**where)
    made = new_token()
    with store.write() as tx:
        number = config_rows.add_token(tx, now_ms(), name, hash_of(made), scopes, author())
    print_object({"id": number, "token": made, "scopes": scopes}, as_json)


@token.command("list")
@store_options
@json_option
def list_(as_json: bool, **where: Any) -> None:
    """List tokens, without what they are. Example: cdp config token list"""
    _, store = open_store(**where)
    with store.read() as tx:
        rows = config_rows.all_tokens(tx)
    shown = [
        {
            "id": row.id,
            "name": row.name,
            "scopes": " ".join(sorted(row.scopes)),
            "created_at": format_time(row.created_at),
            "last_used_at": format_time(row.last_used_at) if row.last_used_at else None,
        }
        for row in rows
    ]
    print_rows(shown, as_json)


@token.command()
@store_options
@click.argument("number", type=int)
def revoke(number: int, **where: Any) -> None:
    """End a token at once. Example: cdp config token revoke 3"""
    _, store = open_store(**where)
    with store.write() as tx:
        if not config_rows.delete_token(tx, now_ms(), number, author()):
            raise CliError(f"there is no token {number}")


@config.command()
@store_options
@click.argument("user", default="admin")
@click.option(
    "--role", type=click.Choice(["admin", "approver", "viewer"]), default="admin", show_default=True
)
@click.password_option()
def password(user: str, role: str, password: str, **where: Any) -> None:
    """Set a console password for USER. Example: cdp config password ada"""
    from argon2 import PasswordHasher

    if len(password) < 10:
        raise CliError("a password needs at least 10 characters")
    _, store = open_store(**where)
    with store.write() as tx:
        config_rows.put_user(tx, now_ms(), user, PasswordHasher().hash(password), role, author())
