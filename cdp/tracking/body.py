"""Reading a request's body: its encoding, its size, and whether it is JSON at all."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import msgspec

from cdp.events import MalformedJSON, decode_json
from cdp.events.decode import decode_mending
from cdp.events.message import MAX_MESSAGE_BYTES
from cdp.events.split import NotABatch, read_envelope, read_shared

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


_decode_call = msgspec.json.Decoder(_Call).decode
_BOM = b"\xef\xbb\xbf"


def read_body(environ: dict[str, Any]) -> bytes:
    """The decompressed body. `BadBody` if it is too large, cut short or broken."""
    length = environ.get("CONTENT_LENGTH") or ""
    promised = int(length) if length.isdecimal() else None
    if promised is not None and promised > MAX_READ_BYTES:
        raise BadBody("too_large", f"the body has {promised:,} bytes", b"", 413)
    stream = environ["wsgi.input"]
    raw: bytes = stream.read(MAX_READ_BYTES + 1 if promised is None else promised)
    if promised is not None and len(raw) < promised:
        # Not the client's fault, so it may come again with the whole.
        detail = f"{len(raw):,} of {promised:,} bytes arrived"
        raise BadBody("incomplete_body", detail, raw, 503)
    if len(raw) > MAX_READ_BYTES:
        raise BadBody("too_large", f"the body has over {MAX_READ_BYTES:,} bytes", raw[:1024], 413)
    encoding = environ.get("HTTP_CONTENT_ENCODING")
    if encoding or raw[:2] == b"\x1f\x8b":
        raw = _unpack(raw, (encoding or "").strip().casefold())
    return raw[3:] if raw[:3] == _BOM else raw


def _unpack(raw: bytes, encoding: str) -> bytes:
    # Some proxies unpack and leave the header, so the bytes are asked first.
    if raw[:2] == b"\x1f\x8b":
        return _inflate(raw, zlib.MAX_WBITS | 16)
    if raw.lstrip()[:1] in (b"{", b"["):
        return raw
    if encoding == "deflate":
        # With zlib's header, as the standard wants it, or without, as some clients do.
        return _inflate(raw, zlib.MAX_WBITS if raw[:1] == b"\x78" else -zlib.MAX_WBITS)
    if encoding in ("gzip", "x-gzip"):
        raise BadBody("invalid_gzip", "the body is not gzip, as Content-Encoding says", raw)
    if encoding in ("identity", ""):
        return raw
    raise BadBody("unknown_encoding", f"Content-Encoding {encoding[:40]!r} is not known", raw)


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
        return _check_slowly(raw)


def _check_slowly(raw: bytes) -> Envelope:
    _check_text(raw)
    try:
        return Envelope(raw, decode_mending(_decode_call, raw).writeKey)
    except msgspec.ValidationError:
        raise BadBody("not_an_object", "the body must be a JSON object", raw) from None
    except MalformedJSON as error:
        raise BadBody("invalid_json", str(error), raw) from None


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
    _check_text(raw)
    try:
        envelope = read_envelope(raw)
        read_shared(envelope)
        return Envelope(raw, decode_json(bytes(envelope.writeKey)))
    except NotABatch as error:
        code = "no_batch" if raw.lstrip()[:1] == b"{" else "not_an_object"
        raise BadBody(code, str(error), raw) from None
    except MalformedJSON as error:
        raise BadBody("invalid_json", str(error), raw) from None


def _check_text(raw: bytes) -> None:
    if not raw.strip():
        raise BadBody("invalid_json", "the body is empty", raw)
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise BadBody("invalid_utf8", f"not UTF-8 at byte {error.start}", raw) from None
