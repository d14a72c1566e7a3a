"""Who one is here."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts.forms import ProfileForm
from accounts.models import User
from accounts.profile import belongings_of
from portal.errors import Refusal


@never_cache
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Who one is here, and in which teams. Restricted people change nothing but their password."""
    form = None if request.user.is_restricted else ProfileForm(instance=request.user)
    if request.method == "POST":
        if form is None:
            raise Refusal("permission_denied")
        form = ProfileForm(request.POST, instance=User.objects.get(pk=request.user.pk))
        if form.is_valid():
            form.save(commit=False).save(
                update_fields=["name"]
            )  # and nothing that was read with it
            messages.success(request, _("Your name is saved."))
            return redirect("account_profile")
    context = {"form": form, "belongings": belongings_of(request.user)}
    return render(request, "account/profile.html", context)
