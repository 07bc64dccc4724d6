"""Tests that every channel inherits; `cdp.plugin.testing` has them for all to import."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cdp.plugin.channel import Channel
from cdp.plugin.destination import DestinationContext
from cdp.plugin.errors import PluginError, Stop
from cdp.plugin.messages import Content, Forged, Inbound, Outgoing, Receipt
from cdp.plugin.receipts import receipt_of
from cdp.plugin.recording import Answer, RecordingServer, Request
from cdp.plugin.settings import MASK, SettingsError

CHANNELS = ("email", "sms", "push", "in_app", "webhook", "slack")


def channel_tests(
    channel: type[Channel],
    settings: Callable[[str], dict[str, Any]],
    content: Content,
    *,
    accepts: Answer | None = None,
    before: Sequence[Answer] = (),
    wrong: dict[str, Any] | None = None,
    forged: Sequence[Inbound] = (),
    addresses: Callable[[Content, str], Content] | None = None,
) -> type:
    """A pytest class of what every channel that calls a provider by HTTP must do.

    ``settings`` gets the local server's address and returns the channel's settings,
    ``content`` is what is sent. ``accepts`` is the provider's answer to a message that it
    takes, ``before`` what it answers before that (to a request for a token). ``wrong`` are
    settings that must be refused, ``forged`` requests that `Channel.receive` must. Where
    the content itself says where it goes, ``addresses`` puts the server's address in.
    """

    class Tests:
        """Inherited from `cdp.plugin.testing.channel_tests`."""

        def make(self, url: str) -> Channel:
            context = DestinationContext("Under test", True, "https://cdp.example.org")
            made = channel(settings(url), context)
            made.open()
            return made

        def outgoing(self, url: str, number: int = 1, attempt: int = 1) -> Outgoing:
            there = addresses(content, url) if addresses else content
            return Outgoing(f"d{number}", f"key-{number}", there, attempt, {"user_id": "u1"})

        def deliver(self, *answers: Answer, count: int = 1) -> tuple[Any, list[Request]]:
            """The receipts, or what was raised, and the requests that were made."""
            with RecordingServer(*before, *answers, otherwise=answers[-1]) as server:
                made = self.make(server.url)
                messages = [self.outgoing(server.url, number + 1) for number in range(count)]
                try:
                    result: Any = made.deliver(messages)
                except PluginError as error:
                    result = error
                finally:
                    made.close()
                return result, server.requests

        def fate(self, *answers: Answer) -> Receipt:
            """What became of one message; what is raised counts as the engine counts it."""
            result, requests = self.deliver(*answers)
            assert len(requests) > len(before), "the provider was never asked"
            return _fate(result)

        def test_has_what_is_needed_to_be_added(self) -> None:
            assert channel.key and channel.key == channel.key.lower()
            assert channel.name and channel.description
            assert channel.channel in CHANNELS
            assert all(field["label"] for field in channel.form())

        def test_a_message_reaches_the_provider(self) -> None:
            result, requests = self.deliver(accepts or Answer())
            assert [receipt.kind for receipt in result] == ["sent"], result
            assert len(requests) == len(before) + 1

        def test_every_message_gets_a_receipt_of_its_own(self) -> None:
            result, _ = self.deliver(accepts or Answer(), count=3)
            assert [receipt.kind for receipt in result] == ["sent"] * 3

        def test_the_key_of_a_message_is_told_if_the_provider_keeps_keys(self) -> None:
            with RecordingServer(*before, otherwise=accepts or Answer()) as server:
                made = self.make(server.url)
                for attempt in (1, 2):
                    made.deliver([self.outgoing(server.url, 1, attempt)])
                made.close()
                for request in server.requests[len(before) :] if made.keeps_keys else ():
                    assert "key-1" in f"{request.path} {request.headers} {request.body!r}"

        def test_too_many_requests_means_later_and_honours_retry_after(self) -> None:
            receipt = self.fate(Answer(429, {"Retry-After": "7"}, b"{}"))
            assert (receipt.kind, receipt.after) == ("retry", 7.0), receipt

        def test_a_provider_that_takes_nothing_for_now_means_later(self) -> None:
            assert self.fate(Answer(503, body=b"{}")).kind == "retry"

        def test_a_provider_that_breaks_may_have_taken_the_message(self) -> None:
            assert self.fate(Answer(500, body=b"{}")).kind == "unknown"

        def test_a_provider_that_hangs_up_may_have_taken_the_message(self) -> None:
            assert self.fate(Answer(drop=True)).kind == "unknown"

        def test_a_provider_that_cannot_be_reached_has_not_taken_it(self) -> None:
            with RecordingServer() as server:
                url = server.url
            made = self.make(url)
            try:
                result: Any = made.deliver([self.outgoing(url)])
            except PluginError as error:
                result = error
            assert _fate(result).kind == "retry"

        def test_an_answer_that_is_no_answer_is_never_taken_for_sent_by_accident(self) -> None:
            for body in (b"", b"<html>", b"[]", b"null", b'{"error": []}', b"\xff\xfe"):
                receipt = self.fate(Answer(400, body=body))
                assert receipt.kind in ("failed", "bounced"), (body, receipt)
                result, _ = self.deliver(Answer(200, body=body))
                assert _fate(result).kind in ("sent", "unknown", "failed"), (body, result)

        def test_a_refused_message_has_failed(self) -> None:
            assert self.fate(Answer(400, body=b"{}")).kind in ("failed", "bounced")

        def test_wrong_credentials_stop_the_channel(self) -> None:
            result, _ = self.deliver(Answer(401, body=b"{}"))
            assert isinstance(result, Stop), result

        def test_forged_requests_are_refused(self) -> None:
            made = self.make("https://example.com")
            for request in (*forged, Inbound("POST", "no/such/path", "", {}, {}, b"{}")):
                for changed in (request, replace(request, body=request.body + b" ")):
                    try:
                        reply = made.receive(changed)
                    except Forged:
                        continue
                    assert reply is None or not (reply.reports or request in forged), request

        def test_secrets_are_masked(self) -> None:
            values = settings("https://example.com")
            shown = channel.masked(values)
            for item in channel.form():
                if item["secret"] and values.get(item["name"]):
                    assert shown[item["name"]] != values[item["name"]]
                    assert MASK in json.dumps(shown[item["name"]], ensure_ascii=False)

        def test_calls_that_are_kept_show_no_secret(self) -> None:
            with RecordingServer(*before, otherwise=accepts or Answer()) as server:
                made = self.make(server.url)
                values = settings(server.url)
                made.deliver([self.outgoing(server.url)])
                kept = repr(made.http.take_exchanges())
                made.close()
            assert kept != "[]", "the calls were not recorded: use self.http"
            for item in channel.form():
                value = values.get(item["name"])
                if item["secret"] and isinstance(value, str) and value:
                    assert value not in kept, item["name"]

        def test_wrong_settings_are_refused_by_name(self) -> None:
            try:
                channel(wrong if wrong is not None else {"no_such_setting": 1})
            except SettingsError as error:
                assert error.errors
            else:
                raise AssertionError("wrong settings were taken")

    Tests.__name__ = Tests.__qualname__ = f"Test{channel.__name__}"
    return Tests


def _fate(result: Any) -> Receipt:
    if isinstance(result, PluginError):
        return Receipt.retry(str(result)) if isinstance(result, Stop) else receipt_of(result)
    assert isinstance(result, list) and len(result) == 1, result
    assert isinstance(result[0], Receipt), result
    found: Receipt = result[0]
    return found


__all__ = ["CHANNELS", "channel_tests"]
