"""Why something could not be sent: one word, and a detail for administrators. Never an address, a secret or a receiver's words."""

from django.utils.translation import gettext_lazy as _

WORDS = {
    "unreachable": _(
        "The receiver cannot be reached: its name does not resolve, or nothing listens there."
    ),
    "refused": _(
        "The portal does not connect to this address: it is not public, and not in PORTAL_PRIVATE_NETWORKS."
    ),
    "untrusted": _("The receiver's certificate was not accepted, or it did not accept ours."),
    "timeout": _("The receiver did not take or answer in time."),
    "broken": _("The connection broke before everything was taken."),
    "unconfirmed": _(
        "The receiver did not end the connection in time, so nobody knows what it has read."
    ),
    "rejected": _("The receiver answered, and refused."),
    "redirected": _(
        "The receiver answered with a redirect, which is not followed. Enter the new URL."
    ),
    "too_large": _("The receiver says that this is too large."),
    "busy": _("The receiver says that it is asked too often."),
    "unreadable": _(
        "The stored secret or key cannot be read: its key is missing or wrong. Enter it anew."
    ),
    "unexpected": _("Something went wrong within the portal; its log says what."),
}
# Smaller batches may help against these.
TOO_MUCH = frozenset({"timeout", "broken", "unconfirmed", "too_large"})


class NotSent(Exception):
    """Nothing of the batch counts as sent. `again_in` is what the receiver asked for, in seconds."""

    def __init__(self, kind: str, detail: str = "", again_in: float = 0.0) -> None:
        self.kind, self.detail, self.again_in = kind, detail[:200], again_in
        super().__init__(f"{kind} {self.detail}".strip())
