"""YAML files of what people define: read with clear errors, written in a steady form."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any


class BadFile(ValueError):
    """A file that can't be read as one object; the text says what is wrong and where."""


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises `BadFile` with line and column."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        found = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadFile("there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(str(error)) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadFile(f"{where}{error.problem}") from None
    except YAMLError as error:
        raise BadFile(str(error).splitlines()[0]) from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise BadFile("it must hold one object: lines of `name: value`")
    return found


def dump_yaml(body: dict[str, Any]) -> str:
    """A mapping as YAML, in the order given."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    yaml.dump(body, text)
    return text.getvalue()
