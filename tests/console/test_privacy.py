"""A person is deleted from their page, and given what is known of them."""

from __future__ import annotations

import io
import zipfile

from cdp.store.profiles import regulations
from tests.console.factory import Browser, World
from tests.console.test_auth import viewer_of
from tests.console.test_people import address_of, send_ana


def test_a_person_can_be_deleted_by_who_types_an_identifier(world: World, admin: Browser) -> None:
    send_ana(world)
    address = address_of(admin, "u1")
    assert "Delete person" in admin.page(f"{address}/identifiers")
    refused = admin.post(f"{address}/delete", confirm="ana")
    assert refused.status_code == 303
    with world.store.read() as tx:
        assert regulations.newest(tx, None, 5) == []
    assert admin.post(f"{address}/delete", confirm="u1", suppress="1").status_code == 303
    with world.store.read() as tx:
        [made] = regulations.newest(tx, None, 5)
        assert regulations.is_suppressed(tx, ("user_id", "u1"))
    assert made.type == "SUPPRESS_WITH_DELETE" and made.work is not None
    assert made.work["identifiers"] == [["user_id", "u1"]]


def test_everything_known_of_a_person_is_a_file(world: World, admin: Browser) -> None:
    send_ana(world)
    answer = admin.get(f"{address_of(admin, 'u1')}/access")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as found:
        assert "Ana Kowalska" in found.read("profile.html").decode()


def test_who_may_only_look_can_do_neither(world: World, admin: Browser) -> None:
    send_ana(world)
    viewer = viewer_of(world)
    address = address_of(admin, "u1")
    assert viewer.get(f"{address}/access").status_code == 403
    assert viewer.post(f"{address}/delete", confirm="u1").status_code == 403
    assert "Delete person" not in viewer.page(f"{address}/identifiers")
