"""SMTP against real servers: what arrives, and what is known when it doesn't."""

import asyncio
import email
import email.policy
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dkim
import pytest
from cdp_email import Email
from cdp_email.names import Names
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from cdp.plugin import Attachment, DestinationContext, Retry, SettingsError, SMSContent, Stop
from tests.destinations.email.servers import Mailbox, Scripted, certificate, make, message

TOKEN = "a-token-of-the-mail-server"


def test_messages_arrive_as_they_were_over_one_connection() -> None:
    with Mailbox() as box:
        channel = make(box.port)
        receipts = channel.deliver([message(f"d{i}", f"p{i}@example.com") for i in range(5)])
        receipts += channel.deliver([message("d9", "ünal@example.com")])
        channel.close()
    assert [r.kind for r in receipts] == ["sent"] * 6
    assert receipts[0].provider_id == "4ABC"
    assert len(box.sessions) == 1
    first = box.mails[0]
    assert (first.mail_from, first.rcpt_tos) == ("shop@example.org", ["p0@example.com"])
    assert isinstance(first.content, bytes)
    read = email.message_from_bytes(first.content, policy=email.policy.default)
    assert read["message-id"] == "<d0@example.org>"
    assert read.get_content().replace("\r\n", "\n") == "Hello\n.\n..x\n"
    assert box.mails[5].rcpt_tos == ["ünal@example.com"]


def test_a_message_without_smtputf8_on_the_way_fails_and_says_why() -> None:
    with Scripted() as server:
        [receipt] = make(server.port).deliver([message(to="ünal@example.com")])
    assert (receipt.kind, server.taken) == ("failed", [])
    assert "SMTPUTF8" in receipt.reason


def test_a_message_that_cannot_be_written_fails_alone() -> None:
    with Mailbox() as box:
        bad = message("d2", subject="x\r\nBcc: evil@example.com")
        receipts = make(box.port).deliver([message("d1"), bad, message("d3")])
    assert [r.kind for r in receipts] == ["sent", "failed", "sent"]
    assert "line break" in receipts[1].reason
    assert len(box.mails) == 2


# What the server does → what is known of the message. Nothing is taken unless it says so.
CASES: list[tuple[dict[str, Any], str, bool | None]] = [
    ({"drop": "connect"}, "Retry", None),
    ({"answers": {"CONNECT": "554 no"}}, "Retry", None),
    ({"answers": {"CONNECT": "garbage"}}, "Retry", None),
    ({"drop": "ehlo"}, "Retry", None),
    ({"drop": "mail"}, "retry", None),
    ({"answers": {"MAIL": "421 4.3.2 closing"}}, "retry", None),
    ({"answers": {"MAIL": "451 4.7.1 greylisted"}}, "retry", None),
    ({"answers": {"MAIL": "550 5.7.1 not from you"}}, "failed", None),
    ({"answers": {"MAIL": "530 5.7.0 login first"}}, "Stop", None),
    ({"drop": "rcpt"}, "retry", None),
    ({"answers": {"RCPT": "450 4.2.0 busy"}}, "retry", None),
    ({"answers": {"RCPT": "550 5.1.1 no such user"}}, "bounced", True),
    ({"answers": {"RCPT": "550 no such user here"}}, "bounced", True),
    ({"answers": {"RCPT": "550 5.1.10 RESOLVER.ADR.RecipientNotFound"}}, "bounced", True),
    ({"answers": {"RCPT": "552 5.2.2 mailbox full"}}, "bounced", False),
    ({"answers": {"RCPT": "552 over quota"}}, "bounced", False),
    ({"answers": {"RCPT": "550 5.7.1 relaying denied"}}, "failed", None),
    ({"answers": {"RCPT": "554 5.7.1 blocked, see https://rbl.example"}}, "failed", None),
    ({"answers": {"DATA": "451 4.3.0 later"}}, "retry", None),
    ({"answers": {"DATA": "554 5.5.1 no"}}, "failed", None),
    ({"drop": "data"}, "retry", None),
    ({"answers": {"DOT": "451 4.7.1 try again"}}, "retry", None),
    ({"answers": {"DOT": "421 4.3.2 closing"}}, "retry", None),
    ({"answers": {"DOT": "554 5.7.1 looks like spam"}}, "failed", None),
    ({"answers": {"DOT": "550 5.1.1 no such user"}}, "bounced", True),
    ({"answers": {"DOT": "what?"}}, "unknown", None),
    ({"answers": {"DOT": "354 go on"}}, "unknown", None),
    ({"drop": "dot"}, "unknown", None),
    ({"drop": "silence"}, "unknown", None),
]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(("server", "kind", "hard"), CASES)
def test_what_is_known(server: dict[str, Any], kind: str, hard: bool, pipelining: bool) -> None:
    offers = ("PIPELINING", "SIZE 9000") if pipelining else ("8BITMIME",)
    with Scripted(**server, offers=offers) as scripted:
        channel = make(scripted.port, timeout=0.1 if server.get("drop") == "silence" else 5)
        try:
            [receipt] = channel.deliver([message()])
        except (Retry, Stop) as error:
            assert type(error).__name__ == kind
        else:
            assert receipt.kind == kind, receipt
            if hard is not None:
                assert receipt.hard is hard
        finally:
            channel.close()
    if kind == "unknown":
        assert len(scripted.taken) == 1


