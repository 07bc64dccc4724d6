"""The admin API, out of its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from cdp.api import admin
from tests.docs.markdown import cell, table


@cache
def document() -> dict[str, Any]:
    """What `/api/openapi.json` answers."""
    found: dict[str, Any] = json.loads(json.dumps(admin.document()))
    return found


def endpoints(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each endpoint."""
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete"):
                yield method.upper(), path, operation


def admin_api() -> str:
    """A section a room, a paragraph an endpoint."""
    spec = document()
    rooms: dict[str, list[str]] = {}
    for method, path, operation in endpoints(spec):
        tag = (operation.get("tags") or ["rest"])[0]
        rooms.setdefault(tag, []).append(_endpoint(spec, method, path, operation))
    about = {tag["name"]: tag.get("description", "") for tag in spec.get("tags", [])}
    return "\n\n".join(
        "\n\n".join([f"## {tag.capitalize().replace('_', ' ')}", about.get(tag, ""), *parts])
        for tag, parts in rooms.items()
    )


def _endpoint(spec: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    scope = operation.get("x-scope", "")
    summary = operation.get("summary", "")
    more = operation.get("description", "")
    parts = [f"### {method} {path}", f"{summary} {more}".strip()]
    if files := _files(operation.get("requestBody")):
        parts.append(f"The body is the file, as {files}.")
    parts.append(f"Scope: `{scope}`. Answers {operation.get('x-status', 200)}.")
    rows = [
        (f"`{item['name']}`", item["in"], _kind(spec, item["schema"]), _notes(item))
        for item in operation.get("parameters", [])
    ]
    body = _schema_of(operation.get("requestBody"))
    if body:
        rows.extend(_body_rows(spec, body))
    if rows:
        parts.append(table(("Takes", "Where", "Type", "Meaning"), rows))
    answer = operation["responses"].get(str(operation.get("x-status", 200)), {})
    if streamed := _files(answer):
        parts.append(f"Gives a file: {streamed}.")
    fields = _given(spec, _schema_of(answer))
    if fields:
        parts.append(f"Gives: {fields}.")
    return "\n\n".join(part for part in parts if part)


def _files(item: dict[str, Any] | None) -> str:
    kinds = (item or {}).get("content", {})
    return "" if "application/json" in kinds else " or ".join(f"`{kind}`" for kind in kinds)


def _schema_of(item: dict[str, Any] | None) -> dict[str, Any] | None:
    content = (item or {}).get("content", {})
    schema: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return schema


def _resolve(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while True:
        if "$ref" in schema:
            schema = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        elif "allOf" in schema:
            schema = schema["allOf"][0]
        else:
            return schema


def _body_rows(spec: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    found = _resolve(spec, schema)
    for name, item in found.get("properties", {}).items():
        required = name in found.get("required", [])
        yield f"`{name}`", "body", _kind(spec, item), _notes({**item, "required": required})


def _notes(item: dict[str, Any]) -> str:
    schema = item.get("schema", item)
    notes = ["Required." if item.get("required") is True else ""]
    notes.append(item.get("description") or schema.get("description", ""))
    if "enum" in schema:
        notes.append("One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".")
    if schema.get("default") not in (None, "", [], {}):
        notes.append(f"Default `{schema['default']}`.")
    return cell(" ".join(note for note in notes if note))


def _kind(spec: dict[str, Any], schema: dict[str, Any]) -> str:
    found = _resolve(spec, schema)
    if found.get("type") == "array":
        return f"list of {_kind(spec, found.get('items', {}))}"
    kind = found.get("type", "any")
    return str(kind[0] if isinstance(kind, list) else kind)


def _given(spec: dict[str, Any], schema: dict[str, Any] | None) -> str:
    if schema is None:
        return ""
    found = _resolve(spec, schema)
    if found.get("type") == "array":
        return "a list of " + _given(spec, found["items"])
    words = []
    for name, item in found.get("properties", {}).items():
        inner = _resolve(spec, item)
        nested = _resolve(spec, inner.get("items", {})) if inner.get("type") == "array" else inner
        inside = ", ".join(f"`{key}`" for key in nested.get("properties", {}))
        words.append(f"`{name}` ({inside})" if inside else f"`{name}`")
    return ", ".join(words)


BLOCKS: dict[str, Callable[[], str]] = {"admin-api": admin_api}
