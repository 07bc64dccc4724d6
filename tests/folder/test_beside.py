"""Texts of templates in files of their own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cdp.definitions import DefinitionError, Id
from cdp.folder import work
from cdp.folder.lock import NAME
from cdp.store import Store
from cdp.store.defined import defining
from tests.folder.shop import apply, define, empty, pull, stored, world, write

WELCOME: Id = ("template", "welcome_1")
TEMPLATE = """\
# what newcomers get
kind: template
key: welcome_1
channel: email
subject: "Hello {{ customer.first_name | default: 'there' }}"
body: welcome_1.mjml          # a file beside it
locales:
  pl:
    subject: Cześć
    body: texts/pl.md
"""
MJML = "<mjml><mj-body><mj-section></mj-section></mj-body></mjml>\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return empty(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    write(made, mail__welcome=TEMPLATE)
    (made / "mail/texts").mkdir()
    (made / "mail/welcome_1.mjml").write_text(MJML)
    (made / "mail/texts/pl.md").write_bytes("# Cześć\r\n\r\nty\r\n".encode())
    return made


def everything(root: Path) -> dict[str, str]:
    found = {p.relative_to(root).as_posix(): p for p in sorted(root.rglob("*")) if p.is_file()}
    return {name: path.read_text() for name, path in found.items() if name != NAME}


def faults(store: Store, root: Path) -> list[str]:
    with pytest.raises(work.BadFiles) as caught:
        work.plan(store, root, world())
    return [str(fault) for fault in caught.value.faults]


def test_a_body_comes_from_its_file_and_goes_back_into_it(store: Store, root: Path) -> None:
    [step] = apply(store, root)
    assert (step.action, step.file) == ("create", "mail/welcome.yaml")
    body = stored(store, WELCOME)
    assert body["body"] == MJML and "format" not in body
    assert body["locales"]["pl"] == {"subject": "Cześć", "body": "# Cześć\n\nty\n"}
    before = everything(root)
    assert pull(store, root) == {} and apply(store, root) == [] and everything(root) == before
    edited = MJML.replace("</mj-section>", " </mj-section>")
    more = {"locales": {"pl": {"body": "# Hej\n"}}, "name": "Welcome"}
    define(store, WELCOME, **{**body, "body": edited, **more})
    assert pull(store, root) == {"mail/welcome.yaml": "changed"}
    after = everything(root)
    assert (
        " </mj-section>" in after["mail/welcome_1.mjml"] and after["mail/texts/pl.md"] == "# Hej\n"
    )
    assert "body: welcome_1.mjml          # a file beside it" in after["mail/welcome.yaml"]
    assert "# what newcomers get" in after["mail/welcome.yaml"] and apply(store, root) == []
    (root / "mail/welcome_1.mjml").write_text(MJML)
    [step] = apply(store, root)
    assert [change.field for change in step.changes] == ["body"]
    define(store, WELCOME, channel="email", subject="x", body="<html>\nhi</html>")
    pull(store, root)
    assert "format: html" in everything(root)["mail/welcome.yaml"] and apply(store, root) == []


def test_a_new_template_gets_a_file_for_its_body(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "new"
    define(store, ("layout", "page"), body="<html>\n<body>{{ content }}</body></html>\n")
    define(store, ("snippet", "foot"), body="Shop\nMain Street\n")
    define(store, ("template", "hi"), channel="email", subject="Hi", body="# Hi\n\nyou",
           layout="page", locales={"pt-BR": {"body": "<div>\nOi</div>"}})  # fmt: skip
    define(store, ("template", "sms"), channel="sms", body="readme.md")
    define(
        store, ("template", "odd"), channel="email", subject="a", body="<div>\n", format="markdown"
    )
    pull(store, root)
    found = everything(root)
    assert sorted(found) == [
        "layouts/page.html", "layouts/page.yaml", "snippets/foot.yaml", "templates/hi.md",
        "templates/hi.pt-BR.html", "templates/hi.yaml", "templates/odd.md", "templates/odd.yaml",
        "templates/sms.txt", "templates/sms.yaml",
    ]  # fmt: skip
    assert (
        "body: hi.md\n" in found["templates/hi.yaml"]
        and "format" not in found["templates/odd.yaml"]
    )
    assert apply(store, root) == []
    other = empty(tmp_path / "other")
    apply(other, root)
    assert stored(other, ("template", "sms"))["body"] == "readme.md"
    assert pull(other, root) == {} and everything(root) == found
    with store.write() as tx:
        defining.remove(tx, 1, ("template", "hi"), "ada")
    assert pull(store, root) == {"templates/hi.yaml": "removed"}
    assert not [name for name in everything(root) if "/hi" in name]


def test_what_is_wrong_in_a_body_is_told_with_its_place(store: Store, root: Path) -> None:
    (root / "mail/welcome_1.mjml").write_text("<mjml>\n  {{ x | nope }}</mjml>")
    (root / "mail/texts/pl.md").write_text("a\n{% if x %}")
    assert faults(store, root) == [
        "mail/welcome.yaml:10:5: locales.pl.body: expected tag endif, found end of expression",
        "mail/welcome_1.mjml:2:10: there is no filter nope",
    ]
    (root / "mail/texts/pl.md").write_text("a")
    (root / "mail/welcome_1.mjml").write_text("<mjml><mj-body>\n<mj-wrong/></mj-body></mjml>")
    assert faults(store, root) == [
        "mail/welcome.yaml:6:1: body: MJML: there is no element mj-wrong"
    ]
    (root / "mail/welcome_1.mjml").unlink()
    (root / "mail/texts/pl.md").write_bytes(b"\xff")
    assert faults(store, root) == [
        "mail/welcome.yaml:6:1: body: there is no file welcome_1.mjml beside it",
        "mail/welcome.yaml:10:5: locales.pl.body: pl.md is not UTF-8",
    ]


def test_no_file_outside_of_the_folder_is_read(store: Store, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    (root / "mail/welcome_1.mjml").unlink()
    (root / "mail/welcome_1.mjml").symlink_to(tmp_path / "secret.md")
    assert "is outside of the folder" in faults(store, root)[0]
    write(root, mail__welcome=TEMPLATE.replace("welcome_1.mjml ", "../../secret.md "))
    planned = work.plan(store, root, world()).plan  # it is a text like any other
    assert planned.changes[WELCOME].private.body["body"] == "../../secret.md"  # type: ignore[union-attr]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
BODIES = TEXT | st.sampled_from(
    [
        "a.md",
        "# x\n\ny\n",
        "<mjml>\n</mjml>",
        "<div>\n",
        "x/y.html",
        "{{ a }}\n",
        "\n",
        " a\n",
        "a\n ",
    ]
)
EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "25")) // 5 or 1
SOME = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
FORMATS = st.sampled_from([None, "markdown", "html"])


@SOME
@given(st.lists(st.tuples(BODIES, FORMATS, st.none() | BODIES), max_size=3))
@example([("<html>\n</html>", "markdown", "a.md")])
def test_what_is_pulled_and_applied_elsewhere_is_the_same(items: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here, there, root = Path(folder, "a"), Path(folder, "b"), Path(folder, "files")
        one, other = empty(here), empty(there)
        for number, (body, format_, local) in enumerate(items):
            given = {"channel": "email", "subject": "x", "body": body, "format": format_}
            given |= {"locales": {"pl": {"body": local}}} if local else {}
            try:
                kept = {name: value for name, value in given.items() if value is not None}
                define(one, ("template", f"t{number}"), **kept)
            except DefinitionError:
                continue
        pull(one, root)
        first = everything(root)
        assert apply(one, root) == []
        apply(other, root)
        assert pull(other, root) == {} and everything(root) == first
        for number in range(len(items)):
            id_ = ("template", f"t{number}")
            assert stored(one, id_) == stored(other, id_)
        one.close()
        other.close()


BLOCKS = """\
kind: template
key: news
channel: email
subject: News
blocks:
- type: heading   # what one sees first
  text: "Hello {{ customer.first_name | default: 'there' }}"
- type: columns
  left:
  - type: text
    text: |-
      One

      Two
  right:
  - type: spacer
    height: 40
- type: footer
  unsubscribe: Leave
theme:
  color: '#ffcc00'
"""


def test_blocks_go_into_the_store_and_come_back_as_they_were(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "blocks"
    write(root, news=BLOCKS)
    apply(store, root)
    body = stored(store, ("template", "news"))
    assert [block["type"] for block in body["blocks"]] == ["heading", "columns", "footer"]
    pull(store, root)
    assert (root / "news.yaml").read_text() == BLOCKS
    fresh = tmp_path / "fresh"
    pull(store, fresh)
    other = empty(tmp_path / "other")
    apply(other, fresh)
    assert stored(other, ("template", "news")) == body
    write(root, news=BLOCKS.replace("height: 40", "height: 4000"))
    assert "block 2, right 1 (spacer): height is a number from 4 to 200" in faults(store, root)[0]
