"""The page that asks once more who one is, and keeps what was sent until then."""

import json
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext_lazy as _

from accounts import second_factor
from accounts.forms import CodeField
from accounts.models import User

FORBIDDEN = 403


class ConfirmForm(forms.Form):
    """Password, and the second factor of who has one."""

    password = forms.CharField(
        label=_("Password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    code = CodeField()

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not second_factor.has(user):
            del self.fields["code"]


def safe_path(request: HttpRequest, wanted: str) -> str:
    """Where to go on: a path of this portal, or the account's page."""
    is_ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("account_profile")


def leads_to_confirm(path: str) -> HttpResponse:
    """Asks, and then goes on at this path."""
    return redirect(f"{reverse('account_confirm')}?{urlencode({'next': path})}")


def confirmation_page(request: HttpRequest) -> HttpResponse:
    """Asks; a form that was sent is kept in the page, not in the portal, and goes on after the answer.

    Files are not kept: whoever sent some is led back to the form.
    """
    path = request.get_full_path()
    if request.method != "POST" or request.FILES:
        return leads_to_confirm(path)
    pairs = [
        [name, value]
        for name, values in request.POST.lists()
        if name != "csrfmiddlewaretoken"
        for value in values
    ]
    context = {"form": ConfirmForm(request.user), "next": path, "again": json.dumps(pairs)}
    response = render(request, "account/confirm.html", context, status=FORBIDDEN)
    add_never_cache_headers(response)
    return response
