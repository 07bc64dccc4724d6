"""Tables for people: whole where they fit, never with a time or an id broken in two."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from cdp.cli.tables import print_table

ROW = {
    "at": "2026-11-25T02:23:55.011Z",
    "message_id": "hw-web-1a2108325ae-cd06407f-1",
    "detail": "type must be one of identify, track, page, screen, group, alias, not 'nonsense'",
    "name": None,
}
COLUMNS = list(ROW)


def printed(capsys: pytest.CaptureFixture[str], *rows: dict[str, Any]) -> list[str]:
    print_table(rows, COLUMNS)
    return capsys.readouterr().out.splitlines()


def on_terminal(patch: pytest.MonkeyPatch, columns: int) -> None:
    patch.setattr(sys.stdout, "isatty", lambda: True)
    patch.setenv("COLUMNS", str(columns))


def test_what_goes_into_a_file_is_a_line_a_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    head, row, other = printed(capsys, ROW, {**ROW, "name": "Ana"})
    assert head.split() == ["at", "message", "id", "detail", "name"]
    assert all(str(ROW[name]) in row for name in ("at", "message_id", "detail"))
    assert other.rstrip().endswith("Ana")


def test_on_a_terminal_only_long_texts_wrap(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terminal(monkeypatch, 110)
    lines = [re.sub(r"\x1b[^m]*m", "", line) for line in printed(capsys, ROW)]
    assert len(lines) > 2 and max(map(len, lines)) <= 110
    assert ROW["at"] in lines[1] and ROW["message_id"] in lines[1]


def test_where_a_terminal_is_too_narrow_a_row_is_a_block(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terminal(monkeypatch, 80)
    assert printed(capsys, ROW, ROW) == [
        f"at          {ROW['at']}",
        f"message id  {ROW['message_id']}",
        f"detail      {ROW['detail']}",
        "",
        f"at          {ROW['at']}",
        f"message id  {ROW['message_id']}",
        f"detail      {ROW['detail']}",
    ]
