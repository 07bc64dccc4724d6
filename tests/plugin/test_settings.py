"""Settings: checked, masked, described."""

import pytest
from cdp_webhook import Webhook
from marshmallow import fields

from cdp.plugin import (
    Headers,
    SettingsError,
    SettingsSchema,
    WordList,
    pem,
    secret,
    unmask,
    validate,
)
from cdp.plugin.settings import MASK, describe, mask


class Schema(SettingsSchema):
    """Something of each kind."""

    url = fields.Url(required=True, metadata={"label": "URL"})
    key = secret(load_default="")
    names = WordList(load_default=list)
    headers = Headers(load_default=dict, metadata={"secret": True})
    count = fields.Integer(load_default=3)


def test_texts_from_a_command_line_become_values() -> None:
    found = validate(
        Schema,
        {"url": "https://a.example", "names": "A, B C,", "headers": "X: 1\nY: a:b", "count": "7"},
    )
    assert found == {
        "url": "https://a.example", "key": "", "names": ["A", "B C"],
        "headers": {"X": "1", "Y": "a:b"}, "count": 7,
    }  # fmt: skip


def test_each_wrong_field_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        validate(Schema, {"url": "nowhere", "count": "x", "more": 1, "headers": "no colon"})
    assert set(caught.value.errors) == {"url", "count", "more", "headers"}


def test_the_environment_is_read_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "s3cret")
    values = {"url": "https://a.example", "key": "${env:THE_KEY}"}
    assert validate(Schema, values)["key"] == "s3cret"
    assert mask(Schema, values)["key"] == "${env:THE_KEY}"


def test_secrets_are_masked_and_come_back_unchanged_from_a_form() -> None:
    old = {"url": "https://a.example", "key": "s3cret", "headers": {"A": "b"}}
    shown = mask(Schema, old)
    assert shown == {"url": "https://a.example", "key": MASK, "headers": {"A": MASK}}
    assert unmask({**shown, "headers": old["headers"], "url": "https://b.example"}, old) == {
        **old,
        "url": "https://b.example",
    }


def test_a_form_can_be_made_of_the_schema() -> None:
    rows = {row["name"]: row for row in describe(Schema)}
    assert rows["url"]["required"] and rows["url"]["type"] == "url"
    assert rows["key"]["secret"] and rows["names"]["type"] == "list"
    assert rows["count"]["default"] == 3
    methods = next(row for row in Webhook.form() if row["name"] == "method")
    assert methods["choices"] == ["POST", "PUT", "PATCH"]


def test_a_masked_header_stays_what_it_was() -> None:
    old = {"headers": {"A": "b", "C": "d"}}
    assert unmask({"headers": {"A": MASK, "N": "new"}}, old) == {"headers": {"A": "b", "N": "new"}}


def test_pem_gets_back_the_line_breaks_that_forms_and_environments_take() -> None:
    from tests.destinations.certificates import certificate

    pair = certificate("localhost")
    whole = pair.key + pair.public
    for spoilt in (
        whole, whole.replace("\n", ""), whole.replace("\n", "\\n"), whole.replace("\n", " "),
        whole.replace("\n", "\r\n"),
    ):  # fmt: skip
        assert pem(spoilt) == whole
    assert pem("no such thing") == "no such thing"
    words = "RSA PRIVATE KEY-----"
    old = f"-----BEGIN {words}\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END {words}\n"
    assert pem(old) == old
