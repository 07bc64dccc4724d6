"""Secrets are kept where they must be, and shown nowhere."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator

import pytest
import structlog

from cdp.cli import cli
from cdp.cli.errors import run
from cdp.plugin.testing import Answer, RecordingServer
from cdp.server.logs import log_to_stderr
from tests.api.calls import Api
from tests.api.test_admin import deliver
from tests.api.test_closed import Route, log_in, routes
from tests.factories import TOKEN, Space, ana, bearer

SIGNING = "whsec_" + base64.b64encode(bytes(range(32))).decode()
HEADER = "very-secret-header-value"
SECRETS = (SIGNING, SIGNING.removeprefix("whsec_"), HEADER)


@pytest.fixture
def leaky() -> Iterator[RecordingServer]:
    """A provider that says what it was sent in all of its answers."""
    body = f"your key {SIGNING} and {HEADER} are wrong".encode()
    headers = {"X-Echo": HEADER}
    answers = [Answer(status, headers, body) for status in (200, 400, 500, 401, 200, 400)]
    with RecordingServer(*answers) as server:
        yield server


def with_secrets(api: Api, leaky: RecordingServer) -> None:
    settings = {"url": leaky.url, "secret": SIGNING, "headers": {"X-Api-Key": HEADER}}
    api.post("/api/destinations", {"plugin": "webhook", "settings": settings}, 201)


def assert_clean(text: str, where: object) -> None:
    for secret in SECRETS:
        assert secret not in text, where


def test_secrets_of_destinations_are_in_no_answer_and_no_log(
    api: Api,
    space: Space,
    leaky: RecordingServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with_secrets(api, leaky)
    api.post("/api/destinations/webhook/test")
    space.send(*[dict(m, userId=f"p{n}") for n, m in enumerate(ana())])
    deliver(space)
    assert len(leaky.requests) > 2 and leaky.requests[0].headers["x-api-key"] == HEADER

    # Every page and list, with what there is in the places of their addresses.
    answer, client = log_in(space, TOKEN)
    assert answer.status_code == 302
    seen = 0
    calls = [call["id"] for call in api.listed("/api/destinations/webhook/calls")]
    for route in routes(space):
        if route.method != "GET" or route.endpoint.startswith("tracking."):
            continue
        for path in addresses(route, calls):
            page = client.get(path, headers=bearer(TOKEN))  # type: ignore[attr-defined]
            seen += page.status_code == 200
            assert_clean(page.get_data().decode(errors="replace"), path)
            assert_clean(str(page.headers), path)
    assert seen > 40
    assert_clean(str(api.send("PATCH", "/api/destinations/webhook", {"name": "New"})), "PATCH")
    wrong = {"settings": {"method": "GET"}}
    assert_clean(str(api.send("PATCH", "/api/destinations/webhook", wrong, 400)), "PATCH")

    with space.store.read() as tx:
        for table in ("calls", "outbox", "streams", "changes", "plugin_errors"):
            rows = tx.exec_driver_sql(f"SELECT * FROM {table}").fetchall()
            assert_clean(str(rows), table)

    monkeypatch.setenv("CDP_DATA", str(space.settings.data))
    for words in (
        ("destinations", "list", "--json"),
        ("destinations", "show", "webhook"),
        ("destinations", "calls", "webhook", "--json"),
        ("destinations", "dead", "webhook", "--json"),
        ("destinations", "set", "webhook", "--setting", "method=GET"),
        ("destinations", "set", "webhook", "--setting", "method=PUT", "--json"),
        ("doctor", "--json"),
    ):
        monkeypatch.setattr("sys.argv", ["cdp", *words])
        with contextlib.suppress(SystemExit):
            run(cli)
    assert_clean("".join(capfd.readouterr()), "output and log")


def addresses(route: Route, calls: list[int]) -> Iterator[str]:
    """The addresses of a route for the one destination that there is."""
    path = route.path
    for word in ("destinations", "destinations/new"):
        path = re.sub(rf"/{word}/default", f"/{word}/webhook", path)
    if "/calls/1" in path:
        for number in calls:
            yield path.replace("/calls/1", f"/calls/{number}")
    elif path.endswith("/webhook/default"):
        for tab in ("calls", "failed", "replays", "settings", "overview"):
            yield path.removesuffix("default") + tab
    else:
        yield path


def test_tokens_and_passwords_are_nowhere_in_the_files(api: Api, space: Space) -> None:
    made = api.post("/api/tokens", {"name": "x", "scopes": ["events:read"]}, 201)["token"]
    password = "a password nobody knows"
    api.post("/api/users", {"name": "ada", "role": "viewer", "password": password}, 201)
    answer, client = log_in(space, TOKEN)
    assert answer.status_code == 302
    text = client.get("/settings").text  # type: ignore[attr-defined]
    found = re.search(r'<meta name="csrf" content="([^"]+)"', text)
    assert found is not None
    client.post("/settings/tokens", data={"csrf": found[1], "name": "y"})  # type: ignore[attr-defined]
    assert space.client().get("/api/events", headers=bearer(made)).status_code == 200
    files = [path for path in space.settings.data.rglob("*") if path.is_file()]
    assert any(path.name == "headwater.db-wal" for path in files)
    for path in files:
        body = path.read_bytes()
        for secret in (TOKEN, made, password):
            assert secret.encode() not in body, (path, secret)
            assert base64.b64encode(secret.encode()).rstrip(b"=") not in body


def test_the_log_of_the_process_tells_no_values_of_variables(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = structlog.get_config()
    log_to_stderr()
    try:
        try:
            token = f"{SIGNING}"
            raise RuntimeError("it broke" if token else "")
        except RuntimeError:
            structlog.get_logger("test").exception("failed", path="/api/x")
    finally:
        structlog.configure(**before)
    said = capfd.readouterr().err
    assert "it broke" in said and "failed" in said and "/api/x" in said
    assert_clean(said, "log")
