"""`cdp profiles delete --wait` says what it waits for."""

from __future__ import annotations

from cdp.plugin.testing import Answer, RecordingServer
from tests.cli.conftest import Cdp
from tests.factories import Space, ana


def test_who_waits_for_a_deletion_is_told_which_destination_is_away(cdp: Cdp, space: Space) -> None:
    with RecordingServer(Answer(503), Answer(200)) as server:
        cdp("destinations", "add", "webhook", "--setting", f"url={server.url}")
        space.send(*ana())
        done = cdp("profiles", "delete", "user_id:u1", "--yes", "--wait", "--json")
    assert done.err.count("waiting for webhook, which could not be told yet") == 1
    [made] = done.rows
    assert made["state"] == "FINISHED"
    [told] = cdp.json("profiles", "deletions")[0]["destinations"]
    assert (told["destination"], told["status"], told["attempts"]) == ("webhook", "FINISHED", 2)
