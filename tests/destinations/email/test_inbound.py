"""Mail that comes in: the forms that servers and people write, and forged ones."""

import subprocess
import sys
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from cdp_email import Email
from cdp_email.cli import email_group
from cdp_email.names import Names
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.plugin import Forged, Inbound, Report
from cdp.plugin.testing import Answer, RecordingServer
from tests.destinations.email.servers import Mailbox, make, message

TOKEN = "a-token-of-the-mail-server"
NAME = Names([TOKEN]).sign("17")
WRITTEN = int(time.time()) - 3600
PATH = "bounces@mail.example.org"
VERP = f"bounces+{NAME}@mail.example.org"

POSTFIX = f"""Return-Path: <>
Delivered-To: {VERP}
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {VERP}
Message-ID: <20260131120000.ABC@mx.example.org>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain; charset=us-ascii

<ana@example.com>: host mx.example.com said: 550 5.1.1 <ana@example.com>: unknown

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
Original-Envelope-Id: {NAME}

Final-Recipient: rfc822; ana@example.com
Original-Recipient: rfc822;ana@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ana@example.com>: Recipient address rejected:
    User unknown

--b1
Content-Type: text/rfc822-headers

From: Shop <shop@example.org>
Message-ID: <{NAME}@example.org>
X-Headwater-Delivery: {NAME}

--b1--
"""

ARF = f"""From: <feedback@isp.example>
To: <abuse@example.org>
Subject: FW: Hello
MIME-Version: 1.0
Message-ID: <arf-1@isp.example>
Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

--b1
Content-Type: text/plain

This is an email abuse report.

--b1
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Rcpt-To: <ana@example.com>
Source-IP: 192.0.2.1

--b1
Content-Type: message/rfc822

From: Shop <shop@example.org>
Subject: Hello
Message-ID: <{NAME}@example.org>
X-Headwater-Delivery: {NAME}

Hello
--b1--
"""

REPLY = f"""From: Ana <ana@example.com>
To: shop@example.org
Subject: =?utf-8?q?Re=3A_Gr=C3=BC=C3=9Fe?=
Message-ID: <r1@example.com>
In-Reply-To: <{NAME}@example.org>
Date: {formatdate(WRITTEN)}
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Sch=F6n!
"""


def channel(**more: Any) -> Email:
    return make(25, inbound_token=TOKEN, return_path=PATH, **more)


def inbound(mail: str | bytes, token: str = TOKEN, to: str = "") -> Inbound:
    data = mail if isinstance(mail, bytes) else mail.replace("\n", "\r\n").encode()
    headers = {"authorization": f"Bearer {token}"}
    return Inbound("POST", "bounce", "https://x/", {"to": to} if to else {}, headers, data)


def told(mail: str | bytes, to: str = "", **more: Any) -> list[Report]:
    reply = channel(**more).receive(inbound(mail, to=to))
    assert reply is not None and reply.status == 200
    return reply.reports


def without_names(mail: str) -> str:
    return mail.replace(NAME, "17-aaaaaaaaaa")


def test_a_bounce_of_postfix() -> None:
    [report] = told(POSTFIX)
    assert (report.kind, report.delivery, report.hard) == ("bounced", "17", True)
    assert report.recipient == "ana@example.com"
    assert report.reason.startswith("550 5.1.1") and report.reason.endswith("User unknown")
    assert report.detail["status"] == "5.1.1"
    assert told(POSTFIX)[0].id == report.id
    assert told(POSTFIX.replace("ABC@", "DEF@"))[0].id != report.id


@pytest.mark.parametrize(
    ("change", "kind", "hard"),
    [
        (("Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1",
          "Status: 5.2.2\nDiagnostic-Code: smtp; 552"), "bounced", False),
        (("Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1",
          "Action: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; 421"), "deferred", False),
        (("Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1",
          "Action: failed\nStatus: 4.4.7\nDiagnostic-Code: smtp; 421"), "bounced", False),
        (("Action: failed\nStatus: 5.1.1", "Action: delivered\nStatus: 2.0.0"), "delivered", False),
    ],
)  # fmt: skip
def test_what_a_status_says(change: tuple[str, str], kind: str, hard: bool) -> None:
    mail = POSTFIX.replace(*change).replace("User unknown", "it is so")
    assert mail != POSTFIX.replace("User unknown", "it is so")
    [report] = told(mail)
    assert (report.kind, report.hard) == (kind, hard)


@pytest.mark.parametrize("kept", ["to", "delivered", "envelope id", "headers", "query"])
def test_any_one_name_is_enough(kept: str) -> None:
    lines = {"to": f"\nTo: {VERP}", "delivered": f"Delivered-To: {VERP}",
             "envelope id": f"Original-Envelope-Id: {NAME}",
             "headers": f"X-Headwater-Delivery: {NAME}"}  # fmt: skip
    mail = without_names(POSTFIX)
    if kept == "query":
        assert told(mail) == []
        [report] = told(mail, to=VERP.upper())
    else:
        [report] = told(mail.replace(lines[kept].replace(NAME, "17-aaaaaaaaaa"), lines[kept]))
    assert (report.kind, report.delivery) == ("bounced", "17")


def test_forged_mail_moves_nothing() -> None:
    for mail in (POSTFIX, ARF, REPLY):
        assert len(told(mail)) == 1
        assert told(without_names(mail)) == []
    with pytest.raises(Forged, match="token"):
        channel().receive(inbound(POSTFIX, token="another-token-of-sb"))
    with pytest.raises(Forged, match="no inbound_token"):
        make(25).receive(inbound(POSTFIX))
    unsigned = replace(inbound(POSTFIX), headers={})
    with pytest.raises(Forged):
        channel().receive(unsigned)


