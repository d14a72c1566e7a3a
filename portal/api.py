"""What the DRF endpoints of all rooms share: rows by `visible_to`, rights by `has_perm`, paging."""

from collections.abc import Callable
from typing import Any

from django.db import models, transaction
from django.db.models import ProtectedError
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from portal import sensitive, weakenings
from portal.encryption import readable
from portal.errors import Refusal

VERBS = {"GET": "view", "HEAD": "view", "OPTIONS": "view", "POST": "add"}
VERBS |= {"PUT": "change", "PATCH": "change", "DELETE": "delete"}


class RolePermission(BasePermission):
    """Asks the roles, with the object; a key also needs the scope its view names for reading or writing.

    A row that one does not see is not there, also for who may change none: 404 before 403. A view's
    `deeds` name the permission of an action on one object that is more than its verb; the object decides it.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        if request.method not in VERBS:
            raise MethodNotAllowed(request.method)
        scope = view.read_scope if VERBS.get(request.method) == "view" else view.write_scope
        if request.auth is not None and not request.auth.may(scope):
            return False
        if VERBS.get(request.method) == "view" or _deed(view):
            return True
        if request.user.has_perm(_name(view, request)):
            return True
        if getattr(view, "detail", False):
            self.refuse_unseen(view)
        return False

    def refuse_unseen(self, view: Any) -> None:
        """Raises 404 where the address names a row that the caller does not see."""
        named = {view.lookup_field: view.kwargs[view.lookup_url_kwarg or view.lookup_field]}
        get_object_or_404(view.get_queryset(), **named)

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return VERBS.get(request.method) == "view" or request.user.has_perm(
            _name(view, request), obj
        )


def refuse_confined(request: Request, words: Any) -> None:
    """Raises `permission_denied` for a key of single projects: what it asks for is more than those."""
    if request.auth is not None and request.auth.reached_projects() is not None:
        raise Refusal("permission_denied", words)


def _deed(view: Any) -> str:
    return getattr(view, "deeds", {}).get(getattr(view, "action", None), "")


def _name(view: Any, request: Request) -> str:
    if deed := _deed(view):
        return deed
    options = view.queryset.model._meta
    return f"{options.app_label}.{VERBS[request.method]}_{options.model_name}"


class EncryptedField(serializers.CharField):
    """Encrypted text; null where it cannot be read, so that one such row does not break a list."""

    def get_attribute(self, instance: Any) -> Any:
        return readable(instance, self.source)


class ScopedMixin:
    """Sets the rows and rights of a viewset; `read_scope` and `write_scope` name what a key needs."""

    permission_classes = [RolePermission]
    read_scope = "manage"
    write_scope = "manage"
    queryset: models.QuerySet
    request: Request

    def get_queryset(self) -> models.QuerySet:
        return self.queryset.all().visible_to(self.request.user)  # type: ignore[attr-defined]


class ReadViewSet(ScopedMixin, viewsets.ReadOnlyModelViewSet):
    """List and detail of what the caller may see."""


class ScopedViewSet(
    ScopedMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet,
):
    """All five verbs. The right is asked for again with the object at hand, inside the same transaction.

    What is sensitive is done only by who proved lately who they are (`portal.sensitive`); keys never do. What needs a
    second person is proposed to one, and the answer is 202 (`portal.weakenings`).
    """

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._at_door(lambda: super(ScopedViewSet, self).create(request, *args, **kwargs))

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._at_door(lambda: super(ScopedViewSet, self).update(request, *args, **kwargs))

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._at_door(lambda: super(ScopedViewSet, self).destroy(request, *args, **kwargs))

    def _at_door(self, deed: Callable[[], Response]) -> Any:
        return weakenings.at_door(self.request._request, deed, model=self.queryset.model)

    def perform_create(self, serializer: BaseSerializer) -> None:
        self._save(serializer, None)

    def perform_update(self, serializer: BaseSerializer) -> None:
        self._save(serializer, sensitive.stored(serializer.instance))

    def _save(self, serializer: BaseSerializer, before: Any) -> None:
        with transaction.atomic():
            saved = serializer.save()
            if not self.request.user.has_perm(_name(self, self.request), saved):
                raise Refusal("permission_denied")
            sensitive.require(self.request._request, type(saved), before, saved)

    def perform_destroy(self, instance: models.Model) -> None:
        sensitive.require_removal(self.request._request, [instance])
        try:
            with transaction.atomic():
                instance.delete()
        except ProtectedError:
            raise Refusal("conflict") from None
