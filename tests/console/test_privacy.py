"""A person is deleted from their page, and given what is known of them."""

from __future__ import annotations

import io
import zipfile

from cdp.store import config_rows
from cdp.store.profiles import regulations
from tests.console.factory import Browser, World, words
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


def test_how_far_deletions_are_is_a_page(world: World, admin: Browser) -> None:
    assert "Nobody was deleted so far" in admin.page("/people/deletions")
    send_ana(world)
    sent = admin.post(f"{address_of(admin, 'u1')}/delete", confirm="u1")
    begun = words(admin.page(sent.location))
    assert "Delete reg_1 0%" in begun and "Their profiles are looked up." in begun
    with world.store.write() as tx:
        config_rows.add_destination(tx, 1, "crm", "CRM", "webhook", None, {}, "t")
        [made] = regulations.newest(tx, None, 5)
        regulations.add_forwards(tx, made.id, 0)
        [told] = regulations.forwards_of(tx, made.id)
        regulations.put_forward(tx, told._replace(attempts=3))
        regulations.put(tx, made._replace(phase="telling", detail={"done": 0.5, "people": 1}))
    text = words(admin.page("/people/deletions"))
    assert "50% 1 Destinations are told. Waits for crm, which could not be told yet." in text
    with world.store.write() as tx:
        regulations.put_forward(tx, told._replace(state="failed", attempts=4))
        left = {"people": 1, "left": ["audience vip"], "exports": ["people to a.csv"]}
        regulations.put(tx, made._replace(state="PARTIAL_SUCCESS", work=None, detail=left))
    text = words(admin.page("/people/deletions"))
    assert "crm did not forget: delete them there." in text and "audience vip" in text
    seen = words(viewer_of(world).page("/people/deletions"))
    assert "Admins see what it is." in seen and "audience vip" not in seen


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
