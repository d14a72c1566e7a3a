"""Personal data: what others missed is found, and every other number is left alone."""

import pytest

from guards.kinds import KINDS
from guards.kinds.base import InvalidOptions
from tests.guards.helpers import found, guard, redacted


@pytest.mark.parametrize(
    ("text", "category", "stretch"),
    [
        ("call 415-555-2671 now", "phone", "415-555-2671"),
        ("(415) 555-2671 ext. 12", "phone", "(415) 555-2671 ext. 12"),
        ("ligue +55 (11) 91234-5678 hoje", "phone", "+55 (11) 91234-5678"),
        ("mobile 9876543210", "phone", "9876543210"),
        ("a,+6913501234,b", "phone", "+6913501234"),
        ("appelez 01.84.17.61.18", "phone", "01.84.17.61.18"),
        ("Amex 3782 822463 10005.", "credit_card", "3782 822463 10005"),
        ("4111 1111 1111 1111 123", "credit_card", "4111 1111 1111 1111"),
        ("x,4111111111111111,y", "credit_card", "4111111111111111"),
        ("SSN 123 45 6789", "ssn", "123 45 6789"),
        ("my SSN is 123456789", "ssn", "123456789"),
        ("ssn: 123 - 45 - 6789", "ssn", "123 - 45 - 6789"),
        ("CPF 123.456.789-00", "cpf", "123.456.789-00"),
        ("o CPF dele \u00e9 12345678900", "cpf", "12345678900"),
        ("529.982.247-25", "cpf", "529.982.247-25"),
        ("CNPJ: 11.222.333/0001-00", "cnpj", "11.222.333/0001-00"),
        ("11.222.333/0001-81", "cnpj", "11.222.333/0001-81"),
        ("GB29 NWBK 6016 1331 9268 19 please", "iban", "GB29 NWBK 6016 1331 9268 19"),
        ("de89370400440532013000", "iban", "de89370400440532013000"),
        ("host 10.0.0.254, up", "ip", "10.0.0.254"),
        ("at 2001:db8::7334.", "ip", "2001:db8::7334"),
        ("write jane.roe+x@mail.example.org.", "email", "jane.roe+x@mail.example.org"),
        ("jane [at] example [dot] org", "email", "jane [at] example [dot] org"),
        ("4111\u200b1111\u200b1111\u200b1111", "credit_card", "4111\u200b1111\u200b1111\u200b1111"),
        ("415\u2011555\u20112671", "phone", "415\u2011555\u20112671"),
        ("\uff14\uff11\uff15-555-2671", "phone", "\uff14\uff11\uff15-555-2671"),
        ("415\u00a0555\u00a02671", "phone", "415\u00a0555\u00a02671"),
    ],
)
def test_it_is_found_whole_and_in_its_place(text, category, stretch):
    assert found("personal_data", text) == [(category, stretch)]


@pytest.mark.parametrize(
    "text",
    [
        "Order 1234567890 has left",
        "order #0048859449",
        "call about ticket 1234567890",
        "1718000000",
        "123.456.789-00",
        "4111 1111 1111 1112",
        "ISBN 978-3-16-148410-0",
        "version 10.2.3.4",
        "2024-01-31 12:30:45",
        "Springfield, IL 62704-1234",
        "000-12-3456",
        "photo@2x.png",
        "1.234.567,89",
        "GB30 NWBK 6016 1331 9268 19",
        "12:30:45",
        "3.14159265358979",
        "",
    ],
)
def test_other_numbers_are_left_alone(text):
    assert found("personal_data", text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jane@example.com", "[EMAIL_REDACTED]"),
        ("+1 415-555-2671", "[PHONE_REDACTED]"),
        ("4111111111111111", "[CC_REDACTED]"),
        ("SSN 123-45-6789", "SSN [SSN_REDACTED]"),
        ("CPF 529.982.247-25", "CPF [CPF_REDACTED]"),
        ("CNPJ 11.222.333/0001-81", "CNPJ [CNPJ_REDACTED]"),
        ("GB29NWBK60161331926819", "[IBAN_REDACTED]"),
        ("10.1.2.3", "[IP_REDACTED]"),
    ],
)
def test_each_is_replaced_by_its_name(text, expected):
    assert redacted(text, guard("personal_data", "redact")) == expected


def test_only_chosen_categories_are_found_and_a_cpf_is_still_no_phone():
    text = "jane@example.com, CPF 52998224725, 415-555-2671"
    assert found("personal_data", text, categories=["phone"]) == [("phone", "415-555-2671")]


def test_the_middle_of_a_long_text_is_read():
    text = "x " * 8192 + "jane@example.com" + " y" * 8192
    assert found("personal_data", text) == [("email", "jane@example.com")]


@pytest.mark.parametrize("value", [[], "email", ["nothing"], [1], None, {}])
def test_categories_are_known_names(value):
    with pytest.raises(InvalidOptions):
        KINDS["personal_data"].compile({"categories": value})
