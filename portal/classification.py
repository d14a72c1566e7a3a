"""What each model field is: the one table that the trail, the exports and the checks read.

Numbers, dates, switches, choices and relations are public without a line. Every other field has one: whoever adds a
text says here what it is, or `manage.py check` fails. *Secret* and *content* are encrypted, or listed as one-way.
`personal` values enter the trail sealed, `secret` and `content` only as a mask.
"""

from django.apps import apps
from django.db import models
from django.db.models import Field, Model

from portal.encryption import EncryptedTextField

PERSONAL = "personal"
CONTENT = "content"
SECRET = "secret"
PUBLIC = "public"

# Names, slugs, codes and settings: what may stand in a log. By model, in the order of the rooms.
_PUBLIC_FIELDS: dict[str, str] = {
    "contenttypes.ContentType": "app_label model",
    "auth.Permission": "name codename",
    "auth.Group": "name",
    "admin.LogEntry": "object_id change_message",
    "portal.AddressRule": "network note",
    "portal.Bucket": "key",
    "portal.CspReport": "directive blocked page",
    "portal.DataKey": "uid owner",
    "portal.Provider": "uid slug name base_url secret_last_four region",
    "portal.Model": "name label",
    "portal.RetentionRun": "kind by_team note",
    "portal.Setting": "name value",
    "audit.Checkpoint": "line waiting",
    "audit.Entry": "action actor_kind actor_id target_type target_id target_label changes reason method path request_id",
    "audit.Destination": (
        "uid name actions host client_certificate url secret_last_four ca_certificate"
    ),
    "audit.Forwarding": "waits lease error detail",
    "accounts.Impersonation": "uid session",
    "accounts.Key": "public_id name last_four scopes allowed_addresses",
    "accounts.Session": "uid",
    "accounts.Sighting": "owner kind digest",
    "accounts.Notice": "uid kind",
    "accounts.PendingChange": "uid target_model target_id target_label rows reason note",
    "accounts.TotpDevice": "uid name",
    "accounts.RecoveryDevice": "uid name",
    "accounts.TokenFamily": "uid name scopes",
    "teams.Team": "slug name allowed_addresses allowed_regions",
    "teams.CustomRole": "name permissions",
    "teams.Group": "source name",
    "teams.LegalHold": "uid reason",
    "teams.Branding": "app_name accent accent_dark logo logo_hash logo_kind",
    "guards.Guard": "slug name options message",
    "guards.GuardEvent": "guard_slug kind stage mode action findings error project_slug exchange",
    "projects.Project": "uid slug name description parameters",
    "projects.Conversation": "uid",
    "projects.Message": "uid",
    "projects.Exchange": (
        "uid outcome project_slug provider_slug model_name guard_action guard_stage guards request_id"
    ),
    "projects.UsageDay": "project_slug provider_slug model_name",
    "projects.AccessReview": "uid team_slug note",
    "projects.PermissionSnapshotPart": "data",
    "projects.ReviewLine": "team_slug project_slug role custom_role attested_as note",
    "widget.Widget": "public_id name allowed_domains",
}

FIELDS: dict[str, str] = {
    f"{label}.{name}": PUBLIC for label, names in _PUBLIC_FIELDS.items() for name in names.split()
} | {
    "accounts.User.email": PERSONAL,
    "accounts.User.name": PERSONAL,
    "accounts.User.password": SECRET,
    "accounts.Key.digest": SECRET,
    "accounts.Key.previous_digest": SECRET,
    "accounts.Key.last_address": PERSONAL,
    "account.EmailAddress.email": PERSONAL,
    "account.EmailConfirmation.key": SECRET,
    "accounts.Session.session_key": SECRET,
    "accounts.Session.session_data": SECRET,
    "accounts.Session.address": PERSONAL,
    "accounts.Session.agent": PERSONAL,
    "accounts.Notice.details": CONTENT,
    "accounts.TotpDevice.secret": SECRET,
    "accounts.RecoveryCode.digest": SECRET,
    "accounts.TokenFamily.digest": SECRET,
    "accounts.TokenFamily.address": PERSONAL,
    "accounts.TokenFamily.agent": PERSONAL,
    "accounts.Impersonation.reason": CONTENT,
    "accounts.PendingChange.content": CONTENT,
    "admin.LogEntry.object_repr": PERSONAL,
    "audit.Entry.actor_sealed": PERSONAL,
    "audit.Entry.on_behalf_sealed": PERSONAL,
    "audit.Entry.address": PERSONAL,
    "audit.Destination.client_key": SECRET,
    "audit.Destination.secret": SECRET,
    "portal.DataKey.wrapped": SECRET,
    "portal.Provider.secret": SECRET,
    "portal.Provider.extra_headers": SECRET,
    "projects.Project.system_prompt": CONTENT,
    "projects.Conversation.title": CONTENT,
    "projects.Message.content": CONTENT,
    "projects.Exchange.visitor": PERSONAL,
    "projects.Exchange.question": CONTENT,
    "projects.Exchange.answer": CONTENT,
}

