"""``/api/lists``: uploads, refusals, and removing what nobody asks for."""

from __future__ import annotations

from typing import Any

from tests.api.calls import Api
from tests.factories import Space


def upload(api: Api, key: str, body: bytes, status: int = 200) -> Any:
    answer = api.call("PUT", f"/api/lists/{key}", data=body, content_type="text/plain")
    assert answer.status_code == status, answer.text
    return answer.json


def test_a_list_is_uploaded_replaced_taken_back_and_removed(api: Api) -> None:
    made = upload(api, "vips", b"a@example.org\r\nb@example.org\n")
    assert (made["key"], made["version"], made["values"]) == ("vips", 1, 2)
    assert made["author"].endswith("(api)")
    assert upload(api, "vips", b"c")["values"] == 1
    assert api.post("/api/lists/vips/revert")["values"] == 2
    assert [row["key"] for row in api.listed("/api/lists")] == ["vips"]
    hook = {"plugin": "webhook", "settings": {"url": "https://example.com"}}
    body = {**hook, "filter": 'userId in list("vips")'}
    assert api.post("/api/destinations", body, 201)["filter_warnings"] == []
    text = api.send("DELETE", "/api/lists/vips", status=409)["error"]["message"]
    assert text == "The list vips is asked for by the destination webhook."
    api.send("DELETE", "/api/destinations/webhook")
    assert api.send("DELETE", "/api/lists/vips") == {}
    api.get("/api/lists/vips", 404)
    api.send("DELETE", "/api/lists/vips", status=404)
    api.send("POST", "/api/lists/vips/revert", status=404)


def test_what_is_broken_changes_nothing(api: Api) -> None:
    upload(api, "vips", b"a")
    error = upload(api, "vips", b"b\n\xff\n", 400)["error"]
    assert error["fields"] == {"values": ["line 2: not UTF-8"]}
    assert upload(api, "vips", b"\n\n", 400)["error"]["fields"] == {
        "values": ["there are no values in it"]
    }
    upload(api, "Vi ps", b"a", 400)
    assert api.get("/api/lists/vips")["version"] == 1


def test_lists_are_for_those_who_may_change_audiences(space: Space) -> None:
    reader = Api(space, space.token("audiences:read"))
    assert reader.get("/api/lists")["data"] == []
    upload(reader, "vips", b"a", 403)
    upload(Api(space, space.token("audiences:write")), "vips", b"a")
