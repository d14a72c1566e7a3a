"""Log lines as JSON with the request's id; control characters are neutralised by the encoding itself, secrets taken out."""

import json
import logging
import re
from functools import lru_cache

from django.conf import settings

from portal.context import current

HIDDEN = "••••"
# What looks like a credential, wherever it stands: in a message, an argument, a line of a traceback.
_CREDENTIALS = (
    (re.compile(r"(?<=://)[^\s/@'\"]*:[^\s/@'\"]*(?=@)"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\bgh_[0-9A-Za-z]{12}_[0-9A-Za-z]{20,}"), f"gh_{HIDDEN}"),
    (re.compile(r"\b(?:sk|pk|rk|xox[a-z]|ghp|glpat)[-_][A-Za-z0-9_-]{8,}"), HIDDEN),
    (re.compile(r"\bgAAAA[A-Za-z0-9_=-]{20,}"), HIDDEN),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END|$)", re.S), HIDDEN),
    (
        re.compile(
            r"(?i)\b(passw(?:or)?d|secret|api[_-]?key|token|cookie|sessionid)([\"']?\s*[=:]\s*)[\"']?[^\s\"',;)}&]{4,}"
        ),
        rf"\1\2{HIDDEN}",
    ),
)


@lru_cache(maxsize=1)
def _own_secrets() -> tuple[str, ...]:
    """The portal's own, as they are in its environment."""
    found = [settings.SECRET_KEY, *settings.FERNET_KEYS, settings.KEY_PEPPER.decode()]
    found += [settings.AUDIT_SIGNING_KEY, settings.ADMIN_PASSWORD]
    found += [database.get("PASSWORD", "") for database in settings.DATABASES.values()]
    return tuple(secret for secret in found if len(secret) >= 8)


def scrubbed(text: str) -> str:
    """The text without credentials: the portal's own, and whatever looks like one."""
    for secret in _own_secrets():
        text = text.replace(secret, HIDDEN)
    for pattern, shown in _CREDENTIALS:
        text = pattern.sub(shown, text)
    return text


class JSONFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, request_id, and the exception's type and trace."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrubbed(record.getMessage()),
            "request_id": current().request_id,
        }
        if record.exc_info:
            line["exception"] = scrubbed(self.formatException(record.exc_info))
        return json.dumps(line)