def test_a_connection_that_breaks_within_the_message_means_again() -> None:
    big = Attachment("x.bin", bytes(8_000_000))
    with Scripted(drop="body", offers=("PIPELINING",)) as server:
        [receipt] = make(server.port).deliver([message(attachments=(big,))])
    assert (receipt.kind, server.taken) == ("retry", [])


def test_a_data_that_goes_through_without_recipient_carries_nothing() -> None:
    # A pipelined DATA is answered with 354 although the recipient was refused.
    with Scripted({"RCPT": "550 5.1.1 unknown"}) as server:
        channel = make(server.port)
        receipts = channel.deliver([message("d1"), message("d2")])
        channel.close()
    assert [r.kind for r in receipts] == ["bounced", "bounced"]
    assert server.taken == []


def test_after_a_refusal_the_session_goes_on() -> None:
    answers = {"gone@example.com": "550 5.1.1 unknown", "DATA": "354 ok"}
    with Scripted(answers, offers=()) as server:
        channel = make(server.port)
        messages = [message("d1", "gone@example.com"), message("d2"), message("d3")]
        receipts = channel.deliver(messages)
        channel.close()
    assert [r.kind for r in receipts] == ["bounced", "sent", "sent"]
    assert server.connections == 1
    assert "RSET" in server.commands


def test_of_several_recipients_those_in_to_decide() -> None:
    answers = {"b@example.com": "550 5.1.1 unknown", "c@example.com": "550 5.1.1 unknown"}
    with Scripted(answers) as server:
        channel = make(server.port)
        some, copy, none, later = channel.deliver(
            [
                message("d1", to="a@example.com", cc=("b@example.com",)),
                message("d2", to="a@example.com", bcc=("b@example.com", "x@example.com")),
                message("d3", to="b@example.com", cc=("a@example.com",)),
                message("d4", to="a@example.com", bcc=("x@example.com",)),
            ]
        )
    assert [some.kind, copy.kind, none.kind, later.kind] == ["sent", "sent", "bounced", "sent"]
    assert some.response["refused"] == {"b@example.com": "550 5.1.1 unknown"}
    assert len(server.taken) == 3


def test_a_session_that_the_server_ended_meanwhile_is_no_loss() -> None:
    with Scripted(once=True) as server:
        channel = make(server.port)
        receipts = [channel.deliver([message(f"d{i}")])[0] for i in range(3)]
        receipts += channel.deliver([message("d8"), message("d9")])
        channel.close()
    assert [r.kind for r in receipts] == ["sent"] * 5
    assert server.connections == 5


def test_a_server_that_goes_away_leaves_the_rest_for_later() -> None:
    server = Scripted(once=True)
    with server:
        channel = make(server.port)
        real = channel._provider._connect  # type: ignore[union-attr]

        def connect() -> Any:
            if server.connections:
                raise Retry("no connection", 5)
            return real()

        channel._provider._connect = connect  # type: ignore[method-assign,union-attr]
        receipts = channel.deliver([message("d1"), message("d2"), message("d3")])
    assert [r.kind for r in receipts] == ["sent", "retry", "retry"]
    assert receipts[2].after == 5


def test_what_comes_too_late_waits_for_another_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted(drop="silence") as server:
        monkeypatch.setattr("cdp_email.smtp.TURN_S", 0.3)
        channel = make(server.port, timeout=0.1)
        receipts = channel.deliver([message("d1"), message("d2")])
    assert [r.kind for r in receipts] == ["unknown", "retry"]
    assert len(server.taken) == 1


