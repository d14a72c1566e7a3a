"""What was made by chance is taken, always; what was made up, copied or typed is not, wherever it stands."""

import base64
import random
import string

import pytest

from portal.weak_secrets import is_default, same, weakness


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


MADE_UP = [
    "this-is-my-very-long-secret-key-for-production-use-only",
    "please-change-me-before-you-go-to-production-ok",
    "replace-with-a-real-secret-value-of-fifty-characters",
    "Replace-With-A-Real-Secret-Value-Of-Fifty-Characters",
    "your-very-long-random-secret-key-goes-right-here-now",
    "YOUR-VERY-LONG-KEY-GOES-RIGHT-HERE-AND-NOWHERE-ELSE",
    "my-own-key-my-other-key-and-one-more-thing-to-say-here",
    "correct horse battery staple is a very nice phrase yes",
    "Lorem ipsum dolor sit amet consectetur adipiscing elit",
    "fixme-fixme-todo-set-a-real-value-here-before-deploy",
    "ch4ng3m3-ch4ng3m3-0987654321-zyxwvutsrq-ponmlkjihgf",
    "Ch4nG3M3-kX9wQ2-pL7vT4-mN8bR1-zC5yH6-dF3gJ0-sA2eU9",
    "P4ssw0rd-kX9wQ2-pL7vT4-mN8bR1-zC5yH6-dF3gJ0-sA2eU9",
    "dev-only-do-not-use-in-any-other-place-0123456789",
    "0123456789abcdef0123456789abcdef0123456789abcdef",
    "zyxwvutsrqponmlkjihgfedcba9876543210ZYXWVUTSRQPONM",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/1qaz2wsx",
    "1qaz@WSX3edc$RFV5tgb^YHN7ujm*IK,9ol.)P;/1qaz@WSX",
    "hunter2hunter2-companyname-winter2025-summer2026",
    b64(b"changeme" * 4),
    b64(b"password" * 4),
    b64(b"0123456789abcdef" * 2),
    b64(b"this is a very weak key 32 bytes"),
    b64(bytes(range(32))),
    b64(bytes(range(32, 0, -1))),
    b64(bytes(32)),
    b64(b"\x01\x02\x03\x04" * 8),
    base64.b64encode(b"this is a very weak key 32 bytes").decode().rstrip("="),
    b"this is a very weak key 32 bytes".hex(),
]


@pytest.mark.parametrize("value", MADE_UP)
def test_what_is_made_up_is_refused(value):
    assert weakness(value)


def test_of_ten_thousand_made_by_chance_none_is_refused():
    chance = random.Random(4)
    for number in range(10_000):
        kind = number % 5
        data = chance.randbytes(48 if kind == 0 else 32)  # token_urlsafe(48); a Fernet key
        base64_of = base64.b64encode if kind == 1 else base64.urlsafe_b64encode
        made = data.hex() if kind == 2 else base64_of(data).decode()
        if kind == 3:
            made = made.rstrip("=")
        assert not weakness(made), made


@pytest.mark.parametrize(
    "password",
    ["admin", "Admin1", "postgres1", "changeme", "secret1", "pass", "pw", "123456", "12345678901"]
    + ["gatehouse", "password1", "redis123", "toor", "letmein", "p0stgr3s", "P@ssw0rd2024", "r00t"],
)
def test_a_well_known_or_very_short_password_is_a_default(password):
    assert is_default(password)


def test_a_password_made_by_chance_is_none():
    chance = random.Random(4)
    letters = string.ascii_letters + string.digits
    for _ in range(10_000):
        assert not is_default(chance.randbytes(16).hex())
        assert not is_default("".join(chance.choices(letters, k=20)))


def test_a_secret_is_the_same_in_either_alphabet():
    data = bytes(range(200, 255))
    assert same(b64(data), base64.b64encode(data).decode().rstrip("="))
    assert not same(b64(data), b64(data[1:]))
