"""``cdp lists``: files in, refusals with the line at fault."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cdp


def test_a_list_is_added_replaced_taken_back_and_removed(cdp: Cdp, tmp_path: Path) -> None:
    data, file = ("--data", str(cdp.data)), tmp_path / "vip.txt"
    file.write_text("a@example.org\nb@example.org\n\nb@example.org\n")
    [made] = cdp("lists", "add", "vips", str(file), "--json", *data).rows
    assert (made["key"], made["version"], made["values"]) == ("vips", 1, 2)
    assert "cdp lists replace vips FILE" in cdp.refuses("lists", "add", "vips", str(file), *data)
    [new] = cdp("lists", "replace", "vips", "-", "--json", *data, stdin=b"c\n").rows
    assert (new["version"], new["values"]) == (2, 1)
    [back] = cdp("lists", "revert", "vips", "--json", *data).rows
    assert (back["version"], back["values"]) == (3, 2)
    assert [row["key"] for row in cdp("lists", "list", "--json", *data).rows] == ["vips"]
    said = cdp(
        "conditions", "explain", 'traits.email in list("vip")', "--context", "person", *data
    )  # fmt: skip
    assert "there is no list vip. Did you mean vips?" in said.err
    assert cdp("lists", "remove", "vips", *data).out == ""
    assert cdp.refuses("lists", "remove", "vips", *data) == ("cdp: there is no list vips\n")


def test_a_broken_line_is_named_and_nothing_changes(cdp: Cdp, tmp_path: Path) -> None:
    data = ("--data", str(cdp.data))
    cdp("lists", "add", "vips", "-", *data, stdin=b"a\n")
    file = tmp_path / "broken.txt"
    file.write_bytes(b"b\n\xff\xfe\nc\n")
    assert cdp.refuses("lists", "replace", "vips", str(file), *data) == (
        f"cdp: {file}: line 2: not UTF-8\n"
    )
    [row] = cdp("lists", "list", "--json", *data).rows
    assert (row["version"], row["values"]) == (1, 1)
    file.write_text("a")
    assert "is no name of a list" in cdp.refuses("lists", "add", "Vips", str(file), *data)
    assert cdp.refuses("lists", "replace", "none", str(file), *data) == (
        "cdp: there is no list none: cdp lists add none FILE\n"
    )
