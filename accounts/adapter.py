"""How allauth behaves here: nobody signs up, nothing tells whether an account exists, links lead to this portal only."""

import logging
import smtplib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import actions
from accounts.links import password_url
from portal.errors import Refusal

logger = logging.getLogger("accounts.mail")


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts come from administrators."""
        return False

    def get_login_stages(self) -> list[str]:
        """Ours alone: allauth's would keep addresses beside the account's own."""
        return ["accounts.stages.SecondFactorStage"]

    def is_safe_url(self, url: str | None) -> bool:
        """`next` stays on the host that was asked; allauth would take every allowed and trusted one."""
        return url_has_allowed_host_and_scheme(
            url, {self.request.get_host()}, require_https=self.request.is_secure()
        )

    def is_ajax(self, request: HttpRequest) -> bool:
        """The pages are for people; allauth's second, JSON face of them stays closed."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return request.client_address  # type: ignore[attr-defined, no-any-return, unused-ignore]

    def set_password(self, user: Any, password: str) -> None:
        """Changed or set anew: everything that was opened with the former one ends, and its owner is told."""
        actions.set_password(by=user, user=user, password=password)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_profile")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Under the configured address of the portal: the request's Host header has no say in a mailed link."""
        return (
            password_url(key) if settings.BASE_URL else super().get_reset_password_from_key_url(key)
        )

    def format_email_subject(self, subject: str) -> str:
        return subject

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Raises `Refusal("unavailable")` where the mail server fails, for existing and unknown accounts alike."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, smtplib.SMTPException) as error:
            logger.exception("mail could not be sent")
            raise Refusal("unavailable") from error
