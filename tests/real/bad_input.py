"""Bodies that no SDK should send, and what is documented to come of each."""

from __future__ import annotations

import gzip
import json
from typing import Any, NamedTuple

from tests.real.server import WRITE_KEY

#: The person of every message here that can be taken.
PERSON = "bad-input"


class Case(NamedTuple):
    """A request, the status that answers it, and the codes of what is refused of it.

    Every ``arrives`` is the messageId of a message that must be stored all the same.
    """

    name: str
    path: str
    body: bytes
    status: int
    codes: tuple[str, ...] = ()
    arrives: tuple[str, ...] = ()
    headers: dict[str, str] = {}  # noqa: RUF012
    key: str | None = WRITE_KEY


def track(id_: str, **more: Any) -> dict[str, Any]:
    """A message that can be taken, but for ``more``."""
    return {"type": "track", "event": "Odd", "userId": PERSON, "messageId": id_, **more}


def dump(value: Any) -> bytes:
    """JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode()


def raw(id_: str, properties: bytes) -> bytes:
    """A track with ``properties`` written as they are."""
    head = json.dumps(track(id_))[:-1].encode()
    return head + b', "properties": ' + properties + b"}"


def batch(*items: Any) -> bytes:
    """A batch of ``items``."""
    return dump({"batch": items})


_PACKED = gzip.compress(dump(track("cut-gzip", properties={"text": "x" * 2000})), mtime=0)
_TEXT = {"content-type": "application/json"}

CASES = [
    Case("gzip that is cut short", "/v1/track", _PACKED[:-9], 400, ("invalid_gzip",),
         headers={"content-encoding": "gzip"}),
    Case("gzip that is none", "/v1/track", b"\x00\x01 no gzip", 400, ("invalid_gzip",),
         headers={"content-encoding": "gzip"}),
    Case("plain JSON that is said to be gzip", "/v1/track", dump(track("no-gzip")), 200,
         arrives=("no-gzip",), headers={"content-encoding": "gzip"}),
    Case("gzip that nobody announced", "/v1/track",
         gzip.compress(dump(track("silent-gzip"))), 200, arrives=("silent-gzip",)),
    Case("a gzip bomb", "/v1/batch", gzip.compress(b" " * 40_000_000), 413, ("too_large",),
         headers={"content-encoding": "gzip"}),
    Case("an encoding that is not known", "/v1/track", b"??", 400, ("unknown_encoding",),
         headers={"content-encoding": "br"}),
    Case("nothing", "/v1/track", b"", 400, ("invalid_json",)),
    Case("a form", "/v1/track", b"event=Odd&userId=u", 400, ("invalid_json",)),
    Case("JSON that is cut short", "/v1/track", dump(track("cut"))[:-4], 400, ("invalid_json",)),
    Case("JSON with more behind it", "/v1/track", dump(track("x")) + b"{}", 400,
         ("invalid_json",)),
    Case("NaN", "/v1/track", raw("nan", b'{"n": NaN}'), 400, ("invalid_json",)),
    Case("invalid UTF-8", "/v1/track", raw("latin", b'{"name": "Jos\xe9"}'), 400,
         ("invalid_utf8",)),
    Case("UTF-16", "/v1/track", json.dumps(track("utf16")).encode("utf-16"), 400,
         ("invalid_utf8",)),
    Case("an array for a call", "/v1/track", b"[1]", 400, ("not_an_object",)),
    Case("a string for a batch", "/v1/batch", b'"x"', 400, ("not_an_object",)),
    Case("a batch without batch", "/v1/batch", b"{}", 400, ("no_batch",)),
    Case("a batch that is an object", "/v1/batch", b'{"batch": {}}', 400, ("no_batch",)),
    Case("an empty batch", "/v1/batch", batch(), 200),
    Case("items that are no objects beside a good one", "/v1/batch",
         batch(1, None, "x", [], track("beside")), 200, ("not_an_object",) * 4, ("beside",)),
    Case("properties that are a list", "/v1/track", dump(track("list", properties=[1])), 200,
         ("wrong_type",)),
    Case("context that is a string", "/v1/track", dump(track("string", context="x")), 200,
         ("wrong_type",)),
    Case("a userId that is an object", "/v1/track", dump(track("object", userId={"a": 1})), 200,
         ("wrong_type",)),
    Case("a messageId that is a list", "/v1/track", dump(track("", messageId=["x"])), 200,
         ("wrong_type",)),
    Case("a messageId that is too long", "/v1/track", dump(track("x" * 101)), 200,
         ("messageId_too_long",)),
    Case("an event that is an object", "/v1/track", dump(track("event", event={})), 200,
         ("no_event",)),
    Case("no event", "/v1/track", dump(track("no-event", event=None)), 200, ("no_event",)),
    Case("nobody", "/v1/track", dump(track("nobody", userId="")), 200, ("no_user_anon_id",)),
    Case("an unknown type", "/v1/batch", batch(track("type", type="delete")), 200,
         ("unknown_type",)),
    Case("NULs", "/v1/track", dump(track("nul", properties={"a\0b": "c\0d"})), 200,
         arrives=("nul",)),
    Case("half a surrogate pair", "/v1/track", raw("half", rb'{"cut": "\ud83d"}'), 200,
         arrives=("half",)),
    Case("half a surrogate pair in a batch", "/v1/batch",
         b'{"batch": [' + raw("half-2", rb'{"cut": "\udc00"}') + b"]}", 200,
         arrives=("half-2",)),
    Case("nesting of 100 levels", "/v1/track", raw("deep", b'{"a":' * 100 + b"1" + b"}" * 100),
         200, ("invalid_json",)),
    Case("nesting of 10,000 levels", "/v1/track", raw("abyss", b"[" * 10_000 + b"]" * 10_000),
         400, ("invalid_json",)),
    Case("nesting of 100,000 levels in a batch", "/v1/batch",
         b'{"batch": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, ("invalid_json",)),
    Case("a number beyond a double", "/v1/track", raw("big", b'{"n": 1e999}'), 200,
         ("invalid_json",)),
    Case("an integer of 300 digits", "/v1/track", raw("digits", b'{"n": ' + b"9" * 300 + b"}"),
         200, arrives=("digits",)),
    Case("an integer beyond a double", "/v1/track", raw("beyond", b'{"n": ' + b"9" * 400 + b"}"),
         200, arrives=("beyond",)),
    Case("an integer of 5,000 digits", "/v1/track", raw("endless", b'{"n": ' + b"9" * 5000 + b"}"),
         200, ("invalid_json",)),
    Case("a key that comes twice", "/v1/track", raw("twice", b'{"k": 1, "k": 2}'), 200,
         arrives=("twice",)),
    Case("keys that are special elsewhere", "/v1/track",
         dump(track("special", properties={"__proto__": 1, "": 2, "a.b": 3, "$x": 4})), 200,
         arrives=("special",)),
    Case("times that are none", "/v1/track",
         dump(track("times", timestamp="yesterday", sentAt={"x": 1})), 200, arrives=("times",)),
    Case("a year that is none", "/v1/track", dump(track("year", timestamp="99999-01-01T00:00Z")),
         200, arrives=("year",)),
    Case("a call of 32 KB and a byte", "/v1/track",
         raw("large", b'{"x": "' + b"x" * (32 * 1024 + 1 - len(raw("large", b'{"x": ""}')))
             + b'"}'), 400, ("message_too_large",)),
    Case("an item of over 32 KB beside a good one", "/v1/batch",
         batch(track("large", properties={"x": "x" * 33_000}), track("small")), 200,
         ("message_too_large",), ("small",)),
    Case("a batch of over 500 KB", "/v1/batch",
         batch(*[track("b", properties={"x": "x" * 30_000})] * 18), 400, ("batch_too_large",)),
    Case("a body of over 5 MB", "/v1/batch", b"[" + b" " * 6_000_000, 413, ("too_large",)),
    Case("a page's content type", "/v1/track", dump(track("html")), 200, arrives=("html",),
         headers={"content-type": "text/html"}),
    Case("a form's content type", "/v1/track", dump(track("form")), 200, arrives=("form",),
         headers={"content-type": "application/x-www-form-urlencoded"}),
    Case("a content type with a broken boundary", "/v1/track", dump(track("multipart")), 200,
         arrives=("multipart",), headers={"content-type": "multipart/form-data; boundary="}),
    Case("a charset that does not exist", "/v1/track", dump(track("charset")), 200,
         arrives=("charset",), headers={"content-type": "application/json; charset=klingon"}),
    Case("no write key", "/v1/track", dump(track("no-key")), 401, ("no_write_key",), key=None),
    Case("an unknown write key", "/v1/track", dump(track("bad-key")), 401,
         ("unknown_write_key",), key="nobody-s"),
    Case("a write key that is a number", "/v1/track", dump(track("num-key", writeKey=7)), 401,
         ("no_write_key",), key=None),
]  # fmt: skip
