"""Answers in the place of ``$name``, as what stands around wants them written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cdp.conditions.spelling import path_text, quoted

_NAME = re.compile(r"""(?P<quote>")?(?P<root>[a-z]+\.)?\$(?P<name>[a-z][a-z0-9_]*)(?(quote)")""")
#: Roots of paths in conditions; all others are of Liquid.
_ASKED = ("properties", "traits")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """A tree with the answers in it. A name without one stays as it is."""
    if isinstance(value, str):
        return _put(value, values)
    if isinstance(value, Mapping):
        return {_put(name, values): filled(item, values) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, values) for item in value]
    return value


def _put(text: str, values: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        answer = values.get(found["name"])
        if answer is None:
            return found[0]
        if found["quote"]:
            return quoted(answer)
        if not found["root"]:
            return answer
        root, parts = found["root"][:-1], answer.split(".")
        return path_text((root, *parts)) if root in _ASKED else _liquid(root, parts)

    return _NAME.sub(one, text)


def _liquid(root: str, parts: list[str]) -> str:
    """A path of Liquid, which has no escapes but brackets."""
    return root + "".join(
        f".{part}" if _PLAIN.match(part) else f"[{quoted(part)}]" for part in parts
    )
