"""A broadcast by several channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.delivery.broadcasts import acts
from cdp.delivery.broadcasts.rehearsal import rehearse
from cdp.messaging.broadcasts.plan import BadPlan, plan_of, read
from cdp.store.defined import defining
from cdp.store.messages import broadcasts, deliveries
from tests.delivery.broadcasts.campaign import Campaign

CHANNELS = [{"channel": "sms", "template": "s"}, {"channel": "email", "template": "t"}]


def test_each_person_gets_it_by_the_first_channel_that_reaches_them(tmp_path: Path) -> None:
    world = Campaign(tmp_path)
    with world.store.write() as tx:
        defining.put(tx, 1, ("template", "s"), {"channel": "sms", "body": "Hi"}, "test")
    world.identify("u1")
    phone = world.identify("u2", phone="+48600700800")
    id_ = world.begin(template=None, channels=CHANNELS, escalate={"unread_for": "2h"})
    tried = rehearse(world.store, world.settings, plan_of(world.row(id_).body), 1)
    assert (tried.go, set(tried.first)) == (2, {"s", "t"})
    world.run()
    assert world.got() == ["u1@example.org"]
    with world.store.read() as tx:
        [row] = deliveries.of_node(tx, phone)
    assert (row.channel, row.template, row.origin_key) == ("sms", "s", str(id_))
    world.close()


def test_a_template_for_another_channel_is_told_before_it_goes(tmp_path: Path) -> None:
    world = Campaign(tmp_path, templates=("s", "t"))
    id_ = world.begin(state="draft", template=None, channels=CHANNELS)
    with world.store.write() as tx, pytest.raises(BadPlan, match="is one for email, not sms"):
        acts.schedule(tx, id_, 1, at_once=True)
    with world.store.read() as tx:
        assert broadcasts.get(tx, id_).state == "draft"
    world.close()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"channels": CHANNELS, "template": "t"}, "channels"),
        ({"channels": CHANNELS[:1]}, "channels"),
        ({"channels": [CHANNELS[0], CHANNELS[0]]}, "channels"),
        ({"template": "t", "escalate": {"unread_for": "2h"}}, "escalate"),
        ({"channels": CHANNELS, "escalate": {"unread_for": "soon"}}, "escalate.unread_for"),
    ],
)
def test_what_does_not_fit_together_is_told(given: dict[str, object], field: str) -> None:
    with pytest.raises(BadPlan) as error:
        read({"name": "x", "who": {"everybody": True}, **given})
    assert field in error.value.fields
