"""Log lines as JSON with the request's id; control characters are neutralised by the encoding itself, secrets taken out."""

import json
import logging
import os
import re
import sys
import threading
import traceback
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

from portal.context import current

HIDDEN = "••••"
SHORTEST = 8  # a shorter one would blacken ordinary words
_ENVIRONMENT = re.compile(r"(?:PASSWORD|SECRET|SECRET_KEY|TOKEN|PEPPER|_URL)(?:_FILE)?$")
_NAMES = (
    r"[\w-]*(?:passw(?:or)?d|passphrase|secret(?:[_-]?key)?|api[_-]?key|access[_-]?key|token|pepper)"
    r"|cookie|sessionid|gatehouse_(?:session|csrf|device)"
)
# What looks like a credential, wherever it stands: in a message, an argument, a line of a traceback.
_CREDENTIALS = (
    # A password in the address of a server that is no website may hold anything, unescaped.
    (re.compile(r"(?i)(\b(?:postgres(?:ql)?|rediss?|amqps?|smtps?|mysql)://)[^\s'\"]*(?=@)"), rf"\1{HIDDEN}"),
    (re.compile(r"(?<=://)[^\s/@'\"]*:[^\s/@'\"]*(?=@)"), HIDDEN),
    (
        re.compile(r"(?i)\b(authorization[\"']?\s*[=:]\s*[\"']?(?:[a-z]+\s+)?)[^\s\"',;]{4,}"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\bgh_[0-9A-Za-z]{12}_[0-9A-Za-z]{20,}"), f"gh_{HIDDEN}"),
    (
        re.compile(r"\b(?:sk|pk|rk|gsk|xai|xox[a-z]|gh[oprsu]|github_pat|glpat|npm|hf)[-_][A-Za-z0-9_-]{8,}"),
        HIDDEN,
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    (re.compile(r"\bAIza[A-Za-z0-9_-]{30,}"), HIDDEN),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),
    (re.compile(r"\bgAAAA[A-Za-z0-9_=-]{20,}"), HIDDEN),
    # Signed by Django: a visitor's session, for one.
    (re.compile(r"[A-Za-z0-9_.-]{20,}:[A-Za-z0-9]{6}:[A-Za-z0-9_-]{43}"), HIDDEN),
    (re.compile(r"(/password/reset/key/)(?!done/)[^/\s\"']+"), rf"\1{HIDDEN}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END|$)", re.S), HIDDEN),
    (
        re.compile(
            rf"(?i)\b({_NAMES})([\"']?\s*[=:]\s*)"
            r"(?:\"(?:[^\"\\]|\\.)+\"|'(?:[^'\\]|\\.)+'|[\"']?[^\s\"',;)}&]{4,})"
        ),
        rf"\1\2{HIDDEN}",
    ),
)  # fmt: skip


@lru_cache(maxsize=1)
def _own_secrets() -> tuple[str, ...]:
    """The portal's own, as its settings and its environment have them; the longest first."""
    found = {settings.SECRET_KEY, *settings.FERNET_KEYS, settings.KEY_PEPPER.decode()}
    found |= {*settings.AUDIT_SIGNING_KEYS, settings.ADMIN_PASSWORD, settings.REDIS_URL}
    found |= {str(database.get("PASSWORD") or "") for database in settings.DATABASES.values()}
    found |= {getattr(settings, "EMAIL_HOST_PASSWORD", "")}
    found |= {_told(name) for name in os.environ if _ENVIRONMENT.search(name)}
    return tuple(
        sorted({part for whole in found for part in _secret_parts(whole)}, key=len, reverse=True)
    )


def _told(name: str) -> str:
    """A variable, or what stands in the file that it names."""
    value = os.environ[name]
    if not name.endswith("_FILE"):
        return value
    try:
        return Path(value).read_text().strip()
    except (OSError, ValueError):
        return ""


def _secret_parts(value: str) -> set[str]:
    """Of an address its password, as it is written and as it is meant; of a ring each key; else the whole."""
    if "://" in value:
        try:
            password = urlsplit(value).password or ""
        except ValueError:
            return set()
        parts = {password, unquote(password)}
    else:
        parts = set(value.split(","))
    return {part for part in parts if len(part) >= SHORTEST}


def scrubbed(text: str) -> str:
    """The text without credentials: the portal's own, and whatever looks like one."""
    try:
        own = _own_secrets()
    except Exception:  # noqa: BLE001 - settings that do not load: their own message holds no value
        own = ()
    for secret in own:
        text = text.replace(secret, HIDDEN)
    for pattern, shown in _CREDENTIALS:
        text = pattern.sub(shown, text)
    return text


def unsaid(text: str) -> str:
    """The same, also without what the running request said of secrets and of people's words."""
    for said in current().heard.secrets():
        text = text.replace(said, HIDDEN)
    return scrubbed(text)


class JSONFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, request_id, and the exception's type and trace."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": unsaid(_message_of(record)),
            "request_id": current().request_id,
        }
        if record.exc_info:
            line["exception"] = unsaid(self.formatException(record.exc_info))
        return json.dumps(line)


def _message_of(record: logging.LogRecord) -> str:
    """Also of a call with the wrong arguments, which logging itself would print as they are."""
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args}"


def guard_tracebacks() -> None:
    """What nobody catches, in a command or a thread, is written without credentials too."""

    def write(kind: Any, error: Any, trace: TracebackType | None) -> None:
        sys.stderr.write(unsaid("".join(traceback.format_exception(kind, error, trace))))

    def write_of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            write(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = write
    threading.excepthook = write_of_thread
