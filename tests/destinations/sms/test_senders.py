"""Who sends, and what words mean."""

import pytest
from cdp_sms import SMS, words
from cdp_sms.senders import choose, e164, parse
from cdp_sms.words import Words

from cdp.plugin import SettingsError, SMSContent
from tests.destinations.sms.common import make

HTTP = {"provider": "http", "url": "https://sms.example.org"}


def test_a_person_always_gets_the_same_sender_and_all_senders_are_used() -> None:
    pool = [parse(f"+4850000000{n}") for n in range(4)]
    people = [f"+48600{n:06}" for n in range(400)]
    chosen = {to: choose(pool, to) for to in people}
    assert chosen == {to: choose(list(reversed(pool)), to) for to in people}
    counts = [list(chosen.values()).count(item.sender) for item in pool]
    assert min(counts) > 60
    kept = [to for to in people if choose(pool[:3], to) == chosen[to]]
    assert len(kept) == len(people) - counts[3]


def test_the_longest_prefix_of_the_number_decides() -> None:
    pool = [parse(text) for text in ("Shop", "+48:Sklep", "+4860: 7000")]
    assert choose(pool, "+48600100200") == "7000"
    assert choose(pool, "+48700100200") == "Sklep"
    assert choose(pool, "+15550001111") == "Shop"
    assert choose(pool[1:], "+15550001111") == ""


@pytest.mark.parametrize("text", ["", "Much too long", "48:Shop", "+48:", "+0123456789", "a\r\nb"])
def test_what_is_no_sender_is_refused_with_the_settings(text: str) -> None:
    with pytest.raises(SettingsError, match="senders"):
        make(**HTTP, senders=[text])


def test_numbers_of_providers_become_e164() -> None:
    assert e164("48600100200") == e164("whatsapp:+48600100200") == "+48600100200"
    assert e164("7000") == "7000" and e164("Shop") == "Shop"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("STOP", "unsubscribed"), (" stop. ", "unsubscribed"), ("Unsubscribe!", "unsubscribed"),
        ("START", "subscribed"), ("yes", "subscribed"), ("help", "help"),
        ("please stop", "replied"), ("", "replied"), ("stopp", "replied"),
    ],
)  # fmt: skip
def test_words_alone_count(text: str, kind: str) -> None:
    assert Words(list(words.STOP), list(words.START), list(words.HELP)).kind(text) == kind


def test_words_can_be_others_and_stop_wins() -> None:
    found = Words(["Arrêt", "fin de"], ["OUI", "arrêt"], [])
    assert found.kind("ARRÊT") == "unsubscribed"
    assert found.kind("Fin  De") == "unsubscribed"
    assert found.kind("oui") == "subscribed"
    assert found.kind("STOP") == "replied"


def test_measuring_tells_parts_costs_and_the_sender() -> None:
    channel = make(**HTTP, price=0.04, currency="PLN", senders=["Shop"])
    found = channel.measure(SMSContent("+48600100200", "ż" * 71))
    assert (found["parts"], found["encoding"], found["odd"]) == (2, "ucs-2", ["ż"])
    assert (found["cost"], found["currency"], found["sender"]) == (0.08, "PLN", "Shop")
    assert "cost" not in make(**HTTP).measure(SMSContent("+48600100200", "Hi"))


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"provider": "twilio"}, {"account_sid", "auth_token", "senders"}),
        ({"provider": "vonage"}, {"api_key", "api_secret", "senders"}),
        ({"provider": "bird"}, {"access_key", "senders"}),
        ({"provider": "bird_channels"}, {"access_key", "workspace_id", "channel_id"}),
        ({"provider": "sns"}, {"access_key_id", "secret_access_key", "region"}),
        ({"provider": "http"}, {"url"}),
        ({"provider": "pigeon"}, {"provider"}),
        ({}, {"provider"}),
    ],
)
def test_what_a_provider_needs_is_named(settings: dict[str, str], wrong: set[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        make(**settings)
    assert set(caught.value.errors) == wrong


def test_a_form_needs_to_show_only_what_the_provider_reads() -> None:
    from cdp_sms.settings import NEEDS, PARTS

    shown = {item["name"]: item["only"] for item in SMS.form()}
    assert shown["account_sid"] == {"provider": ["twilio"]}
    assert shown["access_key"] == {"provider": ["bird", "bird_channels", "messagebird"]}
    assert shown["senders"] == {} and shown["stop_words"] == {}
    for provider, needed in NEEDS.items():
        assert set(needed) <= set(PARTS[provider].split())
        assert set(PARTS[provider].split()) <= set(shown)


def test_checks_say_what_keeps_answers_away() -> None:
    away = SMS(HTTP).checks()
    assert [item.state for item in away] == ["failed", "warning"]
    assert make(**HTTP, webhook_token="t").checks()[0].state == "ok"
