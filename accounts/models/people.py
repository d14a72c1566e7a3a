"""People."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import _user_has_module_perms, _user_has_perm
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.querysets import UserQuerySet


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    def get_by_natural_key(self, email: str) -> "User":
        return self.get(email=email.strip().lower())


class User(AbstractBaseUser):
    """A person with an account; the e-mail address, in lower case, is the login."""

    email = models.EmailField(
        _("e-mail"), unique=True, help_text=_("They sign in with it, and are written to there.")
    )
    name = models.CharField(
        _("name"), max_length=150, blank=True, help_text=_("As others read it.")
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Without it, sign-in, sessions and keys of this person end at once."),
    )
    is_superuser = models.BooleanField(
        _("platform admin"), default=False, help_text=_("May do everything in every team.")
    )
    is_auditor = models.BooleanField(
        _("auditor"),
        default=False,
        help_text=_("Reads everything but secrets and conversations, and changes nothing."),
    )
    is_restricted = models.BooleanField(
        _("restricted"),
        default=False,
        help_text=_("Chats in assigned projects, and nothing more: no keys, no console."),
    )
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    session_epoch = models.PositiveIntegerField(default=0, editable=False)

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []

    class Meta:
        ordering = ["email"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(is_superuser=True, is_restricted=True),
                name="user_restricted_is_no_admin",
            ),
            models.CheckConstraint(
                condition=~models.Q(is_auditor=True, is_restricted=True),
                name="user_restricted_is_no_auditor",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = self.email.strip().lower()
        super().save(*args, **kwargs)

    @property
    def is_staff(self) -> bool:
        """Whether the console is open to this person; answered by the roles."""
        return self.has_perm("portal.use_console")

    def is_verified(self) -> bool:
        """Whether the running session passed the second factor; said by `accounts.verification` where it did."""
        return False

    @property
    def second_factor_state(self) -> str:
        """*on*; *due*: must have a second factor and has none; *off*. Lists ask `second_factor.with_state` for all."""
        from accounts import second_factor

        if "has_factor" in self.__dict__:
            return second_factor.Standing(self.has_factor, self.must_have_factor).state
        return second_factor.standing_of(self).state

    @property
    def unread_notices(self) -> int:
        return self.notices.filter(read_at__isnull=True).count()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.is_active and (self.is_superuser or _user_has_perm(self, perm, obj))

    def has_perms(self, perms: list[str], obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perms)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and (self.is_superuser or _user_has_module_perms(self, app_label))

    def get_session_auth_hash(self) -> str:
        """Changes with the password and with the session epoch, so that either ends all other sessions."""
        return super().get_session_auth_hash() + f"-{self.session_epoch}"

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same under former secret keys, while they are being replaced."""
        for found in super().get_session_auth_fallback_hash():
            yield found + f"-{self.session_epoch}"
