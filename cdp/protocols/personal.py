"""Telling a person's data by its key and by its look.

The kinds are Segment's red and yellow lists (its privacy portal), and a few that
the European law counts as well: addresses of the net, devices, accounts, places.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

#: Not to be had without need: Segment can block these at the source.
RED = frozenset(
    {
        "social_security_number",
        "password",
        "visa",
        "veteran",
        "disability",
        "credit_card",
        "passport",
        "token",
        "bank_account",
    }
)
#: Names a person, or says much of one.
YELLOW = frozenset(
    {
        "race",
        "birthdate",
        "phone",
        "address",
        "gender",
        "ethnicity",
        "citizenship",
        "name",
        "street",
        "city",
        "zipcode",
        "email",
        "certificate",
        "license",
        "ip",
        "device",
        "user_id",
        "location",
    }
)

#: Kinds of which a mere yes or no says something.
_EVEN_BOOLEAN = frozenset({"veteran", "disability"})
#: Kinds that cover what is nested under them (`phone.home`, `card.number`).
_COVERS = frozenset(
    {
        "social_security_number",
        "password",
        "credit_card",
        "passport",
        "token",
        "bank_account",
        "phone",
        "address",
        "location",
        "visa",
        "veteran",
        "disability",
        "birthdate",
        "license",
        "certificate",
    }
)
#: (kind, what a key in lower case with `_` between its words must match).
_KEYS = tuple(
    (kind, re.compile(rf"(?:^|_)(?:{pattern})$"))
    for kind, pattern in (
        ("email", r"e_?mails?|e_?mail_?address(?:es)?|gravatar"),
        ("ip", r"ip|ips|ip_?v?[46]?_?address(?:es)?|ip_?v[46]|remote_addr"),
        ("device", r"mac_?address|imei|idfa|idfv|gaid|aaid|advertising_?id|device_?id|udid|msisdn"),
        (
            "social_security_number",
            r"ssn|social_security(?:_(?:number|no))?|national_id(?:_number)?|pesel|tax_?id|nino",
        ),
        ("password", r"password|passwd|pwd|passphrase|secret|pin_?code|password_hash|pass_?word"),
        ("passport", r"passport(?:_(?:number|no|id))?"),
        (
            "credit_card",
            r"(?:credit|debit|bank|payment)_?card(?:_(?:number|no|num))?|card(?:_(?:number|no|num))?"
            r"|cc_?(?:number|num|no)|pan|cvv2?|cvc2?",
        ),
        ("bank_account", r"iban|bic|bank_account(?:_(?:number|no))?|account_number|routing_number"),
        ("visa", r"visa(?:_(?:number|no|type|status))?"),
        ("veteran", r"veteran(?:_status)?|is_veteran"),
        ("disability", r"disability|disabilities|disabled_person|disability_status"),
        ("token", r"tokens?|jwt|api_?key|access_?key|private_?key|session_?id|auth(?:orization)?"),
        ("birthdate", r"birth_?(?:date|day)|date_of_birth|dob|born|birth_year|year_of_birth"),
        (
            "phone",
            r"(?:tele|mobile_?|cell_?|home_?|work_?)?phones?(?:_?(?:number|no|num)s?)?"
            r"|mobile_(?:number|no)|cell_number|tel|fax(?:_number)?|whats_?app(?:_number)?",
        ),
        ("street", r"street(?:_?(?:name|number|address|line_?\d?|\d))?"),
        ("address", r"address(?:es)?(?:_?(?:line_?)?\d)?|addr"),
        ("zipcode", r"zip|zip_?code|post(?:al)?_?code|postal"),
        ("city", r"city|town|home_?town|city_name"),
        ("gender", r"gender|sex"),
        ("race", r"race"),
        ("ethnicity", r"ethnicity|ethnic(?:_?(?:group|origin))?"),
        ("citizenship", r"citizenships?|nationality|nationalities"),
        ("certificate", r"certificates?(?:_(?:number|no|id))?"),
        ("license", r"licen[cs]es?(?:_(?:number|no|id|plate))?|driv(?:er|ing)s?_licen[cs]e_?\w*"),
        ("location", r"lat|lng|lon|latitude|longitude|geo_?(?:location|point)|coordinates|gps"),
        (
            "user_id",
            r"(?:user|customer|person|member|contact|subscriber|patient|employee|client|visitor"
            r"|anonymous|profile|external)_?ids?|uid|guid|distinct_id",
        ),
        (
            "name",
            r"(?:first|last|middle|full|given|family|maiden|sur|nick|user|display|legal|preferred"
            r"|customer|contact|recipient|person|agent|author|owner|guest|holder)_?names?"
            r"|surname|fore_?name|login|avatar|handle",
        ),
    )
)
#: Under these a bare `name` or `id` is a person's; elsewhere it is a product's or a page's.
_PEOPLE = frozenset(
    [
        "traits",
        "user",
        "customer",
        "person",
        "contact",
        "recipient",
        "sender",
        "buyer",
        "seller",
        "author",
        "owner",
        "guest",
        "member",
        "employee",
        "patient",
        "client",
        "subscriber",
        "invitee",
        "agent",
        "billing",
        "shipping",
        "parent",
        "child",
    ]
)
#: What the person's own machine is called and known by.
_OWN_DEVICE = frozenset({"device.name", "device.id", "device.token"})

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_SEGMENTS = re.compile(r"(?<!\\)\.")

_EMAIL = re.compile(r"[^\s@<>](?:[@\uff20]|%40)[^\s@]*[^\s@.]")
_PHONE = re.compile(
    r"(?:\+|\b00)\d[\d \-./()]{6,18}\d\b"
    r"|\(\d{3}\) ?\d{3}[ \-.]?\d{4}\b|\b\d{3}[\-. ]\d{3}[\-. ]\d{4}\b"
)
_CARD = re.compile(r"(?<![\d.])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\d.])")
_SOCIAL = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
_IP = re.compile(
    r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])"
)
_IP6 = re.compile(
    r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){2,7}(?::|[0-9a-fA-F]{1,4})(?![\w:])|::[0-9a-fA-F]{1,4}\b"
)
_TOKEN = re.compile(
    r"\beyJ[\w-]{8,}\.[\w-]{8,}|\bBearer [\w.-]{12,}|\b(?:sk|pk|rk)_(?:live|test)_\w{8,}"
)
_TOKEN_MARKS = ("eyJ", "Bearer", "_live_", "_test_")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
#: A version looks like an address of the net where a key says so.
_VERSION = re.compile(r"(?:^|[._])(?:version|build|user_?agent|ver)$", re.IGNORECASE)


def looks_personal(path: str, value: Any) -> str | None:
    """The kind of personal data (of `RED` or `YELLOW`) that ``value`` looks like, if any.

    ``path`` says where in a message the value is, with its root (`traits.email`,
    `properties.billing.city`, `context.device.id`); a dot within a key is written
    ``\\.``, and ``[]`` marks an array's items. For an object or an array the key
    alone decides; null is never personal.
    """
    if value is None:
        return None
    kind = key_kind(path)
    if kind is not None and (not isinstance(value, bool) or kind in _EVEN_BOOLEAN):
        return kind
    if isinstance(value, str):
        return text_kind(value, _version(path))
    if isinstance(value, int) and not isinstance(value, bool):
        return "credit_card" if 10**12 <= value < 10**19 and _is_card(str(value)) else None
    return None


@lru_cache(maxsize=8192)
def key_kind(path: str) -> str | None:
    """The kind that the keys of a path name; the last key first, then what it is under."""
    segments = [segment.removesuffix("[]") for segment in _SEGMENTS.split(path)]
    keys = [_words(segment) for segment in segments]
    last = keys[-1]
    if ".".join(keys[-2:]) in _OWN_DEVICE:
        return "device"
    if (kind := _kind_of(last)) is not None:
        return kind
    for above in reversed(keys[1:-1]):
        covering = _kind_of(above)
        if covering in _COVERS:
            return covering
    above = keys[-2] if len(keys) > 1 else ""
    if last == "id" and above == "external_ids":
        return "user_id"
    if last in ("name", "id") and above.rpartition("_")[2] in _PEOPLE:
        return "name" if last == "name" else "user_id"
    return None


def text_kind(text: str, is_version: bool = False) -> str | None:
    """The kind of personal data that a text holds somewhere, by its look alone."""
    if ("@" in text or "%40" in text or "\uff20" in text) and _EMAIL.search(text):
        return "email"
    if len(text) < 7:
        return None if len(text) < 3 or "::" not in text or not _IP6.search(text) else "ip"
    if any(mark in text for mark in _TOKEN_MARKS) and _TOKEN.search(text):
        return "token"
    if not any(map(str.isdigit, text)):
        return None
    if ("-" in text) and _SOCIAL.search(text):
        return "social_security_number"
    if len(text) >= 15 and any(_is_iban(found[0]) for found in _IBAN.finditer(text)):
        return "bank_account"
    if any(_is_card(found[0]) for found in _CARD.finditer(text)):
        return "credit_card"
    if _PHONE.search(text):
        return "phone"
    if not is_version and text.count(".") >= 3 and "Mozilla/" not in text and _IP.search(text):
        return "ip"
    if text.count(":") >= 2 and _IP6.search(text) and not _CLOCK.search(text):
        return "ip"
    return None


_CLOCK = re.compile(r"\b\d{1,2}:\d{2}:\d{2}\b")


@lru_cache(maxsize=8192)
def _words(key: str) -> str:
    return "_".join(word for word in _WORDS.split(key) if word).lower()


@lru_cache(maxsize=8192)
def _kind_of(words: str) -> str | None:
    return next((kind for kind, pattern in _KEYS if pattern.search(words)), None)


@lru_cache(maxsize=8192)
def _version(path: str) -> bool:
    return _VERSION.search(path) is not None


def _is_card(text: str) -> bool:
    """Whether digits are those of a payment card (issuer's first digit, length, Luhn)."""
    digits = [int(sign) for sign in text if sign.isdigit()]
    if not 13 <= len(digits) <= 19 or not 3 <= digits[0] <= 6:
        return False
    doubled = [n * 2 - 9 * (n > 4) for n in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "")
    turned = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(s, 36)) for s in turned)) % 97 == 1
