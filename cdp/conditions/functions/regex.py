"""``regex``: a regular expression somewhere in a text, by re2."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from cdp.conditions.functions.base import Example, Function, Getter, Param
from cdp.conditions.limits import MAX_PATTERN_CHARS


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return re2.compile(pattern, options)


def _apply(text: Any, pattern: Any) -> bool:
    if type(text) is not str:
        return False
    try:
        return _compiled(pattern).search(text) is not None
    except UnicodeEncodeError:  # half of a surrogate pair
        return _compiled(pattern).search(text.encode("utf-8", "replace").decode()) is not None


def _make(literals: dict[int, Any], getters: list[Getter]) -> Getter | None:
    pattern, get = literals[1], getters[0]
    return lambda message: _apply(get(message), pattern)


def _check(literals: tuple[Any, ...]) -> str | None:
    pattern = literals[1]
    if len(pattern) > MAX_PATTERN_CHARS:
        return f"a regular expression of more than {MAX_PATTERN_CHARS:,} characters"
    try:
        _compiled(pattern)
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        text = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
        return f"not a regular expression of RE2: {' '.join(text.split())}"
    return None


REGEX = Function(
    "regex",
    (Param("text", "text"), Param("pattern", "text", literal=True)),
    "yes or no",
    "Whether a regular expression (RE2's syntax, so without look-ahead and back-references) is "
    "found in a text. `^` and `$` tie it to the ends.",
    "{0} matches the expression {1}",
    Example(r'regex(properties.sku, "^[A-Z]{2}-\d+$")', {"properties": {"sku": "AB-12"}}),
    _apply,
    unless="{0} does not match the expression {1}",
    make=_make,
    check=_check,
    fql=False,
)
