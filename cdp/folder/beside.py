"""Texts that stand in files of their own, beside the file of their object.

``body: welcome.mjml`` in a template's file means the file of that name. Its ending says the
format of what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from cdp.definitions import KINDS, Fault
from cdp.folder.model import Thing
from cdp.messaging.templates.names import FORMATS, format_of

#: No text needs more (bytes).
MAX_BYTES = 1024 * 1024
ENDINGS = {"md": "markdown", "markdown": "markdown", "mjml": "mjml", "html": "html", "htm": "html"}
_PLAIN = ("liquid", "txt", "json")
_NAME = re.compile(rf"[\w][\w.-]*(/[\w][\w.-]*)*\.({'|'.join([*ENDINGS, *_PLAIN])})", re.ASCII)
_ENDING_OF = {"markdown": "md", "mjml": "mjml", "html": "html"}


def put_in(
    root: Path, file: str, kind: str, given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str], list[Fault]]:
    """An object with the texts of its files in it, their names by field, and what is wrong."""
    found, names, faults = deepcopy(given), dict[str, str](), list[Fault]()
    for field, holder, name in _places(kind, found):
        said = holder[name]
        if not isinstance(said, str) or not _NAME.fullmatch(said):
            continue
        path = (root / file).parent / said
        names[field] = path.relative_to(root).as_posix()
        text = _text(root, path)
        if isinstance(text, Fault):
            faults.append(text._replace(field=field))
            continue
        holder[name] = text
        format_ = ENDINGS.get(said.rpartition(".")[2])
        if name == "body" and format_ and _has_format(kind, found):
            holder.setdefault("format", format_)
    return found, names, faults


def taken_out(thing: Thing, file: str, names: Mapping[str, str]) -> tuple[Thing, dict[str, str]]:
    """An object that says names of files, and the texts by name; ``file`` is its own."""
    body, texts = deepcopy(thing.body), dict[str, str]()
    own = Path(file).parent
    for field, holder, name in _places(thing.kind, body):
        if field not in names or not isinstance(holder[name], str):
            continue
        texts[names[field]] = holder[name]
        holder[name] = Path(names[field]).relative_to(own).as_posix()
        said, ending = holder.get("format"), ENDINGS.get(holder[name].rpartition(".")[2])
        if name == "body" and ending and said in (None, ending):
            holder.pop("format", None)
            if said is None and format_of(texts[names[field]], None) != ending:
                holder["format"] = format_of(texts[names[field]], None)
    return thing._replace(body=body), texts


def fresh_names(root: Path, file: str, thing: Thing) -> dict[str, str]:
    """The names of new files for the texts of a new object that are better off in some."""
    found: dict[str, str] = {}
    stem = file.rpartition(".")[0]
    for field, holder, name in _places(thing.kind, thing.body):
        text = holder[name]
        if not isinstance(text, str):
            continue
        is_body = name == "body" and _has_format(thing.kind, thing.body)
        if not (is_body and "\n" in text) and not _NAME.fullmatch(text):
            continue
        parts = field.split(".")
        locale = f".{parts[1]}" if len(parts) == 3 else ""
        what = "" if name == "body" else f".{name}"
        ending = _ENDING_OF[format_of(text, holder.get("format"))] if is_body else "txt"
        number, made = 2, f"{stem}{locale}{what}.{ending}"
        while (root / made).exists() or made in found.values():
            made, number = f"{stem}{locale}{what}_{number}.{ending}", number + 1
        found[field] = made
    return found


def _places(kind: str, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each field that may stand in a file: its path, what holds it, its name."""
    beside = KINDS[kind].beside if kind in KINDS else ()
    for name in beside:
        if name in body:
            yield name, body, name
    locales = body.get("locales") if beside else None
    for locale, said in locales.items() if isinstance(locales, dict) else ():
        for name in beside if isinstance(said, dict) else ():
            if name in said:
                yield f"locales.{locale}.{name}", said, name


def _has_format(kind: str, body: Mapping[str, Any]) -> bool:
    fields = KINDS[kind].schema().fields
    return "format" in fields and body.get("channel", "email") in ("email", "in_app")


def _text(root: Path, path: Path) -> str | Fault:
    try:
        whole = path.resolve()
        if not whole.is_relative_to(root.resolve()):
            return Fault("", f"{path.name} is outside of the folder")
        if not whole.is_file():
            return Fault("", f"there is no file {path.name} beside it")
        if whole.stat().st_size > MAX_BYTES:
            return Fault("", f"{path.name} has more than {MAX_BYTES:,} bytes")
        return whole.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return Fault("", f"{path.name} is not UTF-8")
    except OSError as error:
        return Fault("", f"{path.name}: {error.strerror or error}")


assert set(_ENDING_OF) == set(FORMATS)
