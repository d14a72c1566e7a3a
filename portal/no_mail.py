"""What becomes of mail where production has no mail server: nothing, and the log says so without a word of it."""

import logging
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

logger = logging.getLogger("portal.mail")


class EmailBackend(BaseEmailBackend):
    """Links to new passwords must not stand in a log: whoever reads it could follow them."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        logger.warning(
            "no mail server: %d e-mails dropped; set PORTAL_EMAIL_HOST", len(email_messages)
        )
        return 0
