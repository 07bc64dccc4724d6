"""Reading a request's body: its encoding, its size, and whether it is JSON at all."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import msgspec

from cdp.events import MalformedJSON, decode_json
from cdp.events.message import MAX_MESSAGE_BYTES

#: Segment's limit of a batch request, in bytes.
MAX_BATCH_BYTES = 500 * 1024
#: More than this is not even read.
MAX_READ_BYTES = 5 * 1024 * 1024


class BadBody(ValueError):
    """A body that is answered with 400 (or 413); ``code`` is stable, the text for people."""

    def __init__(self, code: str, detail: str, body: bytes, status: int = 400) -> None:
        super().__init__(detail)
        self.code, self.detail, self.body, self.status = code, detail, body, status


class Envelope(NamedTuple):
    """What a view needs to know of a body."""

    raw: bytes
    write_key: Any


class _Call(msgspec.Struct):
    writeKey: Any = None


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    writeKey: Any = None


_decode_call = msgspec.json.Decoder(_Call).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode


def read_body(environ: dict[str, Any]) -> bytes:
    """The decompressed body. `BadBody` if it is too large or its gzip is broken."""
    length = environ.get("CONTENT_LENGTH")
    if length and length.isdigit() and int(length) > MAX_READ_BYTES:
        raise BadBody("too_large", f"the body has {int(length):,} bytes", b"", 413)
    stream = environ["wsgi.input"]
    raw: bytes = stream.read(MAX_READ_BYTES + 1)
    if len(raw) > MAX_READ_BYTES:
        raise BadBody("too_large", f"the body has over {MAX_READ_BYTES:,} bytes", raw[:1024], 413)
    encoding = environ.get("HTTP_CONTENT_ENCODING")
    if raw[:2] == b"\x1f\x8b":
        return _inflate(raw, 31)
    if encoding and encoding.strip().casefold() == "deflate":
        return _inflate(raw, 15)
    if encoding and encoding.strip().casefold() not in ("identity", "gzip", "x-gzip", ""):
        raise BadBody("unknown_encoding", f"Content-Encoding {encoding[:40]!r} is not known", raw)
    if encoding and "gzip" in encoding.casefold() and raw[:1] not in (b"{", b"["):
        raise BadBody("invalid_gzip", "the body is not gzip, which Content-Encoding says", raw)
    return raw


def _inflate(raw: bytes, window: int) -> bytes:
    unpack = zlib.decompressobj(window)
    try:
        body = unpack.decompress(raw, MAX_READ_BYTES)
    except zlib.error as error:
        raise BadBody("invalid_gzip", f"the compressed body is broken: {error}", raw) from None
    if unpack.unconsumed_tail:
        detail = f"the body unpacks to over {MAX_READ_BYTES:,} bytes"
        raise BadBody("too_large", detail, raw[:1024], 413)
    if not unpack.eof:
        raise BadBody("invalid_gzip", "the compressed body is cut short", raw)
    return body


def check_call(raw: bytes) -> Envelope:
    """Check a single call: its size (32 KB), and that it is a JSON object."""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise BadBody(
            "message_too_large",
            f"the call has {len(raw):,} bytes, {MAX_MESSAGE_BYTES:,} are allowed",
            raw,
        )
    try:
        raw.decode()
        return Envelope(raw, _decode_call(raw).writeKey)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Envelope(raw, _slowly(raw).get("writeKey"))


def check_batch(raw: bytes) -> Envelope:
    """Check a batch: its size (500 KB), and that it is an object with an array ``batch``.

    Items are not looked into: one that is too large or wrong is rejected on its own
    later, so that the good ones beside it are not lost. (Segment answers 400 to the
    whole; its SDKs never send such, as they check the size themselves.)
    """
    if len(raw) > MAX_BATCH_BYTES:
        raise BadBody(
            "batch_too_large",
            f"the batch has {len(raw):,} bytes, {MAX_BATCH_BYTES:,} are allowed",
            raw,
        )
    try:
        raw.decode()
        return Envelope(raw, _decode_batch(raw).writeKey)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _slowly(raw)
        if not isinstance(value.get("batch"), list):
            raise BadBody("no_batch", "a batch needs an array called batch", raw) from None
        return Envelope(raw, value.get("writeKey"))


def _slowly(raw: bytes) -> dict[str, Any]:
    try:
        raw.decode()
        value = decode_json(raw)
    except UnicodeDecodeError as error:
        raise BadBody("invalid_utf8", f"not UTF-8 at byte {error.start}", raw) from None
    except MalformedJSON as error:
        raise BadBody("invalid_json", str(error), raw) from None
    if not isinstance(value, dict):
        raise BadBody("not_an_object", "the body must be a JSON object", raw)
    return value
