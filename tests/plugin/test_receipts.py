"""What answers and errors say of messages."""

import pytest

from cdp.plugin import (
    DestinationContext,
    Outgoing,
    Receipt,
    Reject,
    Retry,
    SMSContent,
    Stop,
    Unanswered,
    one_by_one,
    receipt_from,
)

MESSAGES = [Outgoing(f"d{n}", f"k{n}", SMSContent("+48600100200", "Hi")) for n in range(4)]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "failed"), (404, "failed"), (408, "retry"), (422, "failed"), (429, "retry"),
        (500, "unknown"), (502, "unknown"), (503, "retry"), (504, "unknown"), (302, "retry"),
    ],
)  # fmt: skip
def test_only_what_surely_was_not_taken_is_for_later(status: int, kind: str) -> None:
    found = receipt_from(status, {}, "because")
    assert found is not None and found.kind == kind and found.reason.startswith("because")


def test_success_has_no_receipt_of_its_own_and_credentials_stop() -> None:
    assert receipt_from(202) is None
    assert receipt_from(429, {"Retry-After": "3"}) == Receipt.retry("the answer was 429", 3.0)
    with pytest.raises(Stop):
        receipt_from(401)


def test_each_message_gets_what_became_of_it() -> None:
    fates = iter([Unanswered("gone"), Reject("bad"), ValueError("bug"), Retry("busy", 2)])

    def hand_over(_: Outgoing) -> Receipt:
        raise next(fates)

    assert one_by_one(MESSAGES, hand_over) == [
        Receipt.unknown("gone"), Receipt.failed("bad"), Receipt.unknown("ValueError: bug"),
        Receipt.retry("busy", 2),
    ]  # fmt: skip


def test_a_provider_that_takes_nothing_is_told_as_a_whole() -> None:
    asked: list[str] = []

    def hand_over(message: Outgoing) -> Receipt:
        asked.append(message.id)
        if message.id != "d0":
            raise Retry("away", 9)
        return Receipt.sent()

    kinds = [(receipt.kind, receipt.after) for receipt in one_by_one(MESSAGES, hand_over)]
    assert kinds == [("sent", None), *[("retry", 9)] * 3] and asked == ["d0", "d1"]
    with pytest.raises(Retry, match="away"):
        one_by_one(MESSAGES[1:], hand_over)


def test_a_stop_after_others_leaves_the_rest_for_later() -> None:
    def hand_over(message: Outgoing) -> Receipt:
        if message.id == "d2":
            raise Stop("the token is gone")
        return Receipt.sent(message.id)

    kinds = [receipt.kind for receipt in one_by_one(MESSAGES, hand_over)]
    assert kinds == ["sent", "sent", "retry", "retry"]
    with pytest.raises(Stop):
        one_by_one(MESSAGES[2:], hand_over)


def test_callbacks_have_an_address_only_where_the_server_knows_its_own() -> None:
    context = DestinationContext("My SMS/1", public_url="https://cdp.example.org/")
    assert context.callback("status") == "https://cdp.example.org/channels/My%20SMS%2F1/status"
    keyed = DestinationContext("My SMS/1", public_url="https://cdp.example.org", key="my-sms")
    assert keyed.callback("status") == "https://cdp.example.org/channels/my-sms/status"
    assert DestinationContext("sms").callback("status") == ""
