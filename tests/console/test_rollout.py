"""How many may enter: chosen at a launch, seen and changed as it goes on."""

from __future__ import annotations

from typing import Any

from cdp.delivery.journeys import shown
from cdp.store import definitions
from cdp.store.journeys import launched as journeys
from tests.console.factory import World, words
from tests.console.test_journeys import draw, launch
from tests.console.test_masking import viewer_of

STAGES = {"rollout_by": "stages", "share": ["1", "12,5 %", "100", ""], "for": ["1d", "2d", "", ""]}


def stands(world: World) -> tuple[Any, float, bool]:
    """What the launched version says, the share that may enter, whether it is held."""
    with world.store.read() as tx:
        row = journeys.row(tx, "orders")
        assert row is not None
        body = definitions.body_of(tx, "journey", "orders", row.version) or {}
        return body.get("rollout"), shown.share_of(tx, row), row.stage_held


def test_stages_are_chosen_at_the_launch_and_go_by_buttons(world: World) -> None:
    draw(world)
    admin = world.admin()
    wrong = admin.post("/journeys/orders/launch", **{**STAGES, "share": ["10", "5", "100", ""]})
    assert wrong.status_code == 400 and "must be larger than the one before" in wrong.text
    assert 'name="share" value="5"' in wrong.text
    launch(world, **STAGES)
    stages = [{"share": 1, "for": "1d"}, {"share": 12.5, "for": "2d"}, 100]
    assert stands(world) == (stages, 1, False)

    def act(action: str, **more: str) -> str:
        assert admin.post("/journeys/orders/rollout", action=action, **more).status_code == 303
        world.pipeline.settle()
        return words(admin.page("/journeys/orders"))

    page = act("hold", reason="support is away")
    assert "It is held at 1 %" in page
    assert "It stays at 1 %: support is away (" in page
    assert "Let it go on" in page and "Hold it here" not in page
    assert "Back to 1 %" in act("advance")
    assert stands(world)[1:] == (12.5, False)
    assert "It is held at 1 %" in act("back", reason="too many at once")
    assert "at its last stage" in act("last")
    page = act("share", rollout="40")
    assert "40 % of people, said by hand" in page and "Back to its stages" in page
    assert "at its last stage" in act("release")
    assert "from 0 to 100" in act("share", rollout="140")
    assert admin.post("/journeys/orders/rollout", action="more").status_code == 400
    assert viewer_of(world).post("/journeys/orders/rollout", action="hold").status_code == 403


def test_a_share_is_raised_on_the_page_and_kept_by_the_next_launch(world: World) -> None:
    draw(world)
    launch(world, rollout_by="share", rollout="10")
    assert stands(world) == (None, 10, False)
    admin = world.admin()
    assert "10 % of people, said by hand" in words(admin.page("/journeys/orders"))
    admin.post("/journeys/orders/rollout", action="share", rollout="25")
    assert 'value="share" checked' in admin.page("/journeys/orders/launch")
    launch(world)
    assert stands(world) == (None, 25, False)
    launch(world, rollout_by="all")
    assert stands(world) == (None, 100, False)
    launch(world, **STAGES)  # nothing else was changed: it becomes a version of its own
    assert stands(world)[1] == 1
    launch(world, version="1")
    assert stands(world) == (None, 100, False)
    older = admin.post("/journeys/orders/launch", version="1", **STAGES)
    assert older.status_code == 400 and "goes by the rollout that it has" in older.text