def test_a_mistake_of_ours_is_no_fate_of_other_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    with Mailbox() as box:
        channel = make(box.port)
        send, calls = channel._provider._send, iter([0, 1, 0])  # type: ignore[union-attr]

        def broken(letter: Any) -> Any:
            return 1 // 0 if next(calls) else send(letter)

        monkeypatch.setattr(channel._provider, "_send", broken)
        receipts = channel.deliver([message("d1"), message("d2"), message("d3")])
    assert [r.kind for r in receipts] == ["sent", "unknown", "sent"]


def test_nobody_listening_means_later_and_an_inner_address_is_refused() -> None:
    with Scripted() as server:
        port = server.port
    with pytest.raises(Retry, match="no connection"):
        make(port).deliver([message()])
    channel = Email({"provider": "smtp", "from": "a@b.example", "host": "127.0.0.1"},
                    DestinationContext("Mail", False))  # fmt: skip
    with pytest.raises(Retry, match="internal address"):
        channel.deliver([message()])


def test_a_message_that_is_too_big_for_the_server_fails_before_it_is_sent() -> None:
    with Scripted(offers=("SIZE 500",)) as server:
        [receipt] = make(server.port).deliver([message(text="x\n" * 400)])
    assert receipt.kind == "failed" and "the message has" in receipt.reason
    assert "DATA" not in server.commands


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_tls_and_login(security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = certificate(tmp_path)
    options = {"tls_context": context, "require_starttls": True}
    if security == "tls":
        options = {"ssl_context": context, "auth_require_tls": False}
    with Mailbox(login=True, **options) as box:
        with pytest.raises(Retry, match="certificate"):
            make(box.port, security=security).deliver([message()])
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        channel = make(box.port, security=security, username="shop", password="right")
        assert [r.kind for r in channel.deliver([message("d1"), message("d2")])] == ["sent"] * 2
        channel.close()
        with pytest.raises(Stop, match="refuses the login"):
            make(box.port, security=security, username="u", password="no").deliver([message()])
        wrong = make(box.port, security=security, username="u", password="no").test()
        assert "refuses the login" in str(wrong.error) and "no" not in wrong.request_body.split()
        with pytest.raises(Stop, match="wants a login"):
            make(box.port, security=security).deliver([message()])
    assert box.logins[0] == (b"shop", b"right")
    assert len(box.sessions) == 1


def test_without_starttls_nothing_is_said_in_the_clear() -> None:
    with Scripted() as server:
        channel = make(server.port, security="starttls", username="u", password="secret-word")
        with pytest.raises(Retry, match="no STARTTLS"):
            channel.deliver([message()])
    assert [command.split()[0] for command in server.commands] == ["EHLO"]


def test_auto_takes_starttls_where_it_is_and_sends_no_password_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted() as server:
        [receipt] = make(server.port, security="auto").deliver([message()])
        assert receipt.kind == "sent"
        with pytest.raises(Retry, match="must not go in the clear"):
            make(server.port, security="auto", username="u", password="p").deliver([message()])
        assert "AUTH" not in " ".join(server.commands)
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with Mailbox(tls_context=context, require_starttls=True) as box:
        assert make(box.port, security="auto").deliver([message()])[0].kind == "sent"


def test_bounces_have_an_address_of_their_own() -> None:
    with Mailbox() as box:
        channel = make(box.port, return_path="bounces@mail.example.org", inbound_token=TOKEN)
        channel.deliver([message("17")])
    local, _, domain = str(box.mails[0].mail_from).partition("@")
    assert domain == "mail.example.org" and local.startswith("bounces+17-")
    assert Names([TOKEN]).read(local.partition("+")[2]) == "17"


def _pem(key: Any) -> str:
    return str(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
    )


def test_signatures_hold_for_an_independent_verifier() -> None:
    keys = [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()]
    with Mailbox() as box:
        channel = make(
            box.port,
            dkim_selector="one, two",
            dkim_key="".join(map(_pem, keys)).replace("\n", "\\n"),
        )
        signers = channel._provider._signers  # type: ignore[union-attr]
        records = {f"{s.selector}._domainkey.example.org.": s.record() for s in signers}
        odd = {
            "subject": "Größe  und  Länge " * 9, "text": "a  b \t\n\n\tc ü\n\n\n",
            "html": "<p>From\nFrom here</p>   \n", "cc": ("c@example.com",),
            "unsubscribe_url": "https://example.org/u", "headers": {"References": "<a@b> <c@d>"},
            "attachments": (Attachment("ü.txt", b"\0\1", "text/plain"),),
        }  # fmt: skip
        channel.deliver([message("d1"), message("d2", **odd), message("d3", text="")])

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        found = records.get(name.decode())
        return found.encode() if found else None

    def holds(data: bytes, index: int) -> bool:
        try:
            return bool(dkim.DKIM(data).verify(index, dnsfunc=look_up))
        except dkim.DKIMException:
            return False

    changes = [
        (b"Subject: ", b"Subject: x"),
        (b"\r\n\r\n", b"\r\n\r\nx"),
        (b"\r\nFrom: ", b"\r\nReply-To: x@y.example\r\nFrom: "),
    ]
    for mail in box.mails:
        data = bytes(mail.content or b"")
        for index in (0, 1):
            assert holds(data, index)
            assert not any(holds(data.replace(*change, 1), index) for change in changes)
    signed = email.message_from_bytes(bytes(box.mails[1].content))["dkim-signature"]
    assert "list-unsubscribe:list-unsubscribe-post" in "".join(signed.split())


def test_no_more_than_so_many_at_a_time_go_to_one_domain() -> None:
    most: dict[str, int] = {}
    now: dict[str, int] = {}
    lock = threading.Lock()

    class Slow(Mailbox):
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            domain = envelope.rcpt_tos[0].partition("@")[2]
            with lock:
                now[domain] = now.get(domain, 0) + 1
                most[domain] = max(most.get(domain, 0), now[domain])
            await asyncio.sleep(0.02)
            with lock:
                now[domain] -= 1
            return await super().handle_DATA(server, session, envelope)

    with Slow() as box:
        channel = make(box.port, per_domain=2, concurrency=6)
        lists = [
            [message(f"{i}-{j}", f"p@{'big' if j % 2 else f'small{i}'}.example") for j in range(4)]
            for i in range(6)
        ]
        with ThreadPoolExecutor(6) as threads:
            receipts = [r for found in threads.map(channel.deliver, lists) for r in found]
        channel.close()
    assert [r.kind for r in receipts] == ["sent"] * 24
    assert most["big.example"] == 2
    assert len({str(mail.content) for mail in box.mails}) == 24


def test_the_test_asks_or_sends() -> None:
    with Mailbox() as box:
        shown = make(box.port).test()
        assert (shown.error, shown.status, box.mails) == (None, 250, [])
        assert "250" in shown.response_body
        sent = make(box.port, test_to="me@example.com").test()
        assert (sent.error, sent.status) == (None, 250)
        assert box.mails[0].rcpt_tos == ["me@example.com"]
    with Scripted({"MAIL": "550 5.7.1 not you"}) as server:
        assert "not you" in str(make(server.port).test().error)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"provider": "smtp", "host": ""}, {"host"}),
        ({"provider": "ses"}, {"region", "access_key", "secret_key"}),
        ({"provider": "sendgrid"}, {"api_key"}),
        ({"provider": "mailgun"}, {"api_key", "domain"}),
        ({"provider": "postmark"}, {"api_key"}),
        ({"provider": "resend"}, {"api_key"}),
        ({"provider": "pigeon"}, {"provider"}),
        ({"from": "nobody"}, {"from"}),
        ({"return_path": "Me <a@b.example>"}, {"return_path"}),
        ({"dkim_key": "nonsense", "dkim_selector": "a"}, {"dkim_key"}),
        ({"dkim_key": _pem(ed25519.Ed25519PrivateKey.generate())}, {"dkim_selector"}),
        ({"username": "u"}, {"password"}),
        ({"inbound_token": "short"}, {"inbound_token"}),
        ({"security": "maybe", "port": 99999}, {"security", "port"}),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], wrong: set[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        make(settings.pop("port", 25), **settings)
    assert set(caught.value.errors) == wrong


def test_what_a_message_weighs() -> None:
    content = message(html="x" * 103 * 1024).content
    measured = make(25).measure(content)
    assert measured["bytes"] > 103 * 1024 and measured["clipped"]
    assert "no email address" in make(25).measure(message(to="nobody").content)["error"]
    assert "can't send" in make(25).measure(SMSContent("+48500000001", "x"))["error"]
