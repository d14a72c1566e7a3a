"""Every secret that the product knows, the fields that it is, and where it may appear at all. Anywhere else is a leak.

Places are those of `places.py`, with `*` for anything: "answer to member: POST /api/keys/" is a body,
"answer to *: * /*: set-cookie" a header. What is personal or somebody's words has the people who may read it.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Canary:
    """`fields` as `portal.classification` names them; `may` is {place: why}."""

    fields: str = ""
    may: dict[str, str] = field(default_factory=dict)

    def may_be_at(self, place: str) -> bool:
        return any(fnmatchcase(place, pattern) for pattern in self.may)


COOKIE = {"answer to *: set-cookie": "it is handed to its own browser"}
TO_MODELS = {"model server": "it is asked with it"}
ECHO = (
    "what was typed into a field that is no secret's is shown to who typed it, and to nobody else"
)
ADMINS = ("admin", "second", "auditor")


def _read_by(*people: str, where: str = "*", why: str = "they may read it") -> dict[str, str]:
    return {f"answer to {who}: {where}": why for who in people}


CANARIES: dict[str, Canary] = {
    # Of the installation.
    "a secret of the environment": Canary(),
    "a password of the database or of Redis": Canary(
        may={
            "redis, all it was told": "AUTH, which Redis does not repeat but is asked by this test"
        }
    ),
    "a data key": Canary("portal.DataKey.wrapped"),
    # Of people.
    "a password of the demo organisation": Canary(
        "accounts.User.password", {"command load_demo": "printed once"}
    ),
    "a password: the first": Canary("accounts.User.password"),
    "a password: the second": Canary("accounts.User.password"),
    "a password: the third": Canary("accounts.User.password"),
    "a password: a wrong one": Canary("accounts.User.password"),
    "a password: one that was never set": Canary("accounts.User.password"),
    "a password pasted into the e-mail field": Canary(
        "accounts.User.password",
        {
            f"answer to stranger: POST /account/{page}/": ECHO
            for page in ("login", "password/reset")
        },
    ),
    "a link to a new password": Canary(
        "account.EmailConfirmation.key",
        {
            "mail to *": "it is mailed to whose it is",
            "answer to stranger: GET /account/password/reset/key/*": "the page of a used link names its own address",
        },
    ),
    "a TOTP secret": Canary(
        "accounts.TotpDevice.secret",
        _read_by(
            "member", where="* /account/second-factor/set-up/", why="shown until it is confirmed"
        ),
    ),
    "a code that is none": Canary(
        "accounts.RecoveryCode.digest",
        _read_by("member", where="POST /account/second-factor/*", why=ECHO),
    ),
    "a recovery code": Canary(
        "accounts.RecoveryCode.digest",
        _read_by("member", where="POST /account/second-factor/set-up/", why="shown once")
        | _read_by("member", where="POST /account/second-factor/codes/", why="shown once")
        | _read_by("member", where="POST /account/second-factor/verify/", why=ECHO),
    ),
    "a session's cookie": Canary(
        "accounts.Session.session_key accounts.Session.session_data", COOKIE
    ),
    "a device's cookie": Canary(may=COOKIE),
    "a CSRF cookie": Canary(may=COOKIE),
    "a CSRF token of a form": Canary(
        may={
            "answer to *: GET /account/*": "it is a field of the form",
            "answer to *: POST /account/*": "it is a field of the form",
        }
    ),
    "an e-mail address": Canary(
        "accounts.User.email account.EmailAddress.email admin.LogEntry.object_repr",
        {
            "database accounts_user.email": "the account itself",
            "file portal.sqlite3*": "the account itself",
            "pg_dump": "the account itself",
            "mail to *": "it is whom the mail is to, or who did what it tells",
            **_read_by(
                *ADMINS, "owner", "member", "program", why="their own, or of people whom they see"
            ),
            "answer to stranger: POST /account/login/": ECHO,
        },
    ),
    "a person's name": Canary(
        "accounts.User.name",
        {
            "database accounts_user.name": "the account itself",
            "file portal.sqlite3*": "the account itself",
            "pg_dump": "the account itself",
            "mail to *": "their own",
            **_read_by(
                *ADMINS, "owner", "member", "program", why="their own, or of people whom they see"
            ),
        },
    ),
    "an e-mail address that nobody has": Canary(
        "audit.Entry.actor_sealed audit.Entry.on_behalf_sealed",
        {
            "answer to stranger: POST /account/login/": ECHO,
            **_read_by(
                "admin",
                "auditor",
                where="GET /admin/audit/entry/*",
                why="who was tried is opened for who reads the trail",
            ),
        },
    ),
    "the reason of an impersonation": Canary(
        "accounts.Impersonation.reason accounts.Notice.details",
        {
            "mail to member-*": "the person is told",
            **_read_by("member", where="GET /account/notices/", why="the person is told"),
            **_read_by(
                "admin", "auditor", where="GET /admin/*", why="who reviews what was done reads it"
            ),
        },
    ),
    # Of programs.
    "an API key": Canary(
        "accounts.Key.digest accounts.Key.previous_digest",
        {
            "command create_key": "printed once",
            **_read_by("member", where="POST /account/keys/*", why="shown once"),
            **_read_by("member", where="POST /api/keys/*", why="shown once"),
        },
    ),
    "an access token": Canary(may=_read_by("program", where="POST /api/auth/*", why="handed out")),
    "a refresh token": Canary(
        "accounts.TokenFamily.digest",
        _read_by("program", where="POST /api/auth/token/*", why="handed out"),
    ),
    "a Basic header": Canary("accounts.User.password"),
    "a visitor's token": Canary(
        may=_read_by("visitor", where="POST /widget/v1/session", why="handed out")
    ),
    "a token in the address of a page": Canary(
        may=_read_by(
            "stranger",
            where="GET /account/login/",
            why="where to go on afterwards, for who asked for it",
        )
        | _read_by(
            "stranger",
            where="GET /admin/: location",
            why="where to go on afterwards, for who asked for it",
        )
    ),
    "a word in the path, or for a host": Canary(
        may={
            "log web": "paths and hosts that are refused are logged, less what has the shape of a credential"
        }
    ),
    # Of providers and receivers.
    "a provider's secret": Canary(
        "portal.Provider.secret",
        TO_MODELS | _read_by("admin", where="PATCH /api/providers/*", why=ECHO),
    ),
    "the value of a provider's extra header": Canary(
        "portal.Provider.extra_headers",
        TO_MODELS
        | _read_by(
            "admin",
            where="POST /admin/portal/provider/*",
            why="a form that is refused keeps what was typed",
        ),
    ),
    "the signing secret of a webhook": Canary("audit.Destination.secret"),
    "the client key of a syslog destination": Canary(
        "audit.Destination.client_key",
        _read_by(
            "admin",
            where="POST /admin/audit/destination/add/",
            why="a form that is refused keeps what was typed",
        ),
    ),
    # People's words.
    "a system prompt": Canary(
        "projects.Project.system_prompt",
        TO_MODELS | _read_by("admin", "second", "owner", why="who may change the project reads it"),
    ),
    "a system prompt that waits for a second person": Canary(
        "accounts.PendingChange.content",
        TO_MODELS | _read_by("admin", "second", "owner", why="who may change the project reads it"),
    ),
    "the reason of a pending change": Canary(
        may={
            **_read_by(*ADMINS, "owner", why="it is written for them"),
            "database accounts_pendingchange.reason": "public: it is written for the trail",
            "database audit_entry.reason": "public: it is written for the trail",
            "file portal.sqlite3*": "public: it is written for the trail",
            "pg_dump": "public: it is written for the trail",
            "file trail.jsonl": "public: it is written for the trail",
        }
    ),
    "the note of a decision": Canary(
        may={
            **_read_by(*ADMINS, "owner", why="it is written for them"),
            "mail to owner-*": "who proposed it is told",
            "database accounts_pendingchange.note": "public: it is written for the trail",
            "database audit_entry.changes": "public: it is written for the trail",
            "file portal.sqlite3*": "public: it is written for the trail",
            "pg_dump": "public: it is written for the trail",
            "file trail.jsonl": "public: it is written for the trail",
        }
    ),
    "what was said": Canary(
        "projects.Message.content projects.Exchange.question projects.Exchange.answer",
        TO_MODELS | _read_by("member", "program", why="their own words"),
    ),
    "what was said where nothing is kept": Canary(
        "projects.Message.content projects.Exchange.question projects.Exchange.answer",
        TO_MODELS | _read_by("member", "program", why="their own words"),
    ),
    "what a visitor and the model said": Canary(
        "projects.Exchange.question projects.Exchange.visitor",
        TO_MODELS | _read_by("visitor", where="POST /widget/v1/chat", why="their own words"),
    ),
    "what a guard was tried with": Canary(
        may=_read_by(
            "owner", where="POST /admin/guards/guard/*", why="the page shows what was typed"
        )
    ),
    "what was searched for": Canary(
        may=_read_by("member", where="GET /playground/*", why="the page shows what was typed")
    ),
    "the title of a conversation": Canary(
        "projects.Conversation.title", _read_by("member", why="their own words")
    ),
}

# Classed secret, content or personal, and not told to the house; why.
WITHOUT_CANARY: dict[str, str] = {
    **dict.fromkeys(
        (
            "accounts.Key.last_address",
            "accounts.Session.address",
            "accounts.TokenFamily.address",
            "audit.Entry.address",
        ),
        "an address of the network stands where it came from, readable: decision 15 seals values of before and after",
    ),
    **dict.fromkeys(
        ("accounts.Session.agent", "accounts.TokenFamily.agent"),
        "what a browser calls itself; the sessions' page shows it to its person",
    ),
}
# Variables of the environment that look like a secret and are none.
NO_SECRETS: dict[str, str] = {
    "PORTAL_BASE_URL": "an address without a password",
    "PORTAL_KEY_ROTATION_DAYS": "a number",
    "PORTAL_TOKEN_MINUTES": "a number",
}
