"""Finding the identifiers that a message carries (segment.com: Unify, 9.1).

Identifiers are (type, value) with the value normalised for its type: e-mail
addresses without case, phone numbers as E.164.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import Any, NamedTuple

from cdp.events import Message
from cdp.events.message import hash64
from cdp.identity.objects import ENDINGS, ended_object
from cdp.identity.rules import DEFAULT, Rules

Identifier = tuple[str, str]

MAX_VALUE = 500
#: What ``context.device.type`` may be for its token to be an identifier: ``ios.push_token``….
SYSTEMS = ("ios", "android", "web", "expo")
#: Those of which the device and its advertising id are, too: as the mobile SDKs send them.
_PHONES = ("ios", "android")
#: How tokens of Expo's push service begin: an app of either phone may have one.
_EXPO = ("ExponentPushToken[", "ExpoPushToken[")
_PREFIX = {0: "use_", 1: "acc_"}
_PUBLIC_ID = re.compile(r"(use|acc|obj([1-9][0-9]{0,9}))_([a-z2-7]{13})")


class Found(NamedTuple):
    """What a message names: the person, the account or object, and what a rule blocked.

    Each is sorted by priority, then value; account only where `cdp.identity.objects.deed`
    says so.
    """

    person: tuple[Identifier, ...]
    account: tuple[Identifier, ...]
    blocked: tuple[Identifier, ...]


def extract(message: Message, rules: Rules) -> Found:
    """The identifiers of ``message``; junk types are passed over, never raised."""
    body = message.body
    found: list[Identifier] = []
    account: list[Identifier] = []
    user_id = body.get("userId")
    if user_id is not None:
        found.append(("user_id", user_id))
    anonymous_id = body.get("anonymousId")
    if anonymous_id is not None:
        found.append(("anonymous_id", anonymous_id))
    type_ = message.type
    if type_ == "alias":
        previous = body.get("previousId")
        if previous is not None:
            found.append(("anonymous_id", previous))
            if rules.alias_joins_user_ids:
                found.append(("user_id", previous))
    elif type_ == "identify":
        _from_traits(body.get("traits"), found, rules)
    elif type_ == "group":
        group_id = body.get("groupId")
        if group_id is not None:
            account.append(("group_id", group_id))
    elif type_ == "track" and message.name in ENDINGS:
        ended = ended_object(body)
        if ended is not None:
            account.append(("group_id", ended))
    context = body.get("context")
    if context:
        if "traits" in context:
            _from_traits(context["traits"], found, rules)
        if "device" in context:
            _from_device(context["device"], found)
        if "externalIds" in context:
            _from_external(context["externalIds"], found, account if type_ == "group" else None)
    for kind, paths in rules.custom:
        _from_paths(body, kind, paths, found, rules)
    if rules.unread and (unread := rules.unread.get(message.source)):
        found = [item for item in found if item[0] not in unread]
        account = [item for item in account if item[0] not in unread]
    return _sorted(found, account, rules)


def _sorted(found: list[Identifier], account: list[Identifier], rules: Rules) -> Found:
    blocked: list[Identifier] = []
    person = _keep(found, blocked, rules)
    accounts = _keep(account, blocked, rules) if account else ()
    return Found(person, accounts, tuple(blocked))


def _keep(
    found: list[Identifier], blocked: list[Identifier], rules: Rules
) -> tuple[Identifier, ...]:
    kept: list[Identifier] = []
    for identifier in found:
        if identifier in kept:
            continue
        if rules.blocks(*identifier):
            blocked.append(identifier)
        else:
            kept.append(identifier)
    return rules.ordered(kept) if len(kept) > 1 else tuple(kept)


def _from_traits(traits: Any, found: list[Identifier], rules: Rules) -> None:
    if not isinstance(traits, dict):
        return
    email = traits.get("email")
    if isinstance(email, str) and (value := normal_value("email", email, rules.phone_region)):
        found.append(("email", value))
    phone = traits.get("phone")
    if isinstance(phone, str) and (value := normal_value("phone", phone, rules.phone_region)):
        found.append(("phone", value))


def _from_device(device: Any, found: list[Identifier]) -> None:
    if not isinstance(device, dict):
        return
    kind = device.get("type")
    if not isinstance(kind, str) or (system := kind.casefold()) not in SYSTEMS:
        return
    token = device.get("token")
    by_expo = isinstance(token, str) and token.strip().startswith(_EXPO)
    _plain(found, f"{'expo' if by_expo else system}.push_token", token)
    if system not in _PHONES:
        return
    _plain(found, f"{system}.id", device.get("id"))
    if device.get("adTrackingEnabled") is True:
        _plain(found, f"{system}.idfa", device.get("advertisingId"))


def _from_external(items: Any, found: list[Identifier], account: list[Identifier] | None) -> None:
    if not isinstance(items, list):
        return
    for item in items[:100]:
        if not isinstance(item, dict) or item.get("encoding") != "none":
            continue
        type_, collection = item.get("type"), item.get("collection")
        if not isinstance(type_, str) or not type_ or len(type_) > 100:
            continue
        type_ = type_.casefold().replace("\0", "")
        value = item.get("id")
        if type_ in ("email", "phone") and isinstance(value, str):
            value = normal_value(type_, value)
        if collection == "users":
            _plain(found, type_, value)
        elif collection == "accounts" and account is not None:
            _plain(account, type_, value)


def _from_paths(
    body: dict[str, Any],
    kind: str,
    paths: tuple[tuple[str, ...], ...],
    found: list[Identifier],
    rules: Rules,
) -> None:
    for path in paths:
        value: Any = body
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if kind in ("email", "phone"):
            text = normal_value(kind, value, rules.phone_region) if isinstance(value, str) else None
            if text:
                found.append((kind, text))
        else:
            _plain(found, kind, value)


def _plain(found: list[Identifier], type_: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return
    text = str(value).replace("\0", "").strip()
    if text and len(text) <= MAX_VALUE:
        found.append((type_, text))


@lru_cache(maxsize=16384)
def normal_value(type_: str, value: str, region: str | None = None) -> str | None:
    """The form in which a value of ``type_`` is kept; None if it can't be one.

    A phone number needs its country (+…), or ``region`` names the default one.
    """
    text = value.replace("\0", "").strip()
    if not text or len(text) > MAX_VALUE:
        return None
    if type_ == "email":
        text = text.casefold()
        local, at, domain = text.rpartition("@")
        return text if at and local and domain and not any(c.isspace() for c in text) else None
    if type_ == "phone":
        return _phone(text, region)
    return text


def parse_identifier(text: str) -> Identifier | None:
    """An identifier as people write it, ``type:value``, in the form in which it is kept.

    A value that can't be one of its type stays as it is written; None without a type or value.
    """
    type_, colon, value = text.partition(":")
    if not colon or not type_ or not value or "\0" in text:
        return None
    return type_.lower(), normal_value(type_.lower(), value) or value


def _phone(text: str, region: str | None) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=1 << 14)
def identifier_hash(collection: int, identifier: Identifier) -> int:
    """The signed 64-bit hash by which an identifier is found."""
    return hash64(f"{collection}\0{identifier[0]}\0{identifier[1]}")


def canonical(ids: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
    """A set of identifiers in the one order that no change of the rules touches."""
    return DEFAULT.ordered(ids) if len(ids) > 1 else ids


def node_key(collection: int, ids: tuple[Identifier, ...]) -> int:
    """The signed 64-bit hash by which a `canonical` set of identifiers is found."""
    return hash64(f"{collection}\1" + "\1".join(f"{type_}\0{value}" for type_, value in ids))


_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [one + other for one in _LETTERS for other in _LETTERS]


def public_id(collection: int, hash_: int) -> str:
    """A profile's id as APIs show it, from an identifier's hash.

    ``use_…`` for people, ``acc_…`` for accounts, ``obj<collection>_…`` for other objects.
    """
    prefix = _PREFIX.get(collection) or f"obj{collection}_"
    # Base32 of its eight bytes, several times as fast as by the library.
    n = (hash_ & 0xFFFF_FFFF_FFFF_FFFF) << 1
    pairs = "".join([_PAIRS[n >> at & 1023] for at in (50, 40, 30, 20, 10, 0)])
    return f"{prefix}{_LETTERS[n >> 60]}{pairs}"


def parse_public_id(text: str) -> tuple[int, int] | None:
    """(collection, hash) of a `public_id`; None for anything else."""
    found = _PUBLIC_ID.fullmatch(text)
    if found is None:
        return None
    collection = int(found[2]) if found[2] else int(found[1] == "acc")
    if found[2] and collection in _PREFIX:
        return None
    try:
        raw = base64.b32decode(found[3].upper() + "===")
    except ValueError:
        return None
    return collection, int.from_bytes(raw, "big", signed=True)
