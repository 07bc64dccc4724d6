"""The checks of a domain, against a real DNS server."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from cdp_email import Email, records
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from cdp.plugin import Check
from tests.destinations.email.test_providers import SETTINGS
from tests.destinations.email.test_smtp import _pem

KEYS = [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()]


class Zone:
    """A name server of one's own; ``broken`` names get SERVFAIL."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.broken: set[str] = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def txt(self, name: str, *texts: str) -> None:
        """Texts, in the pieces of 255 bytes that DNS wants."""
        self.records[name + ".", "TXT"] = [
            " ".join(f'"{text[i : i + 255]}"' for i in range(0, len(text), 255)) for text in texts
        ]

    def _serve(self) -> None:
        while True:
            try:
                data, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            query = dns.message.from_wire(data)
            [asked] = query.question
            answer = dns.message.make_response(query)
            name, kind = asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype)
            if name in self.broken:
                answer.set_rcode(dns.rcode.SERVFAIL)
            elif (name, kind) in self.records:
                rows = self.records[name, kind]
                answer.answer.append(dns.rrset.from_text_list(name, 60, "IN", kind, rows))
            elif not any(held == name for held, _ in self.records):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(answer.to_wire(), peer)

    def close(self) -> None:
        """Stop answering."""
        self._socket.close()


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    made = Zone()

    def resolver() -> dns.resolver.Resolver:
        found = dns.resolver.Resolver(configure=False)
        found.nameservers, found.port = ["127.0.0.1"], made.port
        return found

    monkeypatch.setattr(records, "resolver", resolver)
    monkeypatch.setattr(records, "_SECONDS", 1.0)
    yield made
    made.close()


def checks(provider: str = "smtp", **settings: Any) -> dict[str, Check]:
    own = {"provider": provider, "from": "Shop <shop@news.example.org>", "host": "mx.example.org"}
    found = Email(own | SETTINGS.get(provider, {}) | settings).checks()
    return {check.name: check for check in found}


SIGNING = {"dkim_selector": "one,two", "dkim_key": "".join(map(_pem, KEYS))}


def test_an_empty_zone_says_what_to_write(zone: Zone) -> None:
    found = checks(return_path="b@bounce.example.org", **SIGNING)
    assert {name: check.state for name, check in found.items()} == {
        "SPF": "failed", "DKIM one": "failed", "DKIM two": "failed", "DMARC": "failed",
        "Bounces": "failed",
    }  # fmt: skip
    assert found["SPF"].wanted == "bounce.example.org TXT v=spf1 a:mx.example.org ~all"
    assert found["DMARC"].wanted.startswith("_dmarc.news.example.org TXT v=DMARC1; p=none; rua=")
    assert found["DKIM one"].wanted.startswith("one._domainkey.news.example.org TXT v=DKIM1; k=rsa")


def test_what_was_wanted_is_what_is_needed(zone: Zone) -> None:
    wanted = checks(return_path="b@bounce.example.org", **SIGNING)
    for check in wanted.values():
        name, kind, value = check.wanted.split(" ", 2)
        if kind == "TXT":
            zone.txt(name, value)
    zone.records["bounce.example.org.", "MX"] = ["10 mx.example.org."]
    found = checks(return_path="b@bounce.example.org", **SIGNING)
    assert {check.state for check in found.values()} == {"ok"}, found
    assert not any(check.wanted for check in found.values())


def test_another_key_than_the_one_that_signs_is_found(zone: Zone) -> None:
    zone.txt("one._domainkey.news.example.org", "v=DKIM1; k=rsa; p=AAAA")
    assert "another key" in checks(**SIGNING)["DKIM one"].text
    zone.txt("one._domainkey.news.example.org", "v=DKIM1; k=rsa; p=")
    assert checks(**SIGNING)["DKIM one"].state == "failed"


def test_signatures_of_another_domain_do_not_count(zone: Zone) -> None:
    assert "DKIM alignment" not in checks(dkim_domain="example.org", **SIGNING)
    assert checks(dkim_domain="other.example", **SIGNING)["DKIM alignment"].state == "failed"


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        (["v=spf1 a:mx.example.org ~all"], "ok"), (["v=spf1 ip4:192.0.2.1 -all"], "ok"),
        (["v=spf1 +all"], "warning"), (["v=spf1 mx all"], "warning"),
        (["v=spf1 -all", "v=spf1 mx ~all"], "failed"), (["something else"], "failed"),
    ],
)  # fmt: skip
def test_spf(zone: Zone, texts: list[str], state: str) -> None:
    zone.txt("news.example.org", *texts)
    assert checks()["SPF"].state == state


@pytest.mark.parametrize(
    ("name", "texts", "state"),
    [
        ("_dmarc.news.example.org", ["v=DMARC1; p=reject"], "ok"),
        ("_dmarc.example.org", ["v=DMARC1;p=none; rua=mailto:a@b.example"], "ok"),
        ("_dmarc.org", ["v=DMARC1; p=none"], "failed"),
        ("_dmarc.news.example.org", ["v=DMARC1; p=maybe"], "failed"),
        ("_dmarc.news.example.org", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "failed"),
    ],
)
def test_dmarc(zone: Zone, name: str, texts: list[str], state: str) -> None:
    zone.txt(name, *texts)
    assert checks()["DMARC"].state == state


@pytest.mark.parametrize("provider", SETTINGS)
def test_providers_have_records_of_their_own(zone: Zone, provider: str) -> None:
    empty = checks(provider)
    assert (empty["SPF"].state, empty["DKIM"].state) == ("warning", "unknown")
    where, _, value = empty["SPF"].wanted.split(" ", 2)
    zone.txt(where, "v=spf1 ip4:192.0.2.1 -all")
    joined = checks(provider)["SPF"]
    assert joined.state == "warning" and "ip4:192.0.2.1" in joined.wanted
    zone.txt(where, value)
    zone.txt("mine._domainkey.news.example.org", "k=rsa; p=AAAA")
    found = checks(provider, dkim_selector="mine")
    assert (found["SPF"].state, found["DKIM"].state) == ("ok", "ok")
    assert checks(provider, dkim_selector="nine")["DKIM"].state == "failed"


def test_no_answer_is_not_taken_for_no(zone: Zone) -> None:
    zone.broken |= {"news.example.org.", "_dmarc.news.example.org."}
    found = checks()
    assert (found["SPF"].state, found["DMARC"].state) == ("unknown", "unknown")
    assert "could not be looked up" in found["SPF"].text
