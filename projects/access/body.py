"""The short transactions of the matrix as a file."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from accounts.models import User
from portal.errors import Refusal
from portal.tenancy import Scope, tenant
from projects.access.loading import Selection

Within = Callable[[], AbstractContextManager]


def allowed_transactions(request: Any, selection: Selection, scope: Scope) -> Within:
    """The short transactions of a long answer. Each asks anew whether the caller may still read this part: who gives
    up a team stays signed in."""

    @contextmanager
    def within() -> Iterator[None]:
        with tenant(scope):
            by = User.objects.filter(pk=request.user.pk, is_active=True).first()
            if by is None or not Selection.of(by).holds(selection):
                raise Refusal("permission_denied")
            yield

    return within
