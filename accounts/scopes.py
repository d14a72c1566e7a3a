"""What a key may be confined to do. A key without scopes has all of its owner's rights; none mints keys."""

from django.utils.translation import gettext_lazy as _

SCOPES = {
    "chat": _("Ask projects, by the API and the OpenAI-compatible endpoint; list the models"),
    "projects:read": _("Read projects and teams"),
    "projects:write": _("Create, change and delete projects"),
    "guards:read": _("Read guards and their events; check a text"),
    "guards:write": _("Create, change and delete guards"),
    "usage:read": _("Read the usage log"),
    "audit:read": _("Read the audit trail"),
    "manage": _("Manage users, teams, memberships, grants, providers and models"),
}
