"""From contents to bytes, read back by the standard library's parser."""

import email
import email.policy
import re
from email.message import EmailMessage
from typing import Any

import pytest
from cdp_email.addresses import InvalidContent, parse
from cdp_email.mime import compose
from cdp_email.names import Names
from hypothesis import given
from hypothesis import strategies as st

from cdp.plugin import Attachment, EmailContent

NOW = 1_790_000_000.0
LONG = "Ein sehr langer Betreff über Äpfel, Öl und Übergrößen, der nicht auf eine Zeile paßt " * 3


def content(**more: Any) -> EmailContent:
    given = {"sender": "Shop <shop@example.org>", "to": ("ana@example.com",), "subject": "Hello"}
    return EmailContent(**(given | more))


def written(**more: Any) -> bytes:
    return compose(content(**more), "d1", NOW).data()


def read(data: bytes) -> EmailMessage:
    """Parsed, after the rules that every message keeps were checked."""
    for line in data.split(b"\r\n"):
        assert len(line) <= 998
        assert b"\n" not in line and b"\r" not in line
    head = data.split(b"\r\n\r\n", 1)[0]
    assert all(line.strip() for line in head.split(b"\r\n")), "a line of nothing but spaces"
    assert all(len(line) <= 78 or line.strip().count(b" ") <= 1 for line in head.split(b"\r\n"))
    found = email.message_from_bytes(data, policy=email.policy.default)
    for part in found.walk():
        assert not part.defects
        assert all(not value.defects for value in part.values())
    assert isinstance(found, EmailMessage)
    return found


def text_of(part: Any) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


def test_a_plain_message_is_what_it_says() -> None:
    data = written(text="Dear Ana,\n\nhello.\n.\n..end", html="<p>Hello</p>")
    found = read(data)
    assert found["from"] == "Shop <shop@example.org>"
    assert found["to"] == "ana@example.com"
    assert found["subject"] == "Hello"
    assert found["message-id"] == "<d1@example.org>"
    assert found["x-headwater-delivery"] == "d1"
    assert found["date"].datetime.timestamp() == NOW
    assert found.get_content_type() == "multipart/alternative"
    text, html = found.iter_parts()
    assert text_of(text) == "Dear Ana,\n\nhello.\n.\n..end\n"
    assert text_of(html) == "<p>Hello</p>\n"
    assert data.isascii()


def test_a_repeat_is_the_same_but_for_the_date() -> None:
    made = [compose(content(html="<p>x</p>", text="x"), "d1", NOW + i * 90).data() for i in (0, 1)]
    assert made[0] != made[1]
    assert len({re.sub(rb"\r\nDate: [^\r]+", b"", data) for data in made}) == 1


@pytest.mark.parametrize(
    "subject",
    ["", "é", LONG, LONG[:76], "語" * 200, "😀" * 60, "=?utf-8?q?not_coded?=", " spaces  all ",
     "x" * 2000, "a" * 60 + " " + "b" * 300, "tab\there", "Zażółć gęślą jaźń", "100 % _of_ = it?",
     "word " * 60 + "end"],
)  # fmt: skip
def test_subjects_arrive_as_they_were(subject: str) -> None:
    assert read(written(subject=subject))["subject"] == subject


@pytest.mark.parametrize(
    ("address", "name", "spec"),
    [
        ("Ana <ana@example.com>", "Ana", "ana@example.com"),
        ("Peña, Ana <ana@example.com>", "Peña, Ana", "ana@example.com"),
        ("Doe, Jane <jane@example.com>", "Doe, Jane", "jane@example.com"),
        ('"Doe, \\"J\\" Jane" <jane@example.com>', 'Doe, "J" Jane', "jane@example.com"),
        ("A. (B) C <abc@example.com>", "A. (B) C", "abc@example.com"),
        ("x@y <abc@example.com>", "x@y", "abc@example.com"),
        (f"{'Ünal ' * 30}<abc@example.com>", ("Ünal " * 30).strip(), "abc@example.com"),
        ("ana@bücher.example", "", "ana@xn--bcher-kva.example"),
        ("ana@Example.COM", "", "ana@example.com"),
        ("<a+b@example.com>", "", "a+b@example.com"),
        ("=?utf-8?q?x?= <abc@example.com>", "=?utf-8?q?x?=", "abc@example.com"),
    ],
)
def test_names_and_domains_arrive_as_they_were(address: str, name: str, spec: str) -> None:
    [found] = read(written(to=(address,)))["to"].addresses
    # The parser (not the standard) keeps the spaces between encoded words.
    assert (" ".join(found.display_name.split()), found.addr_spec) == (name, spec)


