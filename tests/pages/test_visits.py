"""Opens and clicks: counted once, by whom, and nobody is led astray."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from cdp.delivery.messages.seen import Seeing, Seen, take_seen
from cdp.messaging.machines import Guess
from cdp.messaging.names import signed_link
from cdp.store import tables
from cdp.store.messages import deliveries
from tests.pages.house import House

PERSON = {"User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"}
TARGET = "https://shop.example.org/sale?id=7&x=ä b#top"


def sent(house: House, ago_s: float = 60, **more: Any) -> int:
    """A message that was sent some time ago."""
    house.now = time.time() - ago_s
    id_ = house.ask(house.identify("u1"), **more)
    house.settle()
    house.now = time.time()
    return id_


def test_an_open_counts_once(house: House) -> None:
    id_ = sent(house)
    for _ in range(2):
        answer = house.client.get(house.links(id_).pixel, headers=PERSON)
        assert (answer.status_code, answer.content_type) == (200, "image/gif")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.data.startswith(b"GIF89a")
    house.seeing.close()
    assert [(r.kind, r.machine) for r in house.reports(id_)] == [("opened", False)]
    assert house.row(id_).opened_at is not None
    opened = [body for body in house.told() if body["event"] == "Email Opened"]
    assert [body["userId"] for body in opened] == ["u1"]


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"User-Agent": "Mozilla/5.0"}, "Apple Mail Privacy Protection"),
        ({"User-Agent": "BarracudaCentral link check"}, "a program, by its name"),
        ({"User-Agent": "python-requests/2.32"}, "a program, by its name"),
        ({"User-Agent": ""}, "has no name"),
        ({**PERSON, "Sec-Purpose": "prefetch;prerender"}, "fetches ahead"),
    ],
)
def test_machines_are_told_apart(house: House, headers: dict[str, str], why: str) -> None:
    id_ = sent(house)
    assert house.client.get(house.links(id_).pixel, headers=headers).status_code == 200
    house.seeing.close()
    (report,) = house.reports(id_)
    assert report.machine and report.detail["machine_why"] == why
    assert house.row(id_).opened_at is None
    (event,) = [body for body in house.told() if body["event"] == "Email Opened"]
    assert event["properties"]["machine"] is True


def test_a_proxy_that_fetches_for_a_person_is_a_person(house: House) -> None:
    id_ = sent(house)
    agent = (
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    )
    house.client.get(house.links(id_).pixel, headers={"User-Agent": agent})
    house.seeing.close()
    (report,) = house.reports(id_)
    assert not report.machine and report.detail["proxy"] == "google"


def test_a_click_leads_on_and_counts(house: House) -> None:
    id_ = sent(house)
    for _ in range(2):
        answer = house.client.get(house.links(id_).counted(TARGET), headers=PERSON)
        assert answer.status_code == 302
        assert answer.headers["Location"] in (TARGET, TARGET.replace("ä b", "%C3%A4%20b"))
    (report,) = house.reports(id_)
    assert (report.kind, report.detail["href"]) == ("clicked", TARGET)
    row = house.row(id_)
    assert row.clicked_at is not None and row.opened_at == row.clicked_at
    (event,) = [body for body in house.told() if body["event"] == "Email Link Clicked"]
    assert event["properties"]["link_url"] == TARGET


def test_a_head_request_leads_on_and_is_a_machine(house: House) -> None:
    id_ = sent(house)
    assert house.client.head(house.links(id_).counted(TARGET), headers=PERSON).status_code == 302
    assert [report.machine for report in house.reports(id_)] == [True]


def test_a_click_faster_than_people_and_a_burst_are_machines(house: House) -> None:
    id_ = sent(house, ago_s=0)
    house.client.get(house.links(id_).counted(TARGET), headers=PERSON)
    assert [r.detail["machine_why"] for r in house.reports(id_)] == ["faster than people read"]
    later = sent(house, key="later")
    for number in range(5):
        house.client.get(house.links(later).counted(f"https://x.org/{number}"), headers=PERSON)
    assert [report.machine for report in house.reports(later)] == [False, False, True, True, True]


def test_a_burst_is_seen_among_visits_that_go_in_together(house: House) -> None:
    id_, now = sent(house), int(time.time() * 1000)
    visits = [Seen(id_, now, Guess(), f"https://x.org/{number % 4}") for number in range(8)]
    with house.store.write() as tx:
        assert take_seen(tx, visits, now) == 6
        assert take_seen(tx, [Seen(id_, now, Guess())], now) == 1
        assert take_seen(tx, [Seen(id_, now, Guess())], now) == 0
    machines = [report.machine for report in house.reports(id_) if report.kind == "clicked"]
    assert machines == [False, False, True, True, True, True]


@pytest.mark.parametrize("change", ["name", "signature", "url", "other", "script"])
def test_a_forged_link_leads_nowhere(house: House, change: str) -> None:
    id_, other = sent(house), sent(house, key="other")
    name, signature, address = house.links(id_).counted(TARGET).split("/")[3:]
    if change == "name":
        name = name[:-1] + ("a" if name[-1] != "a" else "b")
    elif change == "signature":
        signature = signature[::-1]
    elif change == "url":
        address = signed_link(["x"], name, "https://evil.example").split("/")[2]
    elif change == "other":
        name = house.name(other)
    else:  # even what was signed must be an address of the web
        name, signature, address = signed_link(house.keys, name, "javascript:alert(1)").split("/")
    answer = house.client.get(f"/e/c/{name}/{signature}/{address}", headers=PERSON)
    assert answer.status_code == 404 and "Location" not in answer.headers
    assert house.reports(id_) == house.reports(other) == []


def test_a_link_works_after_its_key_was_changed_and_before_we_heard_of_a_new_one(
    house: House,
) -> None:
    from cdp.messaging.names import delivery_name
    from cdp.store.messages import link_keys

    id_ = sent(house)
    assert house.client.get(house.links(id_).counted(TARGET)).status_code == 302
    with house.store.write() as tx:
        new = link_keys.rotate(tx)
    time.sleep(0.11)
    link = f"/e/c/{signed_link(new, delivery_name(new, id_), TARGET)}"
    assert house.client.get(link).status_code == 302
    assert house.client.get(house.links(id_).counted(TARGET)).status_code == 302


def test_a_click_does_not_wait_for_a_busy_writer_and_is_kept(house: House) -> None:
    id_ = sent(house)
    with house.store.write():
        assert house.client.get(house.links(id_).counted(TARGET), headers=PERSON).status_code == 302
        assert house.reports(id_) == []
    house.seeing.close()
    assert [report.kind for report in house.reports(id_)] == ["clicked"]


def test_a_visit_that_was_answered_outlives_its_process(house: House, tmp_path: Path) -> None:
    id_ = sent(house)
    folder = tmp_path / "visits"
    dying = Seeing(house.store, folder=folder)
    with house.store.write():  # the store is busy, and the process dies
        assert not dying.take(Seen(id_, 1_800_000_000_000, Guess(), TARGET), wait_s=0)
        [noted] = folder.glob("*.jsonl")
        left = noted.read_bytes() + b'[1, "cut'
    dying.close()
    assert list(folder.iterdir()) == []
    # Only now, or its thread might begin late enough to take what it finds.
    (folder / "dead.jsonl").write_bytes(left)
    with house.store.write() as tx:
        tx.execute(tables.reports.delete())
    following = Seeing(house.store, folder=folder)
    following.take(Seen(id_, 1_800_000_000_001, Guess()), wait_s=10)
    following.close()
    assert sorted(report.kind for report in house.reports(id_)) == ["clicked", "opened"]
    assert list(folder.iterdir()) == []


def test_what_cannot_be_noted_is_kept_all_the_same(house: House, tmp_path: Path) -> None:
    (tmp_path / "visits").write_text("no folder")
    id_ = sent(house)
    seeing = Seeing(house.store, folder=tmp_path / "visits")
    assert seeing.take(Seen(id_, 1_800_000_000_000, Guess()), wait_s=10)
    seeing.close()
    assert [report.kind for report in house.reports(id_)] == ["opened"]


def test_a_visit_of_somebody_who_is_deleted_is_nothing(house: House) -> None:
    from sqlalchemy import delete

    id_ = sent(house)
    with house.store.write() as tx:
        tx.execute(delete(deliveries.deliveries).where(deliveries.deliveries.c.id == id_))
        assert take_seen(tx, [Seen(id_, 0, Guess())], 1) == 0
    assert house.client.get(house.links(id_).pixel).status_code == 200
