"""Keys, and the tokens that are signed with them (JWT, RFC 7519)."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from cdp.plugin import pem


def b64(data: bytes) -> str:
    """Base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of `b64`, or of usual base64; ValueError."""
    plain = text.strip().rstrip("=").translate(str.maketrans("+/", "-_"))
    return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)


def rsa_key(text: str) -> rsa.RSAPrivateKey:
    """An RSA key in PEM; ValueError."""
    key = _pem(text)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("this is no RSA key")
    return key


def p256_key(text: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key in PEM, or its 32 bytes in base64; ValueError."""
    if "-----BEGIN" in text:
        key = _pem(text)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise ValueError("this is no P-256 key")
        return key
    raw = unb64(text)
    if len(raw) != 32:
        raise ValueError(f"a P-256 key has 32 bytes, this one {len(raw)}")
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())


def public_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as 65 bytes."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def jwt(
    claims: dict[str, Any],
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    key_id: str = "",
) -> str:
    """``claims`` signed: ES256 or RS256, as the key is."""
    elliptic = isinstance(key, ec.EllipticCurvePrivateKey)
    head: dict[str, str] = {"alg": "ES256" if elliptic else "RS256", "typ": "JWT"}
    if key_id:
        head["kid"] = key_id
    text = ".".join(
        b64(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims)
    )
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{b64(signature)}"


def _pem(text: str) -> Any:
    try:
        return serialization.load_pem_private_key(pem(text).encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"this key can't be read: {str(error)[:120]}") from None
