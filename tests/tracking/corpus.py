"""Bodies as they should not be, each with the answer that is documented for it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Case(NamedTuple):
    """``code`` is that of the refused request, or None where it is taken (status 200).

    ``fate`` has what becomes of each message of a taken request: the code by which
    the pipeline rejects it, or None if it gets through.
    """

    name: str
    path: str
    body: bytes
    status: int = 200
    code: str | None = None
    fate: tuple[str | None, ...] = (None,)
    headers: Mapping[str, str] = MappingProxyType({})


TRACK = {"type": "track", "event": "Ran", "userId": "u1"}
GZIP = {"Content-Encoding": "gzip"}


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def call(**more: Any) -> bytes:
    return dump({**TRACK, **more})


def sized(size: int) -> bytes:
    """A call of exactly ``size`` bytes."""
    empty = len(call(pad=""))
    return call(pad="x" * (size - empty))


def batch(*items: bytes) -> bytes:
    return b'{"batch":[' + b",".join(items) + b"]}"


def deep(levels: int) -> bytes:
    return b'{"type":"track","event":"Ran","userId":"u1","a":' + (
        b"[" * levels + b"]" * levels + b"}"
    )


_BOMB = gzip.compress(b'{"a":"' + b" " * 50_000_000 + b'"}')
_UTF8 = b'{"type":"track","event":"Ran","userId":"u\xff"}'

SINGLE = [
    Case("empty", "track", b"", 400, "invalid_json"),
    Case("blank", "track", b"  \n", 400, "invalid_json"),
    Case("text", "track", b"hello", 400, "invalid_json"),
    Case("form", "track", b"event=Ran&userId=u1", 400, "invalid_json",
         headers={"Content-Type": "application/x-www-form-urlencoded"}),
    Case("cut short", "track", call()[:-3], 400, "invalid_json"),
    Case("two objects", "track", call() + call(), 400, "invalid_json"),
    Case("single quotes", "track", b"{'event': 'Ran'}", 400, "invalid_json"),
    Case("a raw NUL", "track", b'{"event":"a\x00b"}', 400, "invalid_json"),
    Case("NaN", "track", b'{"type":"track","event":"Ran","userId":"u1","n":NaN}', 400,
         "invalid_json"),
    Case("nested 100,000 deep", "track", deep(15_000), 400, "invalid_json"),
    Case("array", "track", b"[]", 400, "not_an_object"),
    Case("string", "track", b'"x"', 400, "not_an_object"),
    Case("null", "track", b"null", 400, "not_an_object"),
    Case("number", "track", b"12", 400, "not_an_object"),
    Case("invalid UTF-8", "track", _UTF8, 400, "invalid_utf8"),
    Case("UTF-16", "track", call().decode().encode("utf-16"), 400, "invalid_utf8"),
    Case("32 KB", "track", sized(32 * 1024)),
    Case("32 KB and a byte", "track", sized(32 * 1024 + 1), 400, "message_too_large"),
    Case("gzip", "track", gzip.compress(call()), headers=GZIP),
    Case("gzip that nobody announced", "track", gzip.compress(call())),
    Case("announced gzip that is none", "track", call(), headers=GZIP),
    Case("announced gzip that is junk", "track", b"junk", 400, "invalid_gzip", headers=GZIP),
    Case("truncated gzip", "track", gzip.compress(call())[:-9], 400, "invalid_gzip", headers=GZIP),
    Case("broken gzip", "track", gzip.compress(call())[:12] + b"\xff" * 40, 400, "invalid_gzip",
         headers=GZIP),
    Case("only the first bytes of gzip", "track", b"\x1f\x8b", 400, "invalid_gzip"),
    Case("a bomb", "track", _BOMB, 413, "too_large", headers=GZIP),
    Case("deflate", "track", zlib.compress(call()), headers={"Content-Encoding": "deflate"}),
    Case("raw deflate", "track", zlib.compress(call())[2:-4],
         headers={"Content-Encoding": "deflate"}),
    Case("brotli", "track", b"\x0b\x02\x80", 400, "unknown_encoding",
         headers={"Content-Encoding": "br"}),
    Case("no content type", "track", call()),
    Case("text/plain", "track", call(), headers={"Content-Type": "text/plain;charset=UTF-8"}),
    Case("any content type", "track", call(), headers={"Content-Type": "image/png"}),
    Case("byte order mark", "track", b"\xef\xbb\xbf" + call()),
    Case("lone surrogate", "track", call(event="Ran", p="\ud83d")),
    Case("escaped NUL", "track", call(event="R\0an", properties={"a\0": "\0"})),
    Case("duplicate keys", "track",
         b'{"type":"page","userId":1,"event":"a","event":"Ran","userId":"u1"}'),
    Case("a huge integer", "track", call(properties={"n": 10**400})),
    Case("an integer of 5,000 digits", "track",
         b'{"type":"track","event":"Ran","userId":"u1","n":' + b"9" * 5000 + b"}",
         fate=("invalid_json",)),
    Case("a number beyond all doubles", "track",
         b'{"type":"track","event":"Ran","userId":"u1","n":1e999}', fate=("invalid_json",)),
    Case("nested 80 deep", "track", deep(80), fate=("invalid_json",)),
    Case("no id", "track", dump({"event": "Ran"}), fate=("no_user_anon_id",)),
    Case("no event", "track", dump({"userId": "u1"}), fate=("no_event",)),
    Case("no groupId", "group", dump({"userId": "u1"}), fate=("no_groupId",)),
    Case("wrong type of id", "identify", dump({"userId": {"a": 1}}), fate=("wrong_type",)),
    Case("wrong type of traits", "identify", dump({"userId": "u1", "traits": "x"}),
         fate=("wrong_type",)),
    Case("wrong type of context", "page", dump({"userId": "u1", "context": [1]}),
         fate=("wrong_type",)),
    Case("wrong type of time", "page", dump({"userId": "u1", "timestamp": {"a": 1}})),
    Case("a long id", "identify", dump({"userId": "u" * 501}), fate=("id_too_long",)),
    Case("a long messageId", "page", dump({"userId": "u1", "messageId": "m" * 101}),
         fate=("messageId_too_long",)),
    Case("an empty object", "identify", b"{}", fate=("no_user_anon_id",)),
]  # fmt: skip

BATCHES = [
    Case("empty batch", "batch", b'{"batch":[]}', fate=()),
    Case("no batch", "batch", b"{}", 400, "no_batch"),
    Case("batch of null", "batch", b'{"batch":null}', 400, "no_batch"),
    Case("batch that is an object", "batch", b'{"batch":{}}', 400, "no_batch"),
    Case("an array", "batch", b'[{"batch":[]}]', 400, "not_an_object"),
    Case("batch cut short", "batch", batch(call())[:-4], 400, "invalid_json"),
    Case("batch with invalid UTF-8", "batch", batch(call(), _UTF8), 400, "invalid_utf8"),
    Case("batch nested deep", "batch", batch(call(), deep(100_000)), 400, "invalid_json"),
    Case("a context that can't be kept", "batch", b'{"batch":[],"context":{"n":1e999}}', 400,
         "invalid_json"),
    Case("500 KB and a byte", "batch", batch(sized(30_000), b" " * (500 * 1024 - 30_012 + 1)), 400,
         "batch_too_large"),
    Case("500 KB of gzip and more unpacked", "batch", gzip.compress(batch(*[call()] * 12_000)), 400,
         "batch_too_large", headers=GZIP),
    Case("10,000 messages", "batch",
         batch(*[b'{"type":"page","userId":"u%d"}' % i for i in range(10_000)]),
         fate=(None,) * 10_000),
    Case("good and bad", "batch",
         batch(call(), b"1", b'"x"', b"null", b"[]", dump({"type": "track", "userId": "u1"}),
               dump({"event": "Ran", "userId": "u1"}), sized(32 * 1024 + 1), deep(80),
               b'{"n":1e999}', call(p="\ude00"), call(userId=None), call(properties=[])),
         fate=(None, "not_an_object", "not_an_object", "not_an_object", "not_an_object",
               "no_event", "unknown_type", "message_too_large", "invalid_json", "invalid_json",
               None, "no_user_anon_id", None)),
    Case("a deep key is no batch", "batch", b'{"a":{"batch":[]}}', 400, "no_batch"),
    Case("batch twice", "batch", b'{"batch":[1,2,3],"batch":[' + call() + b"]}"),
]  # fmt: skip

ALL = SINGLE + BATCHES
