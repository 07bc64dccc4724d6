"""Notifications of Amazon SNS: whether they are genuine, and of the right topic."""

from __future__ import annotations

import base64
import binascii
import re
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cdp.plugin import Forged, GuardedHTTP, Inbound, Retry
from cdp_email.providers.base import signed_json, text_of

_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_KEEP_S = 24 * 3600

_certificates: dict[str, tuple[float, x509.Certificate]] = {}
_lock = threading.Lock()


class Told(NamedTuple):
    """A genuine notification: its id, and its text; "" if there was nothing to tell."""

    id: str
    message: str


def read(request: Inbound, topic: str, http: GuardedHTTP) -> Told:
    """Check a notification and confirm the subscription if it asks for it.

    Raises `Forged` unless Amazon signed it and it is of ``topic``: anybody can have Amazon
    sign notifications of a topic of his own.
    """
    body = signed_json(request)
    kind = text_of(body, "Type")
    if not topic:
        raise Forged("no topic_arn is set: events of no topic are believed")
    if text_of(body, "TopicArn") != topic:
        raise Forged("it is of another topic than topic_arn")
    names = _NOTIFICATION if kind == "Notification" else _CONFIRMATION
    _verify(body, names, http)
    if kind == "SubscriptionConfirmation":
        url = body["SubscribeURL"]
        _check_host(url)
        answer = http.request("GET", url)
        if answer.status != 200:
            raise Retry(f"the subscription could not be confirmed: {answer.status}")
    return Told(body["MessageId"], body["Message"] if kind == "Notification" else "")


def _verify(body: dict[str, Any], names: tuple[str, ...], http: GuardedHTTP) -> None:
    if any(name != "Subject" and not isinstance(body.get(name), str) for name in names):
        raise Forged("it is no notification of SNS")
    signed = "".join(f"{name}\n{body[name]}\n" for name in names if body.get(name) is not None)
    version = text_of(body, "SignatureVersion")
    if version not in ("1", "2"):
        raise Forged(f"the signature has version {version[:10]!r}")
    key = _certificate(text_of(body, "SigningCertURL"), http).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise Forged("the certificate has no RSA key")
    algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
    try:
        signature = base64.b64decode(text_of(body, "Signature"), validate=True)
        key.verify(signature, signed.encode(), padding.PKCS1v15(), algorithm)
    except (InvalidSignature, binascii.Error):
        raise Forged("the signature is not Amazon's") from None


def _certificate(url: str, http: GuardedHTTP) -> x509.Certificate:
    _check_host(url)
    now = time.time()
    with _lock:
        held = _certificates.get(url)
    if held is None or held[0] < now:
        answer = http.request("GET", url)
        if answer.status != 200:
            raise Retry(f"the certificate of SNS can't be had: {answer.status}")
        try:
            held = (now + _KEEP_S, x509.load_pem_x509_certificate(answer.body))
        except ValueError as error:
            raise Forged(f"the certificate can't be read: {error}") from None
        with _lock:
            if len(_certificates) > 50:
                _certificates.clear()
            _certificates[url] = held
    certificate = held[1]
    if not (
        certificate.not_valid_before_utc.timestamp() <= now
        <= certificate.not_valid_after_utc.timestamp()
    ):  # fmt: skip
        raise Forged("the certificate is not valid now")
    return certificate


def _check_host(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not _HOST.fullmatch(parts.netloc):
        raise Forged(f"{url[:100]!r} is no address of Amazon SNS")