def test_many_recipients_are_folded_named_once_and_blind_ones_are_hidden() -> None:
    to = tuple(f"Nummer {i} Größe <person{i}@example.com>" for i in range(40))
    mail = compose(
        content(to=to, cc=("Person1@example.com", "c@example.com"), bcc=("b@example.com",)),
        "d1", NOW,
    )  # fmt: skip
    found = read(mail.data())
    assert len(found["to"].addresses) == 40
    assert found["cc"] == "c@example.com"
    assert "bcc" not in found and b"b@example.com" not in mail.data()
    assert [item.spec for item in mail.copies] == ["c@example.com", "b@example.com"]


def test_local_parts_beyond_ascii_need_smtputf8() -> None:
    mail = compose(content(to=("Пеле <пеле@пример.рф>",)), "d1", NOW)
    assert mail.utf8
    assert "<пеле@xn--e1afmkfd.xn--p1ai>".encode() in mail.data()
    assert not compose(content(to=("pele@пример.рф",)), "d1", NOW).utf8


@pytest.mark.parametrize(
    "address",
    ["", "ana", "ana@", "@example.com", "a b@example.com", "ana@exa mple.com", "ana@-x.com",
     "ana@example..com", "a@b@example.com", "ana@example.com\r\nBcc: x@example.com",
     "Ana\n <ana@example.com>", "a" * 65 + "@example.com", "ana@" + "x" * 64 + ".com",
     "<ana@example.com", "ana@exämple_.com", "\ud800@example.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidContent):
        compose(content(to=(address,)), "d1", NOW)


def test_dots_side_by_side_are_quoted() -> None:
    assert parse("a..b.@docomo.example").spec == '"a..b."@docomo.example'


@pytest.mark.parametrize(
    "more",
    [
        {"subject": "x\r\nBcc: y@example.com"}, {"subject": "x\ny"}, {"subject": "x\0y"},
        {"headers": {"X-A": "b\r\nBcc: y@example.com"}}, {"headers": {"X-A\r\nBcc": "y"}},
        {"headers": {"X A": "y"}}, {"headers": {"X-A:": "y"}}, {"reply_to": "x@y\r\nBcc: z@z"},
        {"unsubscribe_url": "https://x/\r\nBcc: z@z"}, {"unsubscribe_url": "https://x/> y"},
        {"unsubscribe_url": "javascript:x"}, {"unsubscribe_mailto": "a@b\r\nBcc: z@z"},
        {"attachments": (Attachment("a\r\nX: y", b""),)},
        {"attachments": (Attachment("a", b"", "text/plain\r\nX: y"),)},
        {"attachments": (Attachment("a", b"", "image/png", "c>\r\nX: y"),), "html": "x"},
        {"headers": {"X-A": "x" * 2000, "References": "<" + "x" * 999 + ">"}},
        {"headers": {"Message-ID": "<a@b>"}}, {"headers": {"Bcc": "a@b"}},
        {"headers": {"Content-Type": "text/plain"}}, {"text": "\ud800"}, {"to": ()},
        {"headers": {"List-Unsubscribe": "<https://x/>"}, "unsubscribe_url": "https://y/"},
    ],
)  # fmt: skip
def test_what_would_break_out_of_its_place_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(InvalidContent):
        written(**more)


def test_one_click_unsubscribe_is_announced() -> None:
    url = "https://example.org/u/" + "x" * 120
    found = read(written(unsubscribe_url=url, unsubscribe_mailto="u+1@example.org?subject=stop"))
    assert found["list-unsubscribe"] == f"<{url}>, <mailto:u+1@example.org?subject=stop>"
    assert found["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    only = read(written(unsubscribe_mailto="mailto:u@example.org"))
    assert only["list-unsubscribe"] == "<mailto:u@example.org>"
    assert "list-unsubscribe-post" not in only


def test_more_headers_are_taken_and_encoded() -> None:
    ids = " ".join(f"<{i:030}@example.org>" for i in range(9))
    headers = {"X-Size": "größer", "References": ids, "X-Tag": "a b"}
    mail = compose(content(headers=headers), "d1", NOW, feedback_id="a:b:c:shop")
    found = read(mail.data())
    assert found["x-size"] == "größer"
    assert found["references"] == ids
    assert found["feedback-id"] == "a:b:c:shop"


def test_parts_nest_as_they_should() -> None:
    pixel = Attachment("logo.png", b"\x89PNG" * 99, "image/png", cid="logo")
    name = "Rechnung für Ana – " + "sehr " * 20 + "lang.pdf"
    files = (pixel, Attachment(name, b"%PDF" * 999, "application/pdf"), Attachment("", b""))
    found = read(
        written(text="t", html='<img src="cid:logo">', amp="<html ⚡4email>", attachments=files)
    )
    assert found.get_content_type() == "multipart/mixed"
    alternative, pdf, empty = found.iter_parts()
    kinds = [part.get_content_type() for part in alternative.iter_parts()]
    assert kinds == ["text/plain", "text/x-amp-html", "multipart/related"]
    html, image = list(alternative.iter_parts())[2].iter_parts()
    assert html.get_content_type() == "text/html"
    assert (image["content-id"], image.get_content()) == ("<logo>", pixel.content)
    assert (pdf.get_filename(), pdf.get_content()) == (name, files[1].content)
    assert empty.get_content() == b""


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.pdf", "application/pdf"), ("a.PNG", "image/png"), ("a.ics", "text/calendar"),
     ("a.tar.gz", "application/octet-stream"), ("a", "application/octet-stream")],
)  # fmt: skip
def test_the_type_of_a_file_is_seen_from_its_name(name: str, kind: str) -> None:
    _, part = read(written(text="x", attachments=(Attachment(name, b"x"),))).iter_parts()
    assert part.get_content_type() == kind


def test_mail_as_an_attachment_is_not_encoded() -> None:
    inner = b"Subject: x\r\n\r\nhello\r\n"
    files = (Attachment("a.eml", inner, "message/rfc822"),
             Attachment("b.eml", b"Subject: \xff\n\nx", "message/rfc822"))  # fmt: skip
    _, plain, other = read(written(text="x", attachments=files)).iter_parts()
    assert plain.get_content()["subject"] == "x"
    assert (other.get_content_type(), other.get_content()) == (
        "application/octet-stream", files[1].content,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "plain", "Grüße aus Łódź = 100 %  \nund mehr \t\n", "x" * 5000, "ü" * 5000, "語" * 3000,
     "From here\nFrom there", "\nFrom ü", "a\r\nb\rc\n", ".\n..\n. x", "tab\t\nend \n", "x\0y",
     "=_" * 400 + "\n--=_\n", "trailing ü   \n \n"],
)  # fmt: skip
def test_texts_arrive_as_they_were(text: str) -> None:
    found = read(written(text=text))
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    assert text_of(found).removesuffix("\n") == wanted.removesuffix("\n")
    assert not re.search(rb"(?m)^From ", found.as_bytes().split(b"\n\n", 1)[1])


