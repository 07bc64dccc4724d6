"""Objects as YAML texts: steadily, and checked to be read as what they say."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any

from cdp.folder.model import Thing, hash_of
from cdp.folder.reading import loader, plain

_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff]")
#: What a literal block shows as it is.
_BLOCK = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]*")


def yaml_of(thing: Thing) -> str:
    """The file of an object; equal objects give equal bytes."""
    whole = {"kind": thing.kind, "key": thing.key, **thing.body}
    return checked(whole, dumped(formed(whole)))


def formed(value: Any) -> Any:
    """A value as ruamel writes it best: texts of several lines as blocks."""
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.scalarstring import LiteralScalarString

    if isinstance(value, dict):
        return CommentedMap((key, formed(item)) for key, item in value.items())
    if isinstance(value, list):
        return [formed(item) for item in value]
    if isinstance(value, str) and "\n" in value and _fits_a_block(value):
        return LiteralScalarString(value)
    return value


def _fits_a_block(text: str) -> bool:
    rows = text.split("\n")
    return (
        _BLOCK.fullmatch(text.replace("\n", "")) is not None
        and rows[0][:1] not in ("", " ")
        and all(row == row.rstrip(" ") for row in rows)
    )


def dumped(tree: Any) -> str:
    """The text of a tree."""
    out = io.StringIO()
    loader().dump(tree, out)
    return out.getvalue()


def checked(whole: Mapping[str, Any], text: str) -> str:
    """The text, in the plainest form if it would be read as something else."""
    if says(whole, text):
        return text
    plainest = "".join(f"{_json(name)}: {_json(value)}\n" for name, value in whole.items())
    if not says(whole, plainest):
        raise ValueError(f"the {whole['kind']} {whole['key']} can't be written as YAML")
    return plainest


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def says(whole: Mapping[str, Any], text: str) -> bool:
    """Whether a text is read as this very object."""
    from ruamel.yaml.error import YAMLError

    try:
        found = plain(loader().load(text))
    except (YAMLError, ValueError):
        return False
    id_ = (str(whole["kind"]), str(whole["key"]))
    return hash_of(id_, found) == hash_of(id_, whole) and found == whole
