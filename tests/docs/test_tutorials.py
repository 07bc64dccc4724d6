"""Each tutorial is followed to its end, against a real server in an empty folder."""

from __future__ import annotations

import re
import site
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.tutorial import Reader, text_of

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def reader(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Reader]:
    made = Reader(tmp_path, getattr(request, "param", sys.executable))
    yield made
    made.close()


@pytest.fixture
def own_environment(tmp_path: Path) -> str:
    """A Python that has all that we have, and into which a plugin can be installed."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=False)  # ours is quicker than another one
    python = str(folder / "bin" / "python")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
    ours = sysconfig.get_path("purelib")
    assert ours in site.getsitepackages()
    # addsitedir, because Headwater itself is installed by a .pth file in there.
    line = f"import site; site.addsitedir({ours!r})\n"
    (Path(own.stdout.strip()) / "ours.pth").write_text(line)
    scripts = Path(sysconfig.get_path("scripts"))
    for name in ("cdp", "pytest", "pip"):
        text = (scripts / name).read_text().split("\n", 1)[1]
        (folder / "bin" / name).write_text(f"#!{python}\n{text}")
        (folder / "bin" / name).chmod(0o755)
    return python


def test_the_first_event_becomes_a_live_profile(reader: Reader) -> None:
    reader.follow("tutorial/first-event.md")
    assert "no_event" in reader.output


def test_the_first_audience_changes_by_an_event_and_by_time(reader: Reader) -> None:
    reader.follow("tutorial/first-audience.md")


def test_the_first_broadcast_reaches_those_who_want_it(reader: Reader) -> None:
    reader.follow("tutorial/first-broadcast.md")


@pytest.mark.browser
def test_the_first_journey_is_written_drawn_and_sends(reader: Reader, one_chromium: Any) -> None:
    from playwright.sync_api import expect

    from tests.real.browser import PATIENCE_MS

    with one_chromium.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        page, said = context.new_page(), set[str]()

        def click(name: str, role: str = "link") -> None:
            said.add(name)
            page.get_by_role(role, name=name, exact=True).first.click()

        def draw(text: str) -> None:
            page.goto(reader.printed["console"] + "login")
            page.get_by_label("API token").fill(reader.printed["API token"])
            page.keyboard.press("Enter")
            click("Journeys")
            click("Welcome series")
            click("Edit")
            page.locator("[data-journey][data-ready]").wait_for()
            said.add("Wait until")
            page.locator(".node.wait_until").click()
            panel = page.get_by_role("complementary", name="Step")
            said.add("At most for")
            panel.get_by_label("At most for").fill("20s")
            page.get_by_role("button", name=re.compile("^Add a step: When it happens")).click()
            said.add("Send a message")
            page.get_by_role("dialog").get_by_role("button", name="Send a message").click()
            said.add("Template")
            panel.get_by_label("Template").select_option("welcome_hello")
            click("Text", "button")
            written = page.get_by_label("The journey as text")
            expect(written).to_have_value(re.compile(re.escape(text.strip())))
            page.get_by_text("All changes are kept.").wait_for()
            click("Launch…")
            click("Launch journey", "button")
            page.get_by_text("Launched. People enter from now on.").wait_for()

        reader.by_hand = draw
        reader.follow("tutorial/first-journey.md")
        click("Journeys")
        click("New journey")
        click("Win-back")
        assert page.locator("[name=ask-ordered]").input_value() == "Order Completed"
        click("Make the journey", "button")
        page.get_by_text("Everything is filled in.").wait_for()
    told = set(re.findall(r"\*\*([^*]+)\*\*", text_of("tutorial/first-journey.md")))
    assert {" ".join(name.split()) for name in told} == said


def test_the_first_destination_is_built_tested_and_delivers(
    tmp_path: Path, own_environment: str
) -> None:
    reader = Reader(tmp_path, own_environment)
    try:
        reader.follow("tutorial/first-destination.md")
        acme = (tmp_path / "background-0.log").read_text()
        assert '"who": "ada", "total": 42' in acme
    finally:
        reader.close()
