"""Law 6: nothing whose claim commits after an opt-out is handed over, whoever is faster."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.store.messages import claims, preferences
from tests.pages.house import House
from tests.postgres import new_database

PEOPLE, EACH, THREADS = 24, 6, 4


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    url = new_database() if request.param == "postgres" else None
    made = House(tmp_path, url)
    yield made
    made.close()


def test_nothing_is_handed_over_whose_claim_came_after_an_opt_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both numbers are taken where the two exclude each other until they commit, so that
    # their order is the order of the commits.
    turns = itertools.count()
    claimed: dict[int, int] = {}
    opted_out: dict[int, int] = {}
    claim, put = claims.claim, preferences.put

    def counted_claim(tx: Any, asked: Any, *rest: Any) -> set[int]:
        ours = claim(tx, asked, *rest)
        claimed.update(dict.fromkeys(ours, next(turns)))
        return ours

    def counted_put(tx: Any, node: int, *rest: Any) -> Any:
        new = put(tx, node, *rest)
        opted_out[node] = next(turns)
        return new

    monkeypatch.setattr(claims, "claim", counted_claim)
    monkeypatch.setattr(preferences, "put", counted_put)

    nodes = [house.identify(f"u{number}") for number in range(PEOPLE)]
    ids = {node: [house.ask(node) for _ in range(EACH)] for node in nodes}
    begin = threading.Barrier(THREADS + 1)
    answers: list[int] = []

    def opt_out(mine: list[int]) -> None:
        client = house.client
        begin.wait()
        for node in mine:
            path = house.links(ids[node][0]).unsubscribe
            answers.append(client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code)

    threads = [
        threading.Thread(target=opt_out, args=(nodes[number::THREADS],))
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    begin.wait()
    while any(thread.is_alive() for thread in threads):
        house.settle()
    settle_after(house, nodes, ids)
    assert answers == [200] * PEOPLE

    box_ = house.boxes[0]
    handed = {message.key for message in box_.got}
    for node in nodes:
        for id_ in ids[node]:
            row = house.row(id_)
            assert row.state in ("sent", "undeliverable"), row
            assert (row.state == "sent") == (row.key in handed)
            if row.state == "sent":
                assert claimed[id_] < opted_out[node]
        assert house.state(ids[node][-1]) == "undeliverable"
    assert len(box_.got) == len(handed)


def settle_after(house: House, nodes: list[int], ids: dict[int, list[int]]) -> None:
    """Ask for one more message to each, now that all have had their answers."""
    for node in nodes:
        ids[node].append(house.ask(node))
    house.settle()
