"""A file of people by clicks: upload, columns, a dry run, the import, its report, its undo."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest

from cdp.log import open_reader
from cdp.pipeline import forget
from cdp.store.profiles import imports, people
from cdp.store.tables import USERS
from cdp.transfer import background, drafts
from tests.console.factory import Browser, World, words
from tests.console.test_masking import viewer_of
from tests.factories import import_ended

TABLE = "E-mail;Customer no;Plan;Since\nada@example.com;c1;pro;31.01.2026\nnobody;c2;free;\n"


def send_file(browser: Browser, text: str = TABLE, name: str = "people.csv", **more: str) -> str:
    """Upload; the address that it leads to."""
    fields = {"csrf": browser.csrf(), "file": (io.BytesIO(text.encode()), name), **more}
    answer = browser.client.post(
        "/people/imports/new", data=fields, content_type="multipart/form-data"
    )
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def finished(world: World, number: int) -> imports.Import:
    """The import of that number, once it has come to its end."""
    for _ in range(3000):
        world.drain()
        with world.store.read() as tx:
            item = imports.by_id(tx, number)
        assert item is not None
        if item.state not in imports.ACTIVE:
            import_ended(number)
            return item
        time.sleep(0.02)
    raise AssertionError(item)


def waiting(world: World) -> list[Path]:
    return sorted(background.folder(world.settings).glob("draft-*"))


def test_a_file_is_tried_brought_in_and_taken_back(world: World, admin: Browser) -> None:
    draft = send_file(admin)
    form = words(admin.page(draft))
    assert "ada@example.com" in form and "CSV" in form.upper() and "E-mail" in form
    columns = {
        "to.1": "user_id",
        "to.2": "trait",
        "name.2": "tier",
        "to.3": "trait",
        "name.3": "since",
        "as.3": "date:%d.%m.%Y",
    }
    tried = admin.post(draft, what="try", **columns)
    assert tried.status_code == 303 and tried.location.startswith("/people/imports/1?draft=")
    assert finished(world, 1).state == "done"
    text = words(admin.page(tried.location))
    assert "Would be created 1" in text and "Lines refused 1" in text and "tier pro" in text
    assert "It is no e-mail address" in text and "Import these people" in text
    assert admin.page("/people?q=c1").count("data-row") == 0

    begun = admin.post(draft, what="start", tried="1")
    assert (begun.status_code, begun.location) == (303, "/people/imports/2")
    assert waiting(world) == []
    item = finished(world, 2)
    assert (item.state, item.rows, item.refused) == ("done", 1, 1)
    assert "Rows taken 1" in words(admin.page("/people/imports/2"))
    report = admin.get("/people/imports/2/refused.csv")
    assert report.text == "line,column,reason\n3,E-mail,it is no e-mail address\n"
    assert "attachment" in report.headers["Content-Disposition"]
    found = re.search(r'href="(/people/use_\w+)"', admin.page("/people?q=c1"))
    assert found is not None
    traits = words(admin.page(f"{found.group(1)}/traits"))
    assert "tier pro" in traits and "2026-01-31" in traits
    assert "people.csv" in words(admin.page("/people/imports"))

    admin.post("/people/imports/2/undo", confirm="something else")
    assert finished(world, 2).state == "done"
    assert admin.post("/people/imports/2/undo", confirm="people.csv").status_code == 303
    assert finished(world, 2).state == "undone"
    assert admin.page("/people?q=c1").count("data-row") == 0
    assert "Taken back" in words(admin.page("/people/imports/2"))


def test_wrong_columns_are_told_and_what_was_chosen_stays(world: World, admin: Browser) -> None:
    draft = send_file(admin, "Color\nred\n")
    answer = admin.post(draft, what="try", **{"to.0": "trait", "name.0": "colour"})
    assert answer.status_code == 422
    assert "No column names a person" in answer.text and 'value="colour"' in answer.text
    answer = admin.post(draft, what="start", **{"to.0": "custom", "name.0": "color_id"})
    assert answer.status_code == 303 and finished(world, 1).rows == 1
    assert admin.post(draft, what="start").status_code == 404


def test_accounts_come_from_files_as_well(world: World, admin: Browser) -> None:
    draft = send_file(admin, "id,name\na1,Acme\n", "accounts.csv", **{"as": "accounts"})
    assert admin.post(draft, what="start").status_code == 303
    finished(world, 1)
    assert "Acme" in words(admin.page("/people?kind=accounts"))


def test_the_same_file_is_brought_in_once(world: World, admin: Browser) -> None:
    for _ in range(2):
        answer = admin.post(send_file(admin, "email\nada@example.com\n"), what="start")
        assert answer.location == "/people/imports/1"
        finished(world, 1)
    assert "brought in before" in admin.page("/people/imports/1")


@pytest.mark.parametrize("text", ["", '{"a": \n', "\x00\x01"])
def test_what_is_no_table_is_refused_and_not_kept(world: World, admin: Browser, text: str) -> None:
    data = {"csrf": admin.csrf(), "file": (io.BytesIO(text.encode()), "x.jsonl")}
    answer = admin.client.post("/people/imports/new", data=data, content_type="multipart/form-data")
    assert answer.status_code == 422 and "can't be read" in answer.text.replace("&#39;", "'")
    assert waiting(world) == []
    assert admin.post("/people/imports/new").status_code == 422


def test_a_draft_can_be_thrown_away_and_goes_by_itself(
    world: World, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert admin.post(send_file(admin), what="drop").status_code == 303
    assert waiting(world) == []
    draft = send_file(admin)
    assert {path.stat().st_mode & 0o777 for path in waiting(world)} == {0o600}
    monkeypatch.setattr(background, "KEPT_S", -1)
    background.drop_drafts(world.settings)
    assert waiting(world) == [] and admin.get(draft).status_code == 404
    for token in ("../1", "a" * 32, "A" * 32):
        assert drafts.find(world.settings, token) is None


def test_a_viewer_sees_imports_and_can_neither_begin_nor_undo_one(
    world: World, admin: Browser
) -> None:
    draft = send_file(admin)
    tried = admin.post(draft, what="try").location
    finished(world, 1)
    viewer = viewer_of(world)
    assert "people.csv" in viewer.page("/people/imports")
    text = viewer.page(tried)
    assert "ada@example.com" not in text and "a•••@e•••.com" in text and "<form" in text
    assert "Import these people" not in text
    assert viewer.get(draft).status_code == viewer.get("/people/imports/new").status_code == 403
    assert viewer.post("/people/imports/1/undo", confirm="people.csv").status_code == 403
    assert viewer.get("/people/imports/99").status_code == 404


def test_a_file_that_waited_brings_nobody_back_who_was_deleted_meanwhile(
    world: World, admin: Browser
) -> None:
    table = "email\nada@example.com\nben@example.com\n"
    world.send({"type": "identify", "userId": "u1", "traits": {"email": "ada@example.com"}})
    under_way, too_late = send_file(admin, table), send_file(admin, table + "cy@example.com\n")
    reader = open_reader(world.settings)
    time.sleep(0.01)
    gone = forget.regulate(world.store, "DELETE_ONLY", [("user_id", "u1")], "test", world.now(), 24)
    while forget.step(world.store, reader, world.now()):
        pass  # up to where it waits for others
    assert admin.post(under_way, what="start").status_code == 303
    assert finished(world, 1).state == "done"
    assert known(world, "ben@example.com") and not known(world, "ada@example.com")

    done = forget.finish(world.store, reader, gone.id, world.now, world.drain)
    assert done.state == "FINISHED"
    answer = admin.post(too_late, what="start")
    assert answer.status_code == 422 and "deleted since this file" in words(answer.text)
    assert waiting(world) == [] and not known(world, "ada@example.com")
    # What was begun before and stood still, as after a crash, is not gone on with either.
    with world.store.write() as tx:
        imports.change(tx, 1, world.now(), state="failed", line=0)
        imports.change(tx, 1, world.now(), state="waiting")
    file = background.file_of(world.settings, 1)
    file.write_text(table)
    [thread] = background.Background(world.store, world.settings).resume()
    thread.join()
    assert "people were deleted" in (finished(world, 1).error or "")
    assert not file.exists() and not known(world, "ada@example.com")
    reader.close()


def known(world: World, email: str) -> bool:
    with world.store.read() as tx:
        return people.resolve(tx, USERS, "email", email) is not None
