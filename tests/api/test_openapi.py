"""The OpenAPI document names every address of the admin API, and holds together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from cdp.api.auth import SCOPES
from tests.api.calls import Api

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document(ana_api: Api) -> dict[str, Any]:
    found: dict[str, Any] = ana_api.get("/api/openapi.json")
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def test_every_address_is_in_it(ana_api: Api, document: dict[str, Any]) -> None:
    served = set()
    for rule in ana_api.space.app.url_map.iter_rules():
        if rule.rule.startswith("/api/") and not rule.endpoint.startswith("rest."):
            path = re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)
            served |= {(path, m.lower()) for m in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert {(path, method) for path, method, _ in operations(document)} == served
    assert len(served) > 30


def test_it_is_a_document_of_openapi_3(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.0\.\d+", document["openapi"])
    assert document["info"]["title"] and document["info"]["version"]
    assert set(document) <= {"openapi", "info", "paths", "components", "tags", "servers"}
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_each_operation_is_described_and_names_its_scope(document: dict[str, Any]) -> None:
    ids = []
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["security"] == [{"token": []}], where
        for scope in operation["x-scope"].split(", "):
            noun = scope.partition(":")[0]
            known = scope == "any token" or scope in SCOPES or f"{noun}:write" in SCOPES
            assert known, (where, scope)
        assert str(operation["x-status"]) in operation["responses"], where
        assert "default" in operation["responses"], where
        ids.append(operation.get("operationId"))
    named = [one for one in ids if one]
    assert len(named) == len(set(named))


def test_each_parameter_of_an_address_is_declared(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        shared = document["paths"][path].get("parameters", [])
        declared = [p for p in [*shared, *operation.get("parameters", [])] if p["in"] == "path"]
        assert {p["name"] for p in declared} == set(re.findall(r"{([^}]+)}", path)), (path, method)
        assert all(p["required"] and p["schema"] for p in declared), (path, method)


def test_each_body_and_answer_has_a_schema(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if method in ("post", "patch", "put"):
            assert schema_of(operation["requestBody"]), (path, method)
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                assert schema_of(answer), (path, method, status)


def schema_of(part: dict[str, Any]) -> Any:
    content = part["content"]
    return (content.get("application/json") or next(iter(content.values())))["schema"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert len(found) > 30
    for reference in found:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item
            else:
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_schemas_use_only_types_that_there_are(document: dict[str, Any]) -> None:
    types = {"object", "array", "string", "integer", "number", "boolean"}
    for name, schema in document["components"]["schemas"].items():
        assert schema["type"] == "object", name
        for field, item in schema.get("properties", {}).items():
            assert item.get("type", "object") in types, (name, field)


@pytest.mark.parametrize(
    "path",
    ["/api/status", "/api/sources", "/api/events", "/api/profiles", "/api/tokens", "/api/plugins"],
)
def test_answers_have_the_fields_that_it_names(
    ana_api: Api, document: dict[str, Any], path: str
) -> None:
    schema = schema_of(document["paths"][path]["get"]["responses"]["200"])
    check(document, schema, ana_api.get(path), path)


def check(document: dict[str, Any], schema: dict[str, Any], value: Any, where: str) -> None:
    """The value has exactly the fields of its schema, of their types."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if value is None:
        assert schema.get("nullable"), where
        return
    kinds = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}
    kind = kinds.get(schema.get("type", ""))
    assert kind is None or isinstance(value, kind), where
    if isinstance(value, dict) and "properties" in schema:
        assert set(value) == set(schema["properties"]), where
        for key, item in value.items():
            check(document, schema["properties"][key], item, f"{where}.{key}")
    elif isinstance(value, list):
        assert value or not where.endswith(".data"), f"{where} is empty, which tests nothing"
        for item in value:
            check(document, schema["items"], item, where)
