"""What looks like a person's data, by key and by value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.protocols import RED, YELLOW, looks_personal


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        # Segment's red list
        ("traits.ssn", "123", "social_security_number"),
        ("traits.socialSecurityNumber", "x", "social_security_number"),
        ("properties.note", "mine is 078-05-1120, ok", "social_security_number"),
        ("traits.password", "hunter2", "password"),
        ("properties.user_pwd", "x", "password"),
        ("traits.visa_number", "x", "visa"),
        ("traits.isVeteran", True, "veteran"),
        ("traits.disability", False, "disability"),
        ("properties.card.number", "4111", "credit_card"),
        ("properties.note", "4111 1111 1111 1111", "credit_card"),
        ("properties.note", 4111111111111111, "credit_card"),
        ("traits.passport_no", "x", "passport"),
        ("context.device.token", "x", "device"),
        ("context.externalIds[].id", "x", "user_id"),
        ("properties.accessToken", "x", "token"),
        ("properties.link", "https://x.org/?t=eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0", "token"),
        # and its yellow one
        ("traits.race", "x", "race"),
        ("traits.birthday", "1990-01-01", "birthdate"),
        ("traits.dateOfBirth", "1990-01-01", "birthdate"),
        ("traits.phone", "601", "phone"),
        ("traits.phone.home", "601", "phone"),
        ("properties.note", "call +48 601 123 456 now", "phone"),
        ("properties.note", "(212) 555-0199", "phone"),
        ("traits.address.line1", "x", "address"),
        ("traits.address.country", "PL", "address"),
        ("traits.gender", "f", "gender"),
        ("traits.ethnicity", "x", "ethnicity"),
        ("traits.nationality", "x", "citizenship"),
        ("traits.firstName", "Ana", "name"),
        ("properties.invitee_last_name", "x", "name"),
        ("traits.name", "Ana", "name"),
        ("properties.customer.name", "Ana", "name"),
        ("traits.street", "x", "street"),
        ("properties.shippingCity", "x", "city"),
        ("traits.zip", "00-950", "zipcode"),
        ("traits.postalCode", 950, "zipcode"),
        ("traits.email", "no address", "email"),
        ("traits.workEMail", "x", "email"),
        ("properties.list[].email", "x", "email"),
        ("properties.url", "https://x.org/?m=ana%40x.org", "email"),
        ("properties.note", "to ana@localhost", "email"),
        ("traits.certificate", "x", "certificate"),
        ("traits.driversLicense", "x", "license"),
        # what the law counts besides
        ("context.ip", "203.0.113.9", "ip"),
        ("properties.note", "from 203.0.113.9", "ip"),
        ("properties.note", "from 2001:db8::1", "ip"),
        ("context.device.name", "Ana's phone", "device"),
        ("context.device.advertisingId", "x", "device"),
        ("properties.iban", "x", "bank_account"),
        ("properties.note", "DE89 3704 0044 0532 0130 00", "bank_account"),
        ("properties.user_id", "u1", "user_id"),
        ("traits.id", "u1", "user_id"),
        ("traits.geo.latitude", 52.2, "location"),
    ],
)
def test_personal_data_is_told_by_key_and_by_look(path: str, value: object, kind: str) -> None:
    assert looks_personal(path, value) == kind
    assert kind in RED | YELLOW


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties.name", "Linen shirt"),
        ("properties.products[].name", "Linen shirt"),
        ("context.library.name", "analytics.js"),
        ("context.campaign.name", "spring"),
        ("account.name", "Acme"),
        ("traits.plan", "pro"),
        ("properties.total", 4111),
        ("properties.total", 12.5),
        ("properties.at", 1_790_000_000_000),
        ("properties.at", "2026-01-31T12:00:00.000Z"),
        ("properties.at", "12:30:59"),
        ("properties.version", "10.0.1.22"),
        ("properties.emailVerified", True),
        ("properties.email_id", "welcome"),
        ("properties.email_subject", "Hello"),
        ("properties.phoneOptIn", True),
        ("traits.email", None),
        ("properties.capacity", "12"),
        ("properties.velocity", "12"),
        ("properties.traced", "x"),
        ("properties.grip", "x"),
        ("properties.sku", "SKU-00012-S"),
        ("properties.text", "Follow us @shop, 3 for 2"),
        (
            "context.userAgent",
            "Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
        ),
        ("properties.order_id", "4111111111111112"),
    ],
)
def test_what_is_not_personal_stays(path: str, value: object) -> None:
    assert looks_personal(path, value) is None


@given(st.emails(), st.text(max_size=20), st.text(max_size=20))
def test_an_address_is_found_within_any_text(email: str, before: str, after: str) -> None:
    assert looks_personal("properties.x", before + email + after) is not None


@given(
    st.text(), st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text()))
)
def test_nothing_makes_it_fail(path: str, value: object) -> None:
    kind = looks_personal(path, value)
    assert kind is None or kind in RED | YELLOW
