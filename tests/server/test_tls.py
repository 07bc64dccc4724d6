"""`cdp serve` with a certificate of its own."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

pytestmark = pytest.mark.real


def write_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A self-signed certificate for ``host``, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(pem))
    paths[1].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def test_it_becomes_ready_with_a_certificate_for_its_public_name(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path, "events.example.com")
    command = [sys.executable, "-m", "cdp", "serve", "--port", "0", "--data", str(tmp_path / "d")]
    process = subprocess.Popen(
        [*command, "--tls-cert", str(certificate), "--tls-key", str(key)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready https://127.0.0.1:")
        answer = requests.get(line.split()[1] + "/readyz", verify=False, timeout=60)
        assert answer.json() == {"status": "ready"}
    finally:
        process.terminate()
        assert process.wait(60) == 0
