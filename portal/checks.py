"""System checks of the frame: what a build or a start must not get past. Each has an id, a hint, and a test."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, register
from django.db import DatabaseError, connection
from django.db.models import Model

from portal import classification
from portal import environment as env
from portal.api import RolePermission
from portal.encryption import EncryptedTextField, encrypted_fields, readable
from portal.models import DataKey
from portal.roles import Login
from portal.route_classes import RouteClass, routes
from portal.row_security import unprotected, ways_past

ROLE_URLS = ("DATABASE_URL", "DATABASE_SYSTEM_URL")


@register(Tags.models)
def check_classification(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Every field is classed, and no secret or content is stored in clear."""
    return [
        found
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        for found in _problems_of(model)
    ]


def _problems_of(model: type[Model]) -> Iterator[CheckMessage]:
    for field in model._meta.concrete_fields:
        if not classification.is_classed(field):
            yield Error(
                f"{field.model._meta.label}.{field.name} is not classed.",
                hint="Say in portal/classification.py whether it is public, personal, content or secret.",
                obj=model,
                id="portal.E001",
            )
        elif not classification.is_protected(field):
            yield Error(
                f"{field.model._meta.label}.{field.name} is {classification.class_of(field)} and stored in clear.",
                hint="Use portal.encryption.EncryptedTextField.",
                obj=model,
                id="portal.E002",
            )
        elif (
            isinstance(field, EncryptedTextField)
            and classification.class_of(field) == classification.PUBLIC
        ):
            yield Error(
                f"{field.model._meta.label}.{field.name} is encrypted and classed as public.",
                hint="Class it as content or secret.",
                obj=model,
                id="portal.E003",
            )
    names = {field.name for field in model._meta.concrete_fields}
    if encrypted_fields(model) and not ("uid" in names and hasattr(model, "encryption_owner")):
        yield Error(
            f"{model._meta.label} has encrypted fields, and no `uid` or no `encryption_owner`.",
            hint="Ciphertexts are bound to their row by its uid, and to whose they are.",
            obj=model,
            id="portal.E004",
        )


@register(Tags.urls)
def check_routes(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Every route is classed, and the API's management asks a key for a scope."""
    return [found for route in routes() for found in _problems_of_route(*route)]


def _problems_of_route(route: str, kind: RouteClass | None, view: Any) -> Iterator[CheckMessage]:
    if kind is None:
        yield Error(
            f"The route {route!r} is not classed.",
            hint="Say with portal.route_classes.classed who may knock there.",
            id="portal.E009",
        )
    asked = getattr(view, "cls", None)
    if kind is RouteClass.MANAGEMENT and asked is not None:
        chosen = getattr(view, "initkwargs", {}).get("permission_classes")
        first = next(iter(chosen or asked.permission_classes), None)
        if not (isinstance(first, type) and issubclass(first, RolePermission)):
            yield Error(
                f"The management route {route!r} asks keys for no scope.",
                hint="Its first permission class is portal.api.RolePermission, or a kind of it.",
                id="portal.E010",
            )


@register(Tags.security)
def check_key_ring(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """The card's package would silently use SECRET_KEY without a ring."""
    if settings.FERNET_KEYS:
        return []
    return [
        Error(
            "There is no key ring.",
            hint="Set PORTAL_FERNET_KEYS; see deploy/env.sample.",
            id="portal.E005",
        )
    ]


@register(Tags.security)
def check_mail(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Nothing is broken without mail, but nobody gets a link to a new password."""
    if settings.EMAIL_BACKEND != "portal.no_mail.EmailBackend":
        return []
    return [
        Info(
            "There is no mail server: links to new passwords and notices reach nobody.",
            hint="Set PORTAL_EMAIL_HOST.",
            id="portal.I001",
        )
    ]


@register(Tags.database)
def check_database_role(app_configs: Any, databases: Any, **_: Any) -> list[CheckMessage]:
    """In production neither of the portal's roles gets past row-level security, and every table is under it."""
    is_migrating = settings.PROCESS == "owner"  # what is on its way to its policies is not stopped
    if settings.DEVELOPMENT or is_migrating or not databases or connection.vendor != "postgresql":
        return []
    named = {name: Login.of(env.text(name)).name for name in ROLE_URLS if env.text(name)}
    try:
        with connection.cursor() as cursor:
            ways = {name: ways_past(cursor, role) for name, role in named.items()}
            ways["this process"] = [] if named else ways_past(cursor)
            open_tables = unprotected(cursor)
    except DatabaseError:  # not there yet
        return []
    found: list[CheckMessage] = [
        Error(
            f"The role of {name} could get past row-level security: {'; '.join(known)}.",
            hint="Use the role that `manage.py create_database_roles` makes.",
            id="portal.E007",
        )
        for name, known in ways.items()
        if known
    ]
    if open_tables:
        found.append(
            Error(
                f"These tables have no tenant policy: {', '.join(open_tables)}.",
                hint="Add a TenantPolicy in a migration, or the reason in portal/row_security.py.",
                id="portal.E008",
            )
        )
    return found


@register(Tags.database)
def check_ring_fits(app_configs: Any, databases: Any, **_: Any) -> list[CheckMessage]:
    """Every data key opens, old ones too: with a key of the ring missing, what is under it could not be read."""
    if not databases:
        return []
    try:
        keys = DataKey.objects.filter(destroyed_at__isnull=True)
        opened = [bool(readable(key, "wrapped")) for key in keys.iterator()]
    except DatabaseError:  # not migrated yet
        return []
    if all(opened):
        return []
    return [
        Error(
            f"PORTAL_FERNET_KEYS does not fit what is stored: {opened.count(False)} of {len(opened)} data keys "
            "do not open.",
            hint="Put the keys back that the data was encrypted under, in any place of the list.",
            id="portal.E006",
        )
    ]
