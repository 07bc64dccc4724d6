"""AWS Signature Version 4, for requests with a body."""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import quote, urlsplit


def sign(
    method: str,
    url: str,
    body: bytes,
    headers: dict[str, str],
    keys: tuple[str, str],
    region: str,
    service: str,
    now: float | None = None,
) -> dict[str, str]:
    """``headers`` with those that sign the call; ``keys`` are (access key, secret)."""
    parts = urlsplit(url)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    day = stamp[:8]
    made = {**headers, "Host": parts.netloc, "X-Amz-Date": stamp}
    low = {name.lower(): " ".join(value.split()) for name, value in made.items()}
    names = ";".join(sorted(low))
    query = "&".join(sorted(f"{pair}" if "=" in pair else f"{pair}=" for pair in
                            parts.query.split("&") if pair))  # fmt: skip
    canonical = "\n".join(
        [method, quote(parts.path or "/", safe="/-_.~"), query]
        + [f"{name}:{low[name]}" for name in sorted(low)]
        + ["", names, hashlib.sha256(body).hexdigest()]
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(
        ["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = b"AWS4" + keys[1].encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    made["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys[0]}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return made
