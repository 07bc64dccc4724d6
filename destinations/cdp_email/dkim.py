"""DKIM signatures (RFC 6376, and 8463 for Ed25519), relaxed in headers and body."""

from __future__ import annotations

import base64
import hashlib
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

#: Signed where they occur; those in the second set also where they don't, so that
#: nobody can add one later.
_SIGNED = (
    "from", "to", "cc", "subject", "date", "message-id", "reply-to", "mime-version",
    "content-type", "content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post",
    "list-id", "feedback-id", "in-reply-to", "references", "x-headwater-delivery",
)  # fmt: skip
_SEALED = ("from", "to", "cc", "subject", "date", "message-id", "reply-to", "content-type")

_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----(.+?)-----END \1-----", re.S)
_SPACE = re.compile(rb"[ \t]+")
_SPACE_AT_END = re.compile(rb"[ \t]+(?=\r\n)")

Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def read_keys(text: str) -> list[Key]:
    """The private keys of one or more PEM blocks, line breaks may be spaces or ``\\n``.

    ValueError says what is wrong.
    """
    blocks = _PEM.findall(text.replace("\\n", "\n"))
    if not blocks:
        raise ValueError("there is no -----BEGIN PRIVATE KEY----- block")
    keys: list[Key] = []
    for kind, inner in blocks:
        lines = "\n".join(inner.split())
        pem = f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"
        try:
            key = serialization.load_pem_private_key(pem.encode(), None)
        except (ValueError, TypeError) as error:
            raise ValueError(f"a key can't be read: {error}") from None
        if isinstance(key, rsa.RSAPrivateKey):
            if key.key_size < 1024:
                raise ValueError(f"an RSA key has {key.key_size} bits, at least 1024 are needed")
        elif not isinstance(key, ed25519.Ed25519PrivateKey):
            raise ValueError("a key is neither RSA nor Ed25519")
        keys.append(key)
    return keys


class Signer:
    """Signs for ``domain`` with one key, published under ``selector``."""

    def __init__(self, domain: str, selector: str, key: Key) -> None:
        self.domain, self.selector = domain, selector
        self._key = key
        self._kind = "rsa-sha256" if isinstance(key, rsa.RSAPrivateKey) else "ed25519-sha256"

    def sign(self, lines: list[bytes], body_hash: bytes, now: float) -> bytes:
        """The ``DKIM-Signature`` line for the header ``lines`` of a message."""
        relaxed = [_relaxed(line) for line in lines]
        names, signed = [], []
        for name in _SIGNED:
            # RFC 6376, 5.4.2: of several the last one first.
            own = [line for key, line in reversed(relaxed) if key == name]
            times = len(own) + (name in _SEALED)
            names += [name] * times
            signed += own
        head = (
            f"DKIM-Signature: v=1; a={self._kind}; c=relaxed/relaxed; d={self.domain};\r\n"
            f" s={self.selector}; t={int(now)}; bh={body_hash.decode()};\r\n"
            + _listed(names)
            + " b="
        ).encode()
        data = b"\r\n".join([*signed, _relaxed(head)[1]])
        if isinstance(self._key, rsa.RSAPrivateKey):
            made = self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:
            made = self._key.sign(hashlib.sha256(data).digest())
        text = base64.b64encode(made)
        return head + b"\r\n ".join(text[i : i + 72] for i in range(0, len(text), 72))

    @staticmethod
    def hash(body: bytes) -> bytes:
        """The hash of a relaxed body, in base64; the same for all signers."""
        if b"  " in body or b"\t" in body or b" \r\n" in body:
            body = _SPACE.sub(b" ", body)
            body = _SPACE_AT_END.sub(b"", body)
        body = body.rstrip(b"\r\n")
        data = body + b"\r\n" if body else b""
        return base64.b64encode(hashlib.sha256(data).digest())

    def record(self) -> str:
        """The TXT record that belongs at ``<selector>._domainkey.<domain>``."""
        public = self._key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            data = public.public_bytes(serialization.Encoding.DER, form)
            return f"v=DKIM1; k=rsa; p={base64.b64encode(data).decode()}"
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(public.public_bytes_raw()).decode()}"


def _relaxed(line: bytes) -> tuple[str, bytes]:
    name, _, value = line.partition(b":")
    key = name.strip().lower()
    value = _SPACE.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return key.decode(), key + b":" + value


def _listed(names: list[str]) -> str:
    lines, line = [], " h=" + names[0]
    for name in names[1:]:
        if len(line) + len(name) + 2 > 76:
            lines.append(line + ":")
            line = "  " + name
        else:
            line += ":" + name
    return "\r\n".join([*lines, line]) + ";\r\n"
