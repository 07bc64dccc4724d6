"""TLS with certificates of one's own."""

from __future__ import annotations

import os
import ssl
import tempfile

from cdp.plugin import pem


def context_of(certificate: str, key: str, authority: str) -> ssl.SSLContext:
    """Shows ``certificate`` with ``key``, and trusts ``authority`` beside the usual; ValueError.

    Each is PEM, or empty.
    """
    context = ssl.create_default_context()
    if authority:
        try:
            context.load_verify_locations(cadata=pem(authority))
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(f"the authority's certificate can't be read: {error}") from None
    if certificate:
        # OpenSSL takes them from a file alone; nobody else can read it, and it goes at once.
        handle, path = tempfile.mkstemp(prefix="cdp-", suffix=".pem")
        try:
            with os.fdopen(handle, "w") as file:
                file.write(pem(certificate) + "\n" + pem(key))
            # Without a password it would ask the terminal for one.
            context.load_cert_chain(path, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(
                f"the certificate and its key don't fit or can't be read: {error}"
            ) from None
        finally:
            os.unlink(path)
    return context
