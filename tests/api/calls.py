"""Calls of the two APIs, and what every answer of theirs must be like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from werkzeug.test import TestResponse

from tests.factories import Space, bearer

SPACE = "/v1/spaces/default/collections"


class Api:
    """The APIs as somebody with one token sees them."""

    def __init__(self, space: Space, token: str) -> None:
        self.space, self.token = space, token
        self._client = space.client()

    def call(self, method: str, path: str, **more: Any) -> TestResponse:
        """Any call; errors must have the APIs' one shape."""
        answer = self._client.open(path, method=method, headers=bearer(self.token), **more)
        if answer.status_code >= 400 and method != "HEAD":
            check_error(answer)
        return answer

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        """The JSON of a GET."""
        answer = self.call("GET", path, query_string=query or None)
        assert answer.status_code == status, answer.text
        return answer.json

    def send(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The JSON of a call with a JSON body."""
        answer = self.call(method, path, json={} if body is None else body)
        assert answer.status_code == status, answer.text
        return answer.json

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """The JSON of a POST."""
        return self.send("POST", path, body, status)

    def profile(self, path: str, status: int = 200, **query: Any) -> Any:
        """The JSON of the Profile API; ``path`` is what follows the collections."""
        return self.get(f"{SPACE}/{path}", status, **query)

    def pages(self, path: str, key: str, **query: Any) -> Iterator[Any]:
        """Every page of a route of the Profile API, following ``next``."""
        more: dict[str, Any] = {}
        while True:
            page = self.profile(path, **query, **more)
            yield page[key]
            cursor = page["cursor"]
            assert cursor["has_more"] == bool(cursor["next"]) == bool(cursor["url"])
            if not cursor["has_more"]:
                return
            more = {"next": cursor["next"]}

    def listed(self, path: str, **query: Any) -> list[Any]:
        """Every row of a list of the admin API, following ``next``."""
        rows, page = [], self.get(path, **query)
        while True:
            rows += page["data"]
            if page["next"] is None:
                return rows
            page = self.get(path, **{**query, "next": page["next"]})


def check_error(answer: TestResponse) -> None:
    """An error is ``{"error": {"code", "message"}}`` and says something."""
    assert answer.json is not None, answer.text
    error = answer.json["error"]
    assert set(answer.json) == {"error"} and set(error) <= {"code", "message", "fields"}
    assert error["code"] and error["message"]
    assert answer.status_code < 500, answer.text
