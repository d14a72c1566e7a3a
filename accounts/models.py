"""People and their keys."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import BaseUserManager, _user_has_module_perms, _user_has_perm
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.recording import RecordedQuerySet


class UserManager(BaseUserManager.from_queryset(RecordedQuerySet)):  # type: ignore[misc]
    def get_by_natural_key(self, email: str) -> "User":
        return self.get(email=email.lower())


class User(AbstractBaseUser):
    """A person with an account; the e-mail address is the login."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_superuser = models.BooleanField(_("platform admin"), default=False)
    is_auditor = models.BooleanField(_("auditor"), default=False)
    is_restricted = models.BooleanField(_("restricted"), default=False)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    session_epoch = models.PositiveIntegerField(default=0, editable=False)

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []

    def __str__(self) -> str:
        return self.email

    @property
    def is_staff(self) -> bool:
        return self.has_perm("portal.use_console")

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.is_active and (self.is_superuser or _user_has_perm(self, perm, obj))

    def has_perms(self, perms: list[str], obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perms)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and (self.is_superuser or _user_has_module_perms(self, app_label))
