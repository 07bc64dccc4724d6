"""What SDKs send, made comparable: times, ids and versions are replaced by words."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from tests.real.faulty import Seen
from tests.real.server import WRITE_KEY

FOLDER = Path(__file__).parent / "golden"

_HEADERS = (
    "accept",
    "authorization",
    "content-encoding",
    "content-type",
    "origin",
    "user-agent",
    "x-retry-count",
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
_PREFIXED = re.compile(r"((?:ajs|node)-next)-\d{13}-")
_HASHED = re.compile(r"(ajs-next)-[0-9a-f]{32}")
_VERSION = re.compile(r"\d+(\.\d+)+(-[\w.]+)?")
_KEY_HEADER = "Basic " + base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
#: Times that the scenario sets stay as they are sent.
_OURS = ("2026-03-04T05:06:07", "2025-01-02T03:04:05")


def normalise(seen: list[Seen], person: str) -> list[dict[str, Any]]:
    """The requests as they are kept in `FOLDER`."""
    return [
        {
            "method": item.method,
            "path": item.path,
            "headers": {
                name: _header(value)
                for name, value in sorted(item.headers.items())
                if name in _HEADERS
            },
            "body": _value(item.json(), person, ""),
        }
        for item in seen
    ]


def _header(value: str) -> str:
    if value == _KEY_HEADER:
        return "Basic base64(<write key>:)"
    value = re.sub(r"^http://127\.0\.0\.1:\d+", "<page>", value)
    return "<browser>" if value.startswith("Mozilla/") else _VERSION.sub("<version>", value)


def _value(value: Any, person: str, key: str) -> Any:
    if key == "brands":
        return "<brands>"
    if isinstance(value, dict):
        return {name: _value(item, person, name) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [_value(item, person, key) for item in value]
    if not isinstance(value, str):
        return value
    if key in ("version", "nodeVersion"):
        return "<version>"
    if key in ("userAgent", "locale", "timezone"):
        return f"<{key}>"
    text = value.replace(WRITE_KEY, "<write key>").replace(person, "ada")
    if not text.startswith(_OURS):
        text = _TIME.sub("<time>", text)
    text = re.sub(r"http://127\.0\.0\.1:\d+", "<page>", text)
    text = _PREFIXED.sub(r"\1-<ms>-", _UUID.sub("<uuid>", text))
    return _HASHED.sub(r"\1-<hash>", text)


def messages(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All messages of normalised requests, however they were spread over them."""
    found = []
    for request in requests:
        body = request["body"]
        found.extend(body.get("batch", [body]))
    return found


def load(name: str) -> list[dict[str, Any]]:
    """The recorded requests of an SDK."""
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def record(name: str, requests: list[dict[str, Any]]) -> None:
    """Write the requests of an SDK anew."""
    text = json.dumps(requests, indent=1, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(text + "\n")