# Secret, and not in an encrypted column: what is stored cannot be turned back, or is sealed by what writes it.
SEALED_OTHERWISE: dict[str, str] = {
    "accounts.User.password": "Argon2id",
    "accounts.Key.digest": "HMAC-SHA256 under the pepper",
    "accounts.RecoveryCode.digest": "HMAC-SHA256 under the pepper, bound to its device",
    "accounts.Key.previous_digest": "HMAC-SHA256 under the pepper",
    "accounts.TokenFamily.digest": "HMAC-SHA256 under the pepper",
    "account.EmailConfirmation.key": "never written: allauth signs its links, no row of this table is made",
    "accounts.Session.session_key": "HMAC-SHA256 of the cookie: accounts/sessions.py",
    "accounts.Session.session_data": "encrypted by accounts/sessions.py",
}

# What the trail does not record, and why.
EXEMPT_MODELS: dict[str, str] = {
    "audit.Entry": "the trail itself",
    "audit.Checkpoint": "the trail's own seals",
    "audit.PrunedRange": "what retention took of the trail; a signed line announces it",
    "audit.Forwarding": "how far each destination got, changed with every batch",
    "accounts.Session": "sign-ins, and ends that somebody asked for, are events of their own",
    "accounts.Sighting": "what is unusual is an event of its own",
    "accounts.TokenFamily": "that tokens are issued, ended or used twice are events of their own",
    "accounts.Impersonation": "a log of its own; start and end are events too",
    "accounts.PendingChange": "a log of its own; each step of it is an event too",
    "accounts.Notice": "what a person is told; what happened is in the trail",
    "accounts.RecoveryCode": "hashes; making and using them are events of their own",
    "admin.LogEntry": "Django's own log; the trail holds more",
    "contenttypes.ContentType": "written by migrations",
    "auth.Permission": "written by migrations",
    "auth.Group": "not used",
    "guards.GuardEvent": "a log of its own, append-only",
    "projects.Exchange": "the usage log of its own (decision 9)",
    "projects.Conversation": "people's own content; deletion by others is recorded as an event",
    "projects.Message": "people's own content",
    "projects.PermissionSnapshot": "made of what the trail records line by line",
    "projects.PermissionSnapshotPart": "made of what the trail records line by line",
    "projects.ReviewLine": "what a review was shown; each decision is an event of its own",
    "projects.Spend": "counters of the usage log",
    "projects.UsageDay": "what retention adds up of the usage log; each run of it is an event",
    "projects.KeySpend": "counters of the usage log",
    "projects.TeamSpend": "counters of the usage log",
    "portal.Bucket": "counters of the limiter",
    "portal.CspReport": "what browsers say; anybody can send one",
    "portal.RetentionRun": "a log of its own; each run that removed something is an event too",
    "portal.DataKey": "made at the first need; rotation and destruction are events of their own",
}

EXEMPT_FIELDS: dict[str, str] = {
    "accounts.User.last_login": "sign-ins are events of their own",
    "teams.Branding.logo": "a picture; its hash is recorded",
    "accounts.Key.last_used_at": "a stamp, written at most once a minute",
    "accounts.TotpDevice.last_t": "a counter; sign-ins are events of their own",
    "accounts.TotpDevice.last_used_at": "a stamp beside that counter",
    "accounts.Key.last_address": "written with that stamp",
}

_PLAINLY_PUBLIC = (
    models.IntegerField,
    models.AutoField,
    models.DecimalField,
    models.FloatField,
    models.BooleanField,
    models.DateField,
    models.TimeField,
    models.DurationField,
)


def class_of(field: Field) -> str:
    """public, personal, content or secret, for a field of any model."""
    listed = FIELDS.get(_name(field))
    if listed:
        return listed
    return SECRET if isinstance(field, EncryptedTextField) else PUBLIC


def is_classed(field: Field) -> bool:
    """Whether the table says what this field is, or its type does."""
    if _name(field) in FIELDS or field.is_relation:
        return True
    return bool(field.choices) or isinstance(field, _PLAINLY_PUBLIC)


def is_protected(field: Field) -> bool:
    """Whether a secret or content is stored so that a dump of the table shows nothing of it."""
    if class_of(field) not in (SECRET, CONTENT):
        return True
    return isinstance(field, EncryptedTextField) or _name(field) in SEALED_OTHERWISE


def _name(field: Field) -> str:
    return f"{field.model._meta.label}.{field.name}"


def is_recorded(model: type[Model]) -> bool:
    """Whether the trail records changes of this model. Migrations' own historical models are not ours to record."""
    return (
        model._meta.managed and model._meta.apps is apps and model._meta.label not in EXEMPT_MODELS
    )


def is_recorded_field(model: type[Model], name: str) -> bool:
    """`name` is a field's or its column's ("team" or "team_id")."""
    return f"{model._meta.label}.{model._meta.get_field(name).name}" not in EXEMPT_FIELDS
