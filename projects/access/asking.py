"""What the doors of the matrix and of its history share: who may ask, and for which part."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.views import APIView

from portal.api import RolePermission, refuse_confined
from projects.access.loading import PERMISSION, Selection


class AccessPermission(RolePermission):
    """Reading who reaches what, also what they would reach: one right, and one scope for keys."""

    def has_permission(self, request: Request, view: Any) -> bool:
        allowed = request.auth is None or request.auth.may(view.read_scope)
        return bool(request.user.is_authenticated and allowed and request.user.has_perm(PERMISSION))


class AccessView(APIView):
    permission_classes = [AccessPermission]
    read_scope = "permissions:read"
    write_scope = "permissions:read"


def selection_of(request: Request, **wanted: str) -> Selection:
    """What the caller may see, narrowed; a key of single projects sees none of it."""
    refuse_confined(request, _("A key of single projects does not read who reaches what."))
    return Selection.of(request.user, **wanted)
