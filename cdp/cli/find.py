"""Whose profile a command is about."""

from __future__ import annotations

from typing import Any

from cdp.cli.errors import CliError
from cdp.identity import parse_public_id
from cdp.store.profiles import people
from cdp.store.profiles.people import Profile


def find(tx: Any, identifier: str) -> Profile:
    """The profile of ``type:value`` or of its own id; one clear line where there is none."""
    if ":" not in identifier and parse_public_id(identifier) is None:
        raise CliError(f"write the identifier as type:value, such as user_id:{identifier}")
    found = people.named(tx, identifier)
    if found is None:
        raise CliError(f"there is no profile with {identifier}")
    return found
