"""What people are told about their account, on its page and by mail: one table of kinds and their words.

A notice is written in the transaction of what it tells about. Those that are mailed wait in the table until a task has
sent them, so neither a dead mail server nor a restart loses one, and no sign-in waits for a mail server.
"""

import json
import logging
import smtplib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import mails
from accounts.links import password_link
from accounts.models import Notice, User

logger = logging.getLogger("accounts.mail")
TRIES = 8  # the last one about four hours after the first
FIRST_PAUSE = timedelta(minutes=2)
BATCH = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """`words` with the details that `tell` is given; `is_mailed` where it may be somebody else's doing.

    `mail` names the templates of its mail.
    """

    title: Any
    words: Any
    is_mailed: bool = True
    mail: str = "notice"


KINDS: dict[str, Kind] = {
    "invitation": Kind(
        _("A link to set your password"),
        _("An administrator had it mailed to you. It works once, for three days."),
        mail="invitation",
    ),
    "new_sign_in": Kind(
        _("Sign-in from a new device or network"),
        _("Somebody signed in to your account from %(address)s with %(agent)s."),
    ),
    "guessing": Kind(
        _("Wrong passwords or codes"),
        _(
            "Somebody entered wrong passwords or codes for your account, last from %(address)s. "
            "Further tries have to wait for a while."
        ),
    ),
    "password_changed": Kind(
        _("Your password was changed"),
        _("It was changed from %(address)s. All other sessions have ended."),
    ),
    "second_factor_on": Kind(
        _("Your second factor is on"),
        _(
            "An authenticator app was set up from %(address)s; signing in needs its codes from now on. "
            "All other sessions have ended."
        ),
    ),
    "second_factor_off": Kind(
        _("Your second factor was removed"),
        _("It was removed from %(address)s. All other sessions have ended."),
    ),
    "second_factor_reset": Kind(
        _("Your second factor was reset"),
        _("An administrator took it away, and all your sessions have ended. Set up a new one."),
    ),
    "recovery_code_used": Kind(
        _("A recovery code was used"),
        _("It was used from %(address)s in place of your app's code. %(left)s are left."),
    ),
    "recovery_codes_made": Kind(
        _("New recovery codes"),
        _("They were made from %(address)s. The former ones do not work any more."),
    ),
    "key_rotated": Kind(
        _("A key has a new secret"),
        _(
            "The key %(key)s was given a new secret from %(address)s. The one before it opens until %(until)s."
        ),
    ),
    "key_new_network": Kind(
        _("A key was used from a new network"),
        _(
            "Your key %(key)s was used from %(address)s, where it was never used before. "
            "If this was not you, revoke it."
        ),
    ),
    "key_usage_unusual": Kind(
        _("A key is used far more than usual"),
        _(
            "Your key %(key)s asked %(count)s times within an hour; its usual is %(usual)s. "
            "If this is not you, revoke it."
        ),
    ),
    "token_reused": Kind(
        _("An API token was used twice"),
        _(
            "A refresh token of “%(name)s” was used from %(address)s after it had been replaced: somebody may have "
            "copied it. All tokens of that sign-in have ended."
        ),
    ),
    "change_approved": Kind(
        _("Your change was approved"),
        _("%(by)s approved what you proposed for %(what)s, and it was made. %(note)s"),
    ),
    "change_rejected": Kind(
        _("Your change was rejected"),
        _("%(by)s rejected what you proposed for %(what)s; nothing was changed. %(note)s"),
    ),
    "change_expired": Kind(
        _("Your change has expired"),
        _("Nobody approved what you proposed for %(what)s within a week; nothing was changed."),
    ),
    "change_outdated": Kind(
        _("Your change is outdated"),
        _(
            "What you proposed for %(what)s was not made: %(note)s Propose it anew if it still holds."
        ),
    ),
    "impersonation_started": Kind(
        _("A platform admin sees the portal as you"),
        _(
            "%(by)s sees the portal as you until %(until)s. %(rights)s The reason they gave: %(reason)s"
        ),
    ),
    "impersonation_ended": Kind(
        _("A platform admin has seen the portal as you"),
        _(
            "%(by)s, from %(start)s until now: %(viewed)s pages viewed, %(read)s conversations opened, "
            "%(acted)s deeds in your name, %(refused)s refused."
        ),
        is_mailed=False,
    ),
}


def tell(user_id: int, kind: str, **details: Any) -> None:
    """Writes a notice, in the running transaction; `details` are what its words name.

    It may be somebody's whom the running request cannot see, so nothing is read back.
    """
    known = KINDS[kind]
    notice = Notice(
        user_id=user_id,
        kind=kind,
        details=json.dumps({name: str(value)[:300] for name, value in details.items()}),
        mail_due_at=timezone.now() if known.is_mailed else None,
    )
    fields = [field for field in Notice._meta.concrete_fields if not field.primary_key]
    Notice._base_manager._insert([notice], fields=fields, using=connection.alias)


def words_of(notice: Notice) -> str:
    """What it says; the title alone where its details cannot be read any more, or it is of a kind that is gone."""
    known = KINDS.get(notice.kind)
    if known is None:
        return ""
    try:
        return str(known.words) % notice.facts
    except KeyError:
        return str(known.title)


def title_of(notice: Notice) -> str:
    known = KINDS.get(notice.kind)
    return str(known.title) if known else notice.kind


def mark_read(user: Any) -> None:
    Notice.objects.filter(user_id=user.pk, read_at__isnull=True).update(read_at=timezone.now())


def mail_due() -> int:
    """Mails what is due; what cannot be sent is tried again after growing pauses. Returns how many were sent."""
    sent = 0
    due = Notice.objects.filter(mail_due_at__lte=timezone.now(), user__is_active=True)
    for notice in due.select_related("user").order_by("mail_due_at")[:BATCH]:
        pause = FIRST_PAUSE * 2**notice.mail_tries
        # Claimed before it is sent: another worker leaves it alone, and a crash repeats it instead of losing it.
        claimed = Notice.objects.filter(pk=notice.pk, mail_due_at=notice.mail_due_at).update(
            mail_due_at=timezone.now() + pause, mail_tries=F("mail_tries") + 1
        )
        if not claimed:
            continue
        try:
            if notice.kind in KINDS:
                _mail(notice.user, notice)
        except (OSError, smtplib.SMTPException):
            logger.exception("a notice could not be mailed")
            if notice.mail_tries + 1 < TRIES:
                continue
        else:
            sent += 1
        Notice.objects.filter(pk=notice.pk).update(mail_due_at=None)
    return sent


def _mail(user: User, notice: Notice) -> None:
    known = KINDS[notice.kind]
    account = settings.BASE_URL + reverse("account_notices")
    context = {
        "user": user,
        "title": title_of(notice),
        "words": words_of(notice),
        "when": notice.created_at,
        # Made as it is mailed: no link that opens anything is ever stored.
        "link": password_link(user) if known.mail == "invitation" else account,
        "portal": settings.BASE_URL,
    }
    mails.send(known.mail, user.email, context)
