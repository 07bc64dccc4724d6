"""The test kit for plugins: a real local receiver, events to send, inherited tests.

    from cdp.plugin.testing import destination_tests

    TestAcme = destination_tests(Acme, settings=lambda url: {"url": url})

brings a class of tests that every destination should pass; `channel_tests` does it for
channels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cdp.plugin.channel_testing import channel_tests
from cdp.plugin.destination import Destination, DestinationContext
from cdp.plugin.errors import PluginError, Reject, Retry, Stop
from cdp.plugin.recording import Answer, RecordingServer, Request
from cdp.plugin.settings import MASK, SettingsError
from cdp.plugin.values import Batch, Event, Outcome

AWKWARD = Path(__file__).parent / "awkward"


class FakeClock:
    """A clock that only moves when it is told to; `sleep` moves it as well."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.slept.append(seconds)
        self.now += seconds


def make_event(type_: str = "track", name: str = "Order Completed", /, **body: Any) -> Event:
    """An event as a destination gets it; ``body`` adds to and overrides the Segment fields."""
    number = body.get("messageId", "m1")
    fields: dict[str, Any] = {
        "type": type_,
        "messageId": number,
        "userId": "u1",
        "timestamp": "2026-01-31T12:00:00.000Z",
        "receivedAt": "2026-01-31T12:00:00.100Z",
        "context": {},
        "integrations": {},
    }
    if type_ == "track":
        fields |= {"event": name, "properties": {"total": 12.5}}
    fields |= body
    return Event(
        id=fields["messageId"], type=type_, name=name if type_ == "track" else "", body=fields,
        key=f"key-{fields['messageId']}", source="default", t=1_769_860_800_000, seq=1,
    )  # fmt: skip


def awkward_events() -> Iterator[Event]:
    """Events that break careless code: odd keys, deep nesting, emoji, nulls, long texts."""
    for path in sorted(AWKWARD.glob("*.json")):
        body = json.loads(path.read_text())
        yield make_event(body.pop("type", "track"), body.pop("event", "Odd"), **body)


SettingsOf = Callable[[str], dict[str, Any]]


def destination_tests(
    destination: type[Destination], settings: SettingsOf, wrong: dict[str, Any] | None = None
) -> type:
    """A pytest class of what every HTTP destination must do.

    ``settings`` gets the local server's address and returns the destination's
    settings; ``wrong`` are settings that it must refuse.
    """

    class Tests:
        """Inherited from `cdp.plugin.testing.destination_tests`."""

        def make(self, url: str) -> Destination:
            context = DestinationContext("Under test", allow_private_addresses=True)
            made = destination(settings(url), context)
            made.open()
            return made

        def send(self, answer: Answer, *events: Event) -> tuple[Any, list[Request], Destination]:
            """What sending gave: outcomes or the error raised, and the requests made."""
            with RecordingServer(*[answer] * 10) as server:
                made = self.make(server.url)
                batch = Batch(list(events or [make_event()]), "batch-key")
                try:
                    result: Any = made.send(batch)
                except PluginError as error:
                    result = error
                finally:
                    made.close()
                return result, server.requests, made

        def test_has_what_is_needed_to_be_added(self) -> None:
            assert destination.key and destination.key == destination.key.lower()
            assert destination.name
            assert all(field["label"] for field in destination.form())

        def test_an_event_reaches_the_provider(self) -> None:
            result, requests, _ = self.send(Answer(200))
            assert _delivered(result)
            assert requests

        def test_awkward_events_are_sent_or_rejected_but_never_break_it(self) -> None:
            for event in awkward_events():
                result, _, _ = self.send(Answer(200), event)
                assert _delivered(result) or isinstance(result, Reject) or _rejected(result)

        def test_too_many_requests_means_later_and_honours_retry_after(self) -> None:
            result, _, _ = self.send(Answer(429, {"Retry-After": "7"}))
            assert _later(result) == 7.0

        def test_a_failing_provider_means_later(self) -> None:
            result, _, _ = self.send(Answer(503))
            assert _later(result) is not False

        def test_a_refused_event_is_rejected(self) -> None:
            result, _, _ = self.send(Answer(400))
            assert isinstance(result, Reject) or _rejected(result)

        def test_wrong_credentials_stop_the_destination(self) -> None:
            result, _, _ = self.send(Answer(401))
            assert isinstance(result, Stop)

        def test_no_answer_means_later(self) -> None:
            with RecordingServer() as server:
                url = server.url
            made = self.make(url)
            try:
                made.send(Batch([make_event()], "batch-key"))
            except Retry:
                return
            raise AssertionError("a provider that is away must raise Retry")

        def test_secrets_are_masked(self) -> None:
            values = settings("https://example.com")
            shown = destination.masked(values)
            for item in destination.form():
                if item["secret"] and values.get(item["name"]):
                    assert shown[item["name"]] != values[item["name"]]
                    assert MASK in json.dumps(shown[item["name"]], ensure_ascii=False)

        def test_wrong_settings_are_refused_by_name(self) -> None:
            try:
                destination(wrong if wrong is not None else {"no_such_setting": 1})
            except SettingsError as error:
                assert error.errors
            else:
                raise AssertionError("wrong settings were taken")

    Tests.__name__ = Tests.__qualname__ = f"Test{destination.__name__}"
    return Tests


def _delivered(result: Any) -> bool:
    return result is None or (
        isinstance(result, list) and all(o == Outcome.delivered() for o in result)
    )


def _rejected(result: Any) -> bool:
    return isinstance(result, list) and any(o.kind == "reject" for o in result)


def _later(result: Any) -> float | bool | None:
    if isinstance(result, Retry):
        return result.after
    if isinstance(result, list) and result and result[0].kind == "retry":
        after: float | None = result[0].after
        return after
    return False


__all__ = [
    "AWKWARD", "Answer", "FakeClock", "RecordingServer", "Request", "awkward_events",
    "channel_tests", "destination_tests", "make_event",
]  # fmt: skip