def test_names_outlive_a_change_of_the_token() -> None:
    changed = make(25, inbound_token=f"the-token-that-is-new {TOKEN}", return_path=PATH)
    reply = changed.receive(inbound(POSTFIX))
    assert reply is not None and reply.reports[0].delivery == "17"


EXIM = f"""From: Mail Delivery System <Mailer-Daemon@mx.example.com>
To: {VERP}
X-Failed-Recipients: ana@example.com
Auto-Submitted: auto-replied
Subject: Mail delivery failed: returning message to sender

A message that you sent could not be delivered to one or more of its recipients.

  ana@example.com
    host mx.example.com [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<ana@example.com>:
    550 5.1.1 No such user
"""
QMAIL = f"""From: MAILER-DAEMON@mx.example.com
To: {VERP}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.com.

<ana@example.com>:
Sorry, no mailbox here by that name. (#5.1.1)
"""


def test_bounces_in_words_alone() -> None:
    [exim] = told(EXIM)
    assert (exim.kind, exim.hard, exim.recipient) == ("bounced", True, "ana@example.com")
    assert exim.reason == "550 5.1.1 No such user"
    [qmail] = told(QMAIL)
    assert (qmail.kind, qmail.hard, qmail.delivery) == ("bounced", True, "17")
    [vague] = told(QMAIL.replace("(#5.1.1)", "").replace("no mailbox", "nothing"))
    assert (vague.kind, vague.hard, vague.reason) == ("bounced", False, "failure notice")


def test_an_answering_machine_is_no_bounce() -> None:
    vacation = f"From: Ana <ana@example.com>\nTo: {VERP}\nSubject: Out of office\n" \
               "Auto-Submitted: auto-replied\n\nI am on holiday, call 555 1234.\n"  # fmt: skip
    assert told(vacation) == []


def test_a_complaint() -> None:
    [report] = told(ARF)
    assert (report.kind, report.delivery, report.recipient) == (
        "complained",
        "17",
        "ana@example.com",
    )
    assert report.detail["type"] == "abuse"
    assert told(ARF.replace("Feedback-Type: abuse", "Feedback-Type: not-spam")) == []
    [left] = told(ARF.replace("Feedback-Type: abuse", "Feedback-Type: opt-out"))
    assert left.kind == "unsubscribed"


def test_a_reply() -> None:
    [report] = told(REPLY)
    assert (report.kind, report.recipient, report.machine) == ("replied", "ana@example.com", False)
    assert report.detail == {"subject": "Re: Grüße", "text": "Schön!\r\n"}
    assert report.at == WRITTEN * 1000
    [machine] = told(REPLY.replace("To: shop", "Auto-Submitted: auto-replied\nTo: shop"))
    assert machine.machine


def test_an_unsubscribe_by_mail_that_we_asked_for() -> None:
    own = {"inbound_token": TOKEN, "unsubscribe_address": "leave@mail.example.org"}
    with Mailbox() as box:
        sender = make(box.port, **own)
        sender.deliver([message("17", unsubscribe_url="https://example.org/u"), message("18")])
    first, second = (bytes(mail.content or b"") for mail in box.mails)
    assert b"List-Unsubscribe" not in second
    address = first.split(b"<mailto:")[1].split(b">")[0].decode()
    assert address == f"leave+{NAME}@mail.example.org"
    mail = f"From: Ana <ana@example.com>\nTo: {address}\nSubject: unsubscribe\n\n"
    [report] = told(mail, unsubscribe_address="leave@mail.example.org")
    assert (report.kind, report.delivery) == ("unsubscribed", "17")
    assert told(without_names(mail), unsubscribe_address="leave@mail.example.org") == []


@settings(deadline=None)
@given(
    st.binary(max_size=300), st.integers(0, len(POSTFIX)), st.sampled_from([POSTFIX, ARF, REPLY])
)
def test_broken_mail_breaks_nothing(noise: bytes, at: int, mail: str) -> None:
    data = mail.encode()
    told(data[:at])
    assert all(report.delivery == "17" for report in told(data[:at] + noise + data[at:]))


def test_parts_within_parts_end_somewhere() -> None:
    nested = "".join(
        f'Content-Type: multipart/mixed; boundary="b{i}"\n\n--b{i}\n' for i in range(3000)
    )
    assert told(nested) == []


def run(*arguments: str, token: str = "") -> Any:
    environment = {"CDP_EMAIL_TOKEN": token}
    return CliRunner().invoke(email_group, ["receive", *arguments], input=POSTFIX, env=environment)


def test_the_command_hands_mail_over(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    with RecordingServer(Answer(200, body=b"bounced")) as server:
        url = server.url + "/channels/email/bounce"
        command = ["--url", url, "--token-file", str(token), "--to", VERP]
        done = subprocess.run(
            [sys.executable, "-m", "cdp", "email", "receive", *command],
            input=POSTFIX.encode(), capture_output=True, timeout=60, env={},
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"bounced\n"), done.stderr
    [request] = server.requests
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.body == POSTFIX.encode()
    assert request.path.endswith("?to=" + VERP.replace("+", "%2B").replace("@", "%40"))


def test_the_command_leaves_mail_with_the_server_if_it_cannot_hand_it_over() -> None:
    with RecordingServer(otherwise=Answer(401, body=b"no")) as server:
        refused = run("--url", server.url, token="wrong")
    assert refused.exit_code == 75 and "the answer was 401: no" in refused.output
    assert run("--url", server.url, token="t").exit_code == 75
    assert "no token" in run("--url", server.url).output
