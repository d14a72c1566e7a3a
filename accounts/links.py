"""Links that are mailed or printed: always under the portal's configured address."""

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from accounts.models import User


def password_url(key: str) -> str:
    """Where the holder of `key` ("<uid>-<token>") sets a password."""
    uid, _dash, token = key.partition("-")
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
    return settings.BASE_URL + path


def password_link(user: User) -> str:
    """The address at which this person sets their password; it ends with its first use, or after three days."""
    return password_url(f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}")
