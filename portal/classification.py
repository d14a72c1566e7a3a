"""What each model field is: the one table that the trail, the exports and the checks read.

A field that is not listed is public. Encrypted fields are secret unless they are listed as content.
`personal` values enter the trail sealed, `secret` and `content` only as a mask.
"""

from django.apps import apps
from django.db.models import Field, Model

from portal.encryption import EncryptedTextField

PERSONAL = "personal"
CONTENT = "content"
SECRET = "secret"
PUBLIC = "public"

FIELDS: dict[str, str] = {
    "accounts.User.email": PERSONAL,
    "accounts.User.name": PERSONAL,
    "accounts.User.password": SECRET,
    "accounts.Key.digest": SECRET,
    "account.EmailAddress.email": PERSONAL,
    "account.EmailConfirmation.key": SECRET,
    "portal.Provider.extra_headers": SECRET,
    "guards.Guard.message": PUBLIC,
    "projects.Project.system_prompt": CONTENT,
    "projects.Conversation.title": CONTENT,
    "projects.Message.content": CONTENT,
    "projects.Exchange.question": CONTENT,
    "projects.Exchange.answer": CONTENT,
}

# What the trail does not record, and why.
EXEMPT_MODELS: dict[str, str] = {
    "audit.Entry": "the trail itself",
    "sessions.Session": "sign-ins are events of their own",
    "admin.LogEntry": "Django's own log; the trail holds more",
    "contenttypes.ContentType": "written by migrations",
    "auth.Permission": "written by migrations",
    "auth.Group": "not used",
    "guards.GuardEvent": "a log of its own, append-only",
    "projects.Exchange": "the usage log of its own (decision 9)",
    "projects.Conversation": "people's own content; deletion by others is recorded as an event",
    "projects.Message": "people's own content",
    "projects.Spend": "counters of the usage log",
    "portal.Bucket": "counters of the limiter",
}

EXEMPT_FIELDS: dict[str, str] = {
    "accounts.User.last_login": "sign-ins are events of their own",
    "teams.Branding.logo": "a picture; its hash is recorded",
    "accounts.Key.last_used_at": "a stamp, written at most once a minute",
}


def class_of(field: Field) -> str:
    """public, personal, content or secret, for a field of any model."""
    listed = FIELDS.get(f"{field.model._meta.label}.{field.name}")
    if listed:
        return listed
    return SECRET if isinstance(field, EncryptedTextField) else PUBLIC


def is_recorded(model: type[Model]) -> bool:
    """Whether the trail records changes of this model. Migrations' own historical models are not ours to record."""
    return (
        model._meta.managed and model._meta.apps is apps and model._meta.label not in EXEMPT_MODELS
    )


def is_recorded_field(model: type[Model], name: str) -> bool:
    """`name` is a field's or its column's ("team" or "team_id")."""
    return f"{model._meta.label}.{model._meta.get_field(name).name}" not in EXEMPT_FIELDS