@given(
    st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=200),
    st.text(
        st.characters(exclude_categories=("Cc", "Cs"), exclude_characters='"\\<>'), max_size=99
    ),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=400),
)
def test_whatever_is_written_can_be_read(subject: str, name: str, text: str) -> None:
    data = written(subject=subject, to=(f"{name} <ana@example.com>",), text=text)
    raw = email.message_from_bytes(data, policy=email.policy.default)
    assert not raw.defects
    assert "".join(raw["subject"].split()) == "".join(subject.split())
    [found] = raw["to"].addresses
    assert found.addr_spec == "ana@example.com"
    assert "".join(found.display_name.split()) == "".join(name.split())
    assert len(raw["to"].addresses) == 1


@given(st.text(max_size=200), st.text(max_size=80))
def test_no_text_makes_a_second_header(subject: str, value: str) -> None:
    try:
        data = written(subject=subject, headers={"X-Note": value})
    except InvalidContent:
        return
    names = [k.lower() for k, _ in email.message_from_bytes(data).items()]
    assert names == ["from", "to", "subject", "date", "message-id", "mime-version",
                     "x-headwater-delivery", "x-note", "content-type",
                     "content-transfer-encoding"]  # fmt: skip


@given(st.text(min_size=1, max_size=20), st.integers(0, 3))
def test_names_are_believed_only_if_we_made_them(delivery: str, cut: int) -> None:
    try:
        delivery.encode()
    except UnicodeEncodeError:
        return
    ours, rotated, other = Names(["k" * 16]), Names(["n" * 16, "k" * 16]), Names(["o" * 16])
    name = ours.sign(delivery)
    assert re.fullmatch(r"[a-z0-9_-]+", name)
    assert ours.read(name.upper()) == rotated.read(name) == delivery
    assert other.read(name) is None and Names([]).read(name) is None
    forged = name[:cut] + ("a" if name[cut] != "a" else "b") + name[cut + 1 :]
    assert ours.read(forged) is None
