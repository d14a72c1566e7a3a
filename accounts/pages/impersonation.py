"""The end of an impersonation: back in one's own session."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import impersonation
from accounts.middleware import leave
from portal.tenancy import own_transactions, scope_of, tenant


@own_transactions  # the page would run as the person; the end is the admin's deed
@login_required
@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """Leads to the person's page in the console. Nothing to do where it is over already."""
    live = request.impersonation  # type: ignore[attr-defined]
    if live is None:
        return redirect("projects:home")
    with tenant(scope_of(live.admin), atomic=True):
        impersonation.stop(live)
    leave(request, live.admin)
    words = _("You act as yourself again. %(person)s reads in their notices what was done.")
    messages.success(request, words % {"person": live.user.email})
    return redirect("admin:accounts_user_change", live.user.pk)
