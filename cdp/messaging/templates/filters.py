"""Filters beyond Shopify's standard ones, and bounds around all of them."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from datetime import date as day
from typing import Any
from zoneinfo import ZoneInfo

from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context
from markupsafe import Markup

from cdp.messaging.templates.policy import Missing
from cdp.messaging.templates.stringify import shown

#: The longest text, and the longest list, that a filter takes or makes.
MAX_TEXT, MAX_ITEMS = 1_000_000, 10_000
_MAX_BITS = 4096


def timezone_(value: Any, zone: Any) -> Any:
    """The same moment in another time zone, for `date`. ::

    {{ event.starts_at | timezone: "Europe/Warsaw" | date: "%H:%M" }}
    """
    found = moment(value, 0)
    if found is None:
        raise FilterArgumentError(f"{shown(value)[:60]} is no time", token=None)
    return found.astimezone(_zone(shown(zone)))


@with_context
def date(value: Any, form: Any = "%Y-%m-%d", *, context: Any) -> str:
    """A time in the form that ``strftime`` knows; ``now`` and ``today`` are when it is sent. ::

    {{ event.starts_at | date: "%-d %B %Y" }}
    """
    run = context.run
    found = moment(value, run.data["now"] if run is not None else 0)
    if found is None or isinstance(form, Missing):
        return shown(value)
    return found.strftime(shown(form)[:200])


@with_context
def format_number(value: Any, digits: Any = None, locale: Any = None, *, context: Any) -> str:
    """A number with groups of thousands, as the message's locale writes it. ::

    {{ 1234567.891 | format_number: 2 }}
    """
    from babel.numbers import format_decimal

    number = _number(value)
    places = 0 if isinstance(number, int) else 3
    if digits is not None:
        places = int(_number(digits))
    if not 0 <= places <= 20:
        raise FilterArgumentError("between 0 and 20 digits are possible", token=None)
    pattern = "#,##0" + ("." + ("0" if digits is not None else "#") * places if places else "")
    return format_decimal(number, format=pattern, locale=_said(locale, context))


@with_context
def currency(value: Any, code: Any = "USD", locale: Any = None, *, context: Any) -> str:
    """An amount of money, as the message's locale writes it. ::

    {{ 1234.5 | currency: "EUR" }}
    """
    from babel.numbers import format_currency

    code = shown(code).upper()[:3]
    return format_currency(_number(value), code, locale=_said(locale, context))


def _said(locale: Any, context: Any) -> str:
    run = context.run
    return _locale(locale or (run.locale if run is not None else "") or "en")


def _locale(value: Any) -> str:
    from babel import Locale, UnknownLocaleError

    text = shown(value).replace("-", "_")
    for tried in (text, text.partition("_")[0], "en"):
        try:
            return str(Locale.parse(tried))
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError


def md5(value: Any) -> str:
    """Its MD5 in hexadecimal; for Gravatar, not for secrets. ::

    {{ customer.email | downcase | md5 }}
    """
    return hashlib.md5(_bytes(value), usedforsecurity=False).hexdigest()


def sha1(value: Any) -> str:
    """Its SHA-1 in hexadecimal. ::

    {{ "a" | sha1 }}
    """
    return hashlib.sha1(_bytes(value), usedforsecurity=False).hexdigest()


def sha256(value: Any) -> str:
    """Its SHA-256 in hexadecimal. ::

    {{ "a" | sha256 }}
    """
    return hashlib.sha256(_bytes(value)).hexdigest()


def hmac_sha1(value: Any, key: Any) -> str:
    """Its HMAC-SHA1 in hexadecimal. ::

    {{ "a" | hmac_sha1: "key" }}
    """
    return hmac.new(_bytes(key), _bytes(value), hashlib.sha1).hexdigest()


def hmac_sha256(value: Any, key: Any) -> str:
    """Its HMAC-SHA256 in hexadecimal. ::

    {{ "a" | hmac_sha256: "key" }}
    """
    return hmac.new(_bytes(key), _bytes(value), hashlib.sha256).hexdigest()


def base64_(value: Any) -> str:
    """Its UTF-8 in base64. ::

    {{ "a" | base64 }}
    """
    return base64.b64encode(_bytes(value)).decode()


def to_json(value: Any) -> Any:
    """It as JSON, also safe inside of a script. ::

    {{ "a" | to_json }}
    """
    if isinstance(value, Missing):
        value = shown(str(value))
    text = json.dumps(value, ensure_ascii=False, default=shown)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


OURS: dict[str, Callable[..., Any]] = {
    "timezone": timezone_,
    "date": date,
    "format_number": format_number,
    "currency": currency,
    "md5": md5,
    "sha1": sha1,
    "sha256": sha256,
    "hmac_sha1": hmac_sha1,
    "hmac_sha256": hmac_sha256,
    "base64": base64_,
    "to_json": to_json,
    "json": to_json,
}


def bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses to make, or to take, what is too large."""

    @functools.wraps(function)
    def checked(value: Any, *args: Any, **named: Any) -> Any:
        for each in (value, *args):
            _check(each)
        if args and name in ("replace", "join") and _grown(name, value, args) > MAX_TEXT:
            raise FilterArgumentError("the text would be too long", token=None)
        found = function(value, *args, **named)
        _check(found)
        return found

    return checked


def _grown(name: str, value: Any, args: tuple[Any, ...]) -> int:
    """How much text is added."""
    if name == "join":
        many = len(value) if isinstance(value, list | tuple | range) else 0
        return many * len(shown(args[0]))
    text, old = shown(value), shown(args[0])
    many = text.count(old) if old else len(text) + 1
    return many * len(shown(args[1])) if len(args) > 1 else 0


def _check(value: Any) -> None:
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise FilterArgumentError("the text is too long", token=None)
    elif isinstance(value, list | tuple):
        if len(value) > MAX_ITEMS:
            raise FilterArgumentError("the list is too long", token=None)
    elif isinstance(value, range):
        if value.stop - value.start > MAX_ITEMS:
            raise FilterArgumentError("the range is too long", token=None)
    elif isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise FilterArgumentError("the number is too large", token=None)


def moment(value: Any, now: int) -> datetime | None:
    """The time that a value says: seconds since 1970, or a text; in UTC unless it says more."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, day):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str) and value.strip() in ("now", "today"):
        value = now
    if isinstance(value, str) and value.strip().lstrip("-").isdigit() and len(value) < 15:
        value = int(value)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            # What would be a year beyond 5000 in seconds is milliseconds.
            return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        if isinstance(value, str) and len(value) < 100:
            return _parsed(value)
    except (OverflowError, OSError, ValueError):
        return None
    return None


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> datetime | None:
    from dateutil import parser

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = parser.parse(text, default=datetime(1970, 1, 1))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@functools.lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise FilterArgumentError(f"there is no time zone {name[:60]}", token=None) from None


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = shown(value).strip()
    try:
        return int(text) if text.lstrip("-").isdigit() and len(text) < 30 else float(text)
    except ValueError:
        raise FilterArgumentError(f"{text[:60]!r} is no number", token=None) from None


def _bytes(value: Any) -> bytes:
    text = value.unescape() if isinstance(value, Markup) else shown(value)
    return text.encode("utf-8", "surrogatepass")
