"""Secrets: keys, tokens and what else opens doors."""

import pytest

from guards.kinds import KINDS
from guards.kinds.base import InvalidOptions
from tests.guards.helpers import found

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIE\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("stretch", "category"),
    [
        (PEM, "private_key"),
        ("gh_" + "a1" * 6 + "_" + "Bc3dEfg" * 7, "gatehouse_key"),
        ("AKIAIOSFODNN7EXAMPLE", "aws_access_key"),
        ("sk-proj-" + "aB3" * 12, "openai_key"),
        ("ghp_" + "aB3d" * 9, "github_token"),
        ("glpat-" + "aB3dE" * 4, "gitlab_token"),
        ("xoxb-" + "1234567890-abc", "slack_token"),
        ("AIza" + "aB3dE" * 7, "google_key"),
        ("sk_live_" + "aB3d" * 5, "stripe_key"),
        (JWT, "jwt"),
        ("postgres://app:s3cret@db.example.com/main", "connection_string"),
        ("Authorization: Bearer abcdef012345", "header_value"),
        ('api_key = "abc123def456ghi"', "assigned_secret"),
    ],
)
def test_it_is_found_in_its_place(stretch, category):
    place = [s for c, s in found("secrets", f"see {stretch} there") if c == category]
    assert place
    assert place[0].rstrip('"') == stretch.rstrip('"')


@pytest.mark.parametrize(
    "text",
    [
        "task-force-of-the-northern-region",
        "the password is on the board",
        "https://example.com/a?b=c",
        "-----BEGIN CERTIFICATE-----",
        "authorization: see the wiki",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "",
    ],
)
def test_other_words_are_left_alone(text):
    assert found("secrets", text) == []


def test_hosts_are_found_where_asked_for():
    assert found("secrets", "https://intern.example.com/a", hosts=True) == [
        ("host", "intern.example.com")
    ]


@pytest.mark.parametrize("options", [{"hosts": "yes"}, {"hosts": 1}, {"other": True}])
def test_options_are_checked(options):
    with pytest.raises(InvalidOptions):
        KINDS["secrets"].compile(options)
