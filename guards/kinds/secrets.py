"""*secrets*: keys, tokens, private keys, connection strings, sensitive header values."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from guards.kinds.base import Hold, Option, chosen, every_match, outermost, switched
from guards.normalise import View
from guards.verdicts import Finding

# category: (cues in lower case of which one must occur, pattern). Prefixes are those that the vendors document.
PATTERNS: dict[str, tuple[tuple[str, ...], str]] = {
    "private_key": (
        ("-----begin",),
        r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){0,8000}(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    "gatehouse_key": (("gh_",), r"(?<![A-Za-z])gh_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}\b"),
    "aws_access_key": (
        ("akia", "asia", "abia", "acca"),
        r"(?<![A-Za-z])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    ),
    "openai_key": (
        ("sk-",),
        r"(?<![A-Za-z])sk-(?:proj-|svcacct-|admin-|ant-(?:api|admin)\d\d-|or-v1-)?[A-Za-z0-9_-]{20,200}",
    ),
    "github_token": (
        ("gh", "github_pat_"),
        r"(?<![A-Za-z])gh[pousr]_[A-Za-z0-9]{36,255}\b|(?<![A-Za-z])github_pat_[A-Za-z0-9_]{22,255}\b",
    ),
    "gitlab_token": (("glpat-",), r"(?<![A-Za-z])glpat-[A-Za-z0-9_-]{20,64}"),
    "slack_token": (
        ("xox", "hooks.slack.com"),
        r"(?<![A-Za-z])xox[abeoprs]-[A-Za-z0-9-]{10,250}|hooks\.slack\.com/services/[A-Za-z0-9/]{20,100}",
    ),
    "google_key": (
        ("aiza", "ya29."),
        r"(?<![A-Za-z])AIza[0-9A-Za-z_-]{35}\b|(?<![A-Za-z])ya29\.[0-9A-Za-z_-]{20,500}",
    ),
    "stripe_key": (
        ("_live_", "_test_", "whsec_"),
        r"(?<![A-Za-z])[sr]k_(?:live|test)_[0-9A-Za-z]{16,250}\b|(?<![A-Za-z])whsec_[A-Za-z0-9]{20,100}",
    ),
    "registry_token": (
        ("npm_", "pypi-", "hf_"),
        r"(?<![A-Za-z])npm_[A-Za-z0-9]{36}\b|(?<![A-Za-z])pypi-[A-Za-z0-9_-]{50,250}|(?<![A-Za-z])hf_[A-Za-z]{30,40}\b",
    ),
    "jwt": (
        ("eyj",),
        r"(?<![A-Za-z])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}",
    ),
    "connection_string": (
        ("://", "accountkey="),
        r"\b[a-z][a-z0-9+]{1,20}://[^\s:/@'\"]{1,100}:[^\s/@'\"]{1,200}@[^\s'\"<>]{1,300}|(?<![A-Za-z])AccountKey=[A-Za-z0-9+/]{40,100}={0,2}",
    ),
    "header_value": (
        ("authorization", "cookie", "x-api-key", "x-auth", "x-amz"),
        r"(?i:\b(?:proxy-)?authorization\s{0,3}:\s{0,3}(?:bearer|basic|token|digest)\s{1,3}[A-Za-z0-9._~+/=-]{8,4000}|\b(?:set-)?cookie\s{0,3}:\s{0,3}[^\s=;]{1,100}=[^\s;]{8,4000}|\bx-(?:api-key|auth-token|amz-security-token)\s{0,3}:\s{0,3}[A-Za-z0-9._~+/=-]{8,4000})",
    ),
    "assigned_secret": (
        ("secret", "passw", "key", "token"),
        r"(?i:\b(?:[a-z0-9_]{0,30}_)?(?:secret(?:_?access)?_?key|client_?secret|api_?key|auth_?token|access_?token|password|passwd|private_?key)\b[\"']?\s{0,3}(?:=|:)\s{0,3}[\"']?(?=[^\s\"']{0,80}[0-9])(?=[^\s\"']{0,80}[A-Za-z])[A-Za-z0-9!#$%&*+./=?@^_~-]{12,500})",
    ),
}
_COMPILED = {name: (cues, re.compile(pattern)) for name, (cues, pattern) in PATTERNS.items()}


HOLD = Hold(characters=80, words=9)  # all but headers and key markers are one word


@dataclass(frozen=True, slots=True)
class _Compiled:
    hosts: bool
    hold: Hold | None = HOLD

    def find(self, view: View) -> Iterator[Finding]:
        text = view.text
        for category, (cues, pattern) in _COMPILED.items():
            if not any(cue in view.lower for cue in cues):
                continue
            for span in outermost(found.span() for found in every_match(pattern, text)):
                yield self._finding(category, "high", view, span)
        if self.hosts and "://" in text:
            for found in every_match(_HOST, text):
                yield self._finding("host", "low", view, found.span(1))

    def _finding(self, category: str, severity: str, view: View, span: tuple[int, int]) -> Finding:
        replacement = f"[{category.upper()}_REDACTED]"
        return Finding("secrets", category, severity, *view.place(*span), replacement)


_HOST = re.compile(r"\bhttps?://(?:[^\s/@]{1,200}@)?([A-Za-z0-9.-]{1,253})")


class Secrets:
    """What opens doors. `hosts` also finds the hosts of absolute URLs (off by default)."""

    name = "secrets"
    label = _("secrets")
    options: tuple[Option, ...] = (
        Option(
            "hosts",
            "switch",
            False,
            _("Hosts of links"),
            _("Also find the hosts of absolute URLs, beside keys, tokens and passwords."),
        ),
    )

    def compile(self, options: Mapping[str, Any]) -> _Compiled:
        return _Compiled(switched(chosen(options, self.options), "hosts"))
