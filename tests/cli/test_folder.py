"""``cdp pull``, ``cdp plan`` and ``cdp apply``."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.journeys.steps import STEPS
from tests.cli.conftest import Cdp
from tests.factories import Space, ana
from tests.folder.shop import BIG, ORDERS, write

WEBHOOK = """\
kind: destination
key: hook
plugin: webhook
source: default
settings:
  url: https://example.com/hook
  secret: ${env:HOOK_SECRET}
"""
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "files"


def test_a_folder_is_planned_applied_and_pulled(cdp: Cdp, root: Path) -> None:
    write(root, big=BIG, orders=ORDERS)
    plan = cdp("plan", "files").out
    assert "+ audience big_spenders  big.yaml\n    + name: Big spenders\n" in plan
    assert cdp.json("audiences", "list") == []
    assert "applied: 2 changes" in cdp("apply", "files", "--yes").out
    assert (
        cdp("apply", "files", "--yes").err == "nothing to do: the store says what the files say\n"
    )
    [audience] = cdp.json("audiences", "list")
    assert audience["author"].endswith("(apply)")
    assert cdp.json("pull", "files") == [
        {"action": "written", "kind": "source", "key": "default", "file": "sources/default.yaml",
         "why": None},
    ]  # fmt: skip
    assert "up to date" in cdp("pull", "files").err


def test_a_plan_as_json_has_an_object_a_line_for_each_change(cdp: Cdp, root: Path) -> None:
    write(root, big=BIG)
    [step] = cdp.json("plan", "files")
    assert (step["action"], step["kind"], step["key"], step["file"]) == (
        "create", "audience", "big_spenders", "big.yaml",
    )  # fmt: skip
    assert step["changes"][0] == {"field": "name", "before": None, "after": "Big spenders"}
    assert step["conflict"] is None and step["warnings"] == []
    assert cdp.json("apply", "files", "--yes") == [{**step, "effect": None}]
    assert cdp.json("plan", "files") == []


def test_errors_are_told_all_at_once_and_nothing_is_applied(cdp: Cdp, root: Path) -> None:
    write(root, big=BIG, x="kind: audience\nkey: x\nwho: traits.a =\n", y="kind: cake\nkey: y\n")
    for command in (["plan", "files"], ["apply", "files", "--yes"]):
        done = cdp.run(*command)
        assert (done.code, done.out) == (1, "")
        first, second, last = done.err.splitlines()
        assert first.startswith("x.yaml:3:16: who: the condition ends here")
        assert second.startswith("y.yaml:1:1: kind: there is no kind cake")
        assert last == "cdp: 2 errors in 2 files; nothing was applied"
        done = cdp.run(*command, "--json")
        assert done.code == 1
        assert [(row["file"], row["line"], row["column"]) for row in done.rows] == [
            ("x.yaml", 3, 16), ("y.yaml", 1, 1),
        ]  # fmt: skip
        assert set(done.rows[0]) == {"error", "file", "line", "column"}
    assert cdp.json("audiences", "list") == []


def test_an_apply_over_a_later_edit_is_refused_with_the_difference(cdp: Cdp, root: Path) -> None:
    write(root, big=BIG)
    cdp("apply", "files", "--yes")
    cdp("audiences", "edit", "big_spenders", "--who", "traits.a > 1")
    write(root, big=BIG.replace("500", "600"))
    done = cdp.run("apply", "files", "--yes")
    assert done.code == 1
    assert "- who: traits.a > 1" in done.out and "> 600" in done.out
    assert "has changed it since (version 1 → 2)" in done.err and "nothing was applied" in done.err
    assert cdp.run("plan", "files").code == 1
    assert cdp.json("audiences", "show", "big_spenders")[0]["who"] == "traits.a > 1"
    kept = cdp.run("pull", "files")
    assert kept.code == 1 and "big.yaml was kept" in kept.err
    cdp("apply", "files", "--yes", "--overwrite")
    assert "> 600" in cdp.json("audiences", "show", "big_spenders")[0]["who"]


def test_it_asks_before_it_applies(cdp: Cdp, root: Path) -> None:
    write(root, big=BIG)
    assert cdp.run("apply", "files", stdin=b"n\n").code == 1
    assert cdp.json("audiences", "list") == []
    assert cdp.run("apply", "files", "--json", stdin=b"y\n").code == 1
    cdp("apply", "files", stdin=b"y\n")
    assert len(cdp.json("audiences", "list")) == 1


def test_pruning_removes_what_the_folder_lacks(cdp: Cdp, root: Path) -> None:
    write(root, big=BIG, orders=ORDERS)
    cdp("apply", "files", "--yes")
    (root / "orders.yaml").unlink()
    assert cdp.json("plan", "files") == []
    [step] = cdp.json("apply", "files", "--yes", "--prune")
    assert (step["action"], step["key"]) == ("remove", "orders_90d")
    assert cdp.json("traits", "list") == []


def test_secrets_are_neither_printed_nor_written(
    cdp: Cdp, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, hook=WEBHOOK)
    assert "HOOK_SECRET is not set" in cdp.run("plan", "files").err
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    said = [cdp("plan", "files"), cdp("plan", "files", "--json"), cdp("apply", "files", "--yes")]
    other = SECRET.replace("MDEy", "MDEz")
    monkeypatch.setenv("HOOK_SECRET", other)
    said += [cdp("plan", "files"), cdp("apply", "files", "--yes", "--json"), cdp("pull", "other")]
    printed = "".join(done.out + done.err for done in said)
    files = "".join(path.read_text() for path in cdp.folder.glob("*/**/*") if path.suffix in
                    (".yaml", ".lock"))  # fmt: skip
    assert "HOOK_SECRET" in printed + files
    assert SECRET not in printed + files and other not in printed + files
    assert "secret: ${env:HOOK_SECRET}" in (cdp.folder / "other/destinations/hook.yaml").read_text()


def test_a_folder_that_is_not_there_is_refused(cdp: Cdp) -> None:
    assert "there is no folder" in cdp.refuses("plan", "nowhere")
    assert "there is no folder" in cdp.refuses("apply", "nowhere", "--yes")
    cdp.refuses("plan", code=2)


def people(*plans: str) -> list[dict[str, object]]:
    return [
        {"type": "identify", "userId": f"u{n}", "messageId": f"m{n}", "traits": {"plan": plan}}
        for n, plan in enumerate(plans)
    ]


def orders(*totals: int) -> list[dict[str, object]]:
    return [
        {"type": "track", "event": "Order Completed", "userId": f"u{n}", "messageId": f"o{n}",
         "properties": {"total": total}}
        for n, total in enumerate(totals)
    ]  # fmt: skip


def effects(cdp: Cdp, *words: str) -> dict[str, tuple[int, int, bool]]:
    rows = cdp.json("plan", "files", *words)
    return {
        row["key"]: (row["effect"]["enter"], row["effect"]["leave"], row["effect"]["exact"])
        for row in rows
        if row["effect"]
    }


def test_a_plan_says_how_many_people_enter_and_leave(cdp: Cdp, root: Path, space: Space) -> None:
    space.send(*people("free", "free", "pro", "pro", "pro"), *orders(5, 50, 500))
    pro = "kind: audience\nkey: pro\nwho: traits.plan = {}\n"
    write(root, pro=pro.format('"pro"'))
    assert "\n    +3 −0 people\n" in cdp("plan", "files").out
    cdp("apply", "files", "--yes")
    assert cdp.json("plan", "files") == []
    write(root, pro=pro.format('"free"'))
    assert effects(cdp) == {"pro": (2, 3, True)}
    write(root, pro=pro.format('"free"') + "archived: true\n")
    assert effects(cdp) == {"pro": (0, 3, True)}
    (root / "pro.yaml").unlink()
    assert effects(cdp, "--prune") == {"pro": (0, 3, True)}


def test_a_plan_counts_those_of_audiences_that_change_by_others(
    cdp: Cdp, root: Path, space: Space
) -> None:
    space.send(*people("free", "free", "pro", "pro", "pro"), *orders(5, 50, 500))
    big = "kind: virtual_event\nkey: big\nname: Big Order\nevent: Order Completed\n"
    write(
        root,
        big=f"{big}where: properties.total > 100\n",
        count='kind: computed_trait\nkey: count\nvalue: count("Big Order")\n',
        buyers="kind: audience\nkey: buyers\nwho: traits.count > 0\n",
        both='kind: audience\nkey: both\nwho: audience("buyers") and traits.plan = "free"\n',
    )
    assert effects(cdp) == {"buyers": (1, 0, True), "both": (0, 0, True)}
    cdp("apply", "files", "--yes")
    write(root, big=f"{big}where: properties.total > 10\n")
    rows = {row["key"]: row for row in cdp.json("plan", "files")}
    assert {key: row["action"] for key, row in rows.items()} == {
        "big": "change", "buyers": "affect", "both": "affect",
    }  # fmt: skip
    assert effects(cdp) == {"buyers": (1, 0, True), "both": (1, 0, True)}
    assert "audience buyers: +1 −0 people" in cdp("plan", "files").out
    cdp("apply", "files", "--yes")
    write(root, buyers="kind: audience\nkey: buyers\nwho: traits.count > 0\narchived: true\n")
    assert effects(cdp) == {"buyers": (0, 2, True), "both": (0, 1, True)}


def test_accounts_are_counted_as_accounts(cdp: Cdp, root: Path, space: Space) -> None:
    space.send(*ana())
    write(root, x="kind: audience\nkey: x\nof: accounts\nwho: traits.seats > 5\n")
    assert "+1 −0 accounts" in cdp("plan", "files").out


def test_a_file_may_have_steps_that_plugins_bring(cdp: Cdp, root: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs/how-to/write-a-journey-step.md"
    plugin = page.read_text().partition("```python\n")[2].partition("```")[0]
    (cdp.data / "plugins").mkdir(parents=True)
    (cdp.data / "plugins" / "tier.py").write_text(plugin)
    step = "  - tier: { limit: 100, on: { large: [ { emit: Large } ] } }"
    lines = ("kind: journey", "key: big", "trigger: { event: Order }", "steps:", step)
    root.mkdir()
    (root / "big.yaml").write_text("\n".join(lines) + "\n")
    try:
        assert "big" in cdp("plan", str(root)).out
        assert "applied" in cdp("apply", str(root), "--yes").out
    finally:
        STEPS.pop("tier", None)
