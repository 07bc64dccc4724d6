"""The DNS records that receivers ask for before they trust a domain's mail."""

from __future__ import annotations

import re
from typing import Any

import dns.exception
import dns.resolver

from cdp.plugin import Check
from cdp_email.addresses import parse
from cdp_email.dkim import Signer
from cdp_email.providers import provider_class
from cdp_email.smtp import signers

_SECONDS = 5.0
_TAG = re.compile(r"(?:^|;)\s*([a-z]+)\s*=\s*([^;]*)")


class _Unknown(Exception):
    """DNS gave no answer, neither yes nor no."""


def check(settings: dict[str, Any]) -> list[Check]:
    """SPF, DKIM and DMARC of the domain of ``from``, and where bounces go, looked up now."""
    found: list[Check] = []
    for looking in (_spf, _dkim, _dmarc, _bounces):
        try:
            found += looking(settings)
        except _Unknown as error:
            found.append(Check(looking.__name__[1:].upper(), "unknown", str(error)))
    return found


def resolver() -> dns.resolver.Resolver:
    """Who is asked: the resolver of this machine."""
    return dns.resolver.Resolver()


def _ask(name: str, kind: str) -> list[Any]:
    """The records of ``name``; none if there are none. Raises `_Unknown`."""
    try:
        return list(resolver().resolve(name, kind, lifetime=_SECONDS))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise _Unknown(f"{name} could not be looked up: {error}") from None


def _texts(name: str, start: str) -> list[str]:
    found = [b"".join(item.strings).decode("ascii", "replace") for item in _ask(name, "TXT")]
    return [text for text in found if text.lower().replace(" ", "").startswith(start)]


def _spf(settings: dict[str, Any]) -> list[Check]:
    domain = parse(settings["from"]).domain
    smtp = settings["provider"] == "smtp"
    if smtp:
        where = (settings["return_path"] or settings["from"]).rpartition("@")[2].rstrip(">")
        need = f"a:{settings['host']}"
    else:
        provider = provider_class(settings["provider"])
        where = settings["domain"] if settings["provider"] == "mailgun" else domain
        where = f"send.{domain}" if settings["provider"] == "resend" else where
        need = f"include:{provider.spf_include}"
    records = _texts(where, "v=spf1")
    wanted = f"{where} TXT v=spf1 {need} ~all"
    if not records:
        state = "failed" if smtp else "warning"
        return [Check("SPF", state, f"{where} doesn't say who may send for it", wanted)]
    if len(records) > 1:
        text = f"{where} has {len(records)} SPF records, which counts as none: join them"
        return [Check("SPF", "failed", text, wanted)]
    [record] = records
    if re.search(r"\s\+?all\b", record):
        return [Check("SPF", "warning", f"{record}: lets everybody send for {where}", wanted)]
    if need.lower() in record.lower():
        return [Check("SPF", "ok", record)]
    joined = f"{where} TXT {record.replace('v=spf1', f'v=spf1 {need}', 1)}"
    if smtp:
        text = f"{record}: whether it has the addresses your server sends from, only mail shows"
        return [Check("SPF", "ok", text)]
    return [Check("SPF", "warning", f"{record}: doesn't name {need}", joined)]


def _dkim(settings: dict[str, Any]) -> list[Check]:
    own = signers(settings) if settings["provider"] == "smtp" else []
    if own:
        return [_own_key(signer) for signer in own] + _aligned(settings, own[0].domain)
    domain = settings["dkim_domain"] or parse(settings["from"]).domain
    given = settings["dkim_selector"]
    if settings["provider"] != "smtp":
        given = given or provider_class(settings["provider"]).selectors
    found = {selector: _published(selector, domain) for selector in given}
    for selector, record in found.items():
        if _tags(record).get("p"):
            text = f"{selector}._domainkey.{domain} has a key"
            return [Check("DKIM", "ok", text), *_aligned(settings, domain)]
    if settings["dkim_selector"]:
        text = f"no key at {', '.join(f'{s}._domainkey.{domain}' for s in found)}"
        return [Check("DKIM", "failed", text)]
    if settings["provider"] == "smtp":
        text = "nothing is signed here: set dkim_selector to look up what your mail server uses"
    else:
        title = provider_class(settings["provider"]).title
        text = f"no key under the usual names: set dkim_selector to the one that {title} gave you"
    return [Check("DKIM", "unknown", text)]


def _own_key(signer: Signer) -> Check:
    name = f"DKIM {signer.selector}"
    where, wanted = f"{signer.selector}._domainkey.{signer.domain}", signer.record()
    record = _published(signer.selector, signer.domain)
    if not record:
        return Check(name, "failed", f"there is no key at {where}", f"{where} TXT {wanted}")
    same = "".join(_tags(record).get("p", "").split()) == _tags(wanted)["p"]
    if not same:
        text = f"{where} has another key than the one that signs"
        return Check(name, "failed", text, f"{where} TXT {wanted}")
    return Check(name, "ok", f"{where} has the key that signs")


def _published(selector: str, domain: str) -> str:
    where = f"{selector}._domainkey.{domain}"
    found = _texts(where, "v=dkim1") or [t for t in _texts(where, "") if "p" in _tags(t)]
    return found[0] if found else ""


def _aligned(settings: dict[str, Any], signing: str) -> list[Check]:
    """DMARC counts a signature only if it is of the domain of From, or above or below it."""
    domain = parse(settings["from"]).domain
    if domain == signing or domain.endswith(f".{signing}") or signing.endswith(f".{domain}"):
        return []
    text = f"signatures of {signing} don't count for {domain}: DMARC wants one of the same domain"
    return [Check("DKIM alignment", "failed", text)]


def _dmarc(settings: dict[str, Any]) -> list[Check]:
    domain = parse(settings["from"]).domain
    wanted = f"_dmarc.{domain} TXT v=DMARC1; p=none; rua=mailto:dmarc@{domain}"
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        where = "_dmarc." + ".".join(labels[start:])
        records = _texts(where, "v=dmarc1")
        if len(records) > 1:
            text = f"{where} has {len(records)} records, which counts as none"
            return [Check("DMARC", "failed", text, wanted)]
        if records:
            policy = _tags(records[0]).get("p", "").strip().lower()
            if policy not in ("none", "quarantine", "reject"):
                text = f"{where}: {records[0]} has no policy (p=)"
                return [Check("DMARC", "failed", text, wanted)]
            return [Check("DMARC", "ok", f"{where}: {records[0]}")]
    text = f"{domain} doesn't say what to do with mail that only pretends to be from it"
    return [Check("DMARC", "failed", text, wanted)]


def _bounces(settings: dict[str, Any]) -> list[Check]:
    if settings["provider"] != "smtp" or not settings["return_path"]:
        return []
    domain = settings["return_path"].rpartition("@")[2]
    if _ask(domain, "MX") or _ask(domain, "A") or _ask(domain, "AAAA"):
        return [Check("Bounces", "ok", f"{domain} takes mail")]
    text = f"{domain} takes no mail: bounces are lost, and some receivers refuse the messages"
    return [Check("Bounces", "failed", text, f"{domain} MX 10 YOUR-MAIL-SERVER")]


def _tags(record: str) -> dict[str, str]:
    return {name: value.strip() for name, value in _TAG.findall(record)}
