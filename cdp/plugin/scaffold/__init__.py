"""Writing a third party's first package: ``cdp plugins new NAME``."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent
_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


class BadName(ValueError):
    """The name can't be that of a package, or the folder exists."""


def write_package(name: str, into: Path) -> Path:
    """Write a package called after ``name`` below ``into`` and return its folder.

    ``acme-crm`` becomes the distribution ``cdp-acme-crm``, the module
    ``cdp_acme_crm`` and the destination ``acme_crm``. Raises `BadName`.
    """
    if not _NAME.fullmatch(name) or len(name) > 40:
        raise BadName(f"{name!r} is no name: lower-case letters, digits, - and _, such as acme-crm")
    key = name.replace("-", "_").removeprefix("cdp_")
    words = key.split("_")
    values = {
        "key": key,
        "module": f"cdp_{key}",
        "dist": f"cdp-{key.replace('_', '-')}",
        "title": " ".join(words).capitalize(),
        "class": "".join(word.capitalize() for word in words),
    }
    folder = into / values["dist"]
    if folder.exists():
        raise BadName(f"{folder} exists already")
    files = {
        "pyproject.toml.tmpl": "pyproject.toml",
        "README.md.tmpl": "README.md",
        "init.py.tmpl": f"{values['module']}/__init__.py",
        "test.py.tmpl": f"tests/test_{key}.py",
    }
    for template, target in files.items():
        text = (FOLDER / template).read_text()
        for word, value in values.items():
            text = text.replace("{{" + word + "}}", value)
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
