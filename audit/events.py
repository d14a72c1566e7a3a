"""What an entry can be: the one list of actions, each with what it means. The console's filter and docs/audit.md read it.

Changes of rows write themselves (`audit.recorder`); all else is an event that somebody wrote by `trail.record`. An action
that is not here is a mistake: a test holds the code to this list, and makes each line happen at a door.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _

CHANGES: dict[str, Any] = {
    "create": _("A row was made."),
    "update": _("A row was changed."),
    "delete": _("A row was deleted."),
}
SIGNING_IN: dict[str, Any] = {
    "sign_in": _("Somebody signed in."),
    "sign_in_failed": _("A sign-in failed; the address that was typed is sealed."),
    "sign_in_unusual": _("A sign-in from a device or network that the person never used."),
    "sign_out": _("Somebody signed out."),
    "session_ended": _("A person's session was ended by them."),
    "guessing_stopped": _("Too many tries at an account: further ones are refused for a while."),
    "fresh_authentication": _("Somebody confirmed who they are."),
    "fresh_authentication_failed": _("Somebody could not confirm who they are."),
    "password_link_asked": _("A link to a new password was asked for; the address is sealed."),
    "password_link_failed": _("A link to a new password did not hold."),
    "password_link_sent": _("A link to set a password was mailed by an administrator."),
    "second_factor_on": _("A person's second factor was set up."),
    "second_factor_off": _("A person took their second factor away."),
    "second_factor_reset": _("A person's second factor was taken away by an administrator."),
    "second_factor_failed": _("A code of the second factor was wrong."),
    "recovery_codes_made": _("New recovery codes were made; the former ones are dead."),
    "recovery_code_used": _("A recovery code took the place of the second factor."),
    "tokens_issued": _("A program was given tokens of a person."),
    "tokens_ended": _("A program's tokens were ended."),
    "token_reused": _("A token was used that was replaced already; its family ended."),
}
KEYS: dict[str, Any] = {
    "key_rotated": _("A key was given another secret."),
    "key_used_from_new_network": _("A key was used from a network that it never came from."),
    "key_usage_unusual": _("A key was used far more than usual."),
}
IMPERSONATION: dict[str, Any] = {
    "impersonation_started": _("A platform admin began to act as somebody else."),
    "impersonation_refused": _("A platform admin could not act as somebody else."),
    "impersonation_ended": _("A platform admin stopped acting as somebody else."),
    "impersonation_expired": _("Acting as somebody else ended because its time was over."),
    "impersonation_withdrawn": _("Acting as somebody else ended because a right to it was gone."),
    "viewed_while_impersonating": _("A page was looked at as somebody else."),
    "read_while_impersonating": _("Somebody's own words were read as that person."),
    "acted_while_impersonating": _("Something was sent as somebody else; what it did follows."),
    "refused_while_impersonating": _("Something was tried as somebody else, and was closed."),
}
TWO_PERSONS: dict[str, Any] = {
    "change_proposed": _("What weakens a rule was proposed, and waits for a second person."),
    "change_approved": _("A second person approved a change, and it was made."),
    "change_rejected": _("A second person rejected a change."),
    "change_withdrawn": _("Who proposed a change withdrew it."),
    "change_expired": _("A proposed change was decided by nobody in time."),
    "change_outdated": _("A proposed change could not be made any more."),
}
ACCESS: dict[str, Any] = {
    "access_exported": _("Who reaches what was downloaded."),
    "access_changes_exported": _("How access changed between two days was downloaded."),
    "access_review_opened": _("A review of access began."),
    "access_review_closed": _("A review of access was closed."),
    "access_review_exported": _("A review of access was downloaded."),
    "access_attested": _("A right was confirmed in a review."),
    "access_revoked": _("A right was taken away in a review."),
}
CONTENT: dict[str, Any] = {
    "exchange_blocked": _("A guard blocked a question or an answer."),
    "exchange_refused": _("A question was refused."),
    "exchange_failed": _("A question could not be answered."),
    "conversation_deleted": _("A person deleted a conversation of theirs."),
    "conversation_hidden": _("A person deleted a conversation; a legal hold keeps what was said."),
    "conversations_deleted": _("Conversations went with what they belonged to."),
}
PORTAL: dict[str, Any] = {
    "audit_exported": _("Entries of the trail were exported."),
    "trail_exported": _("Entries of the trail were downloaded."),
    "trail_export_ended": _("A download of the trail came to its end, or broke off."),
    "usage_exported": _("Figures of use were downloaded."),
    "retention_applied": _("What was kept long enough was removed; the entry counts it."),
    "test_message_sent": _("A test message was sent to a receiver of the trail."),
    "encryption_rotated": _("What is encrypted was put under the first key of the ring."),
    "request_refused": _("What was sent to a door was refused, and nothing was done."),
    "request_failed": _("A request broke, and nothing of it was done."),
    "command_failed": _("A command broke off."),
    "task_failed": _("A background task broke off."),
}
GROUPS: dict[Any, dict[str, Any]] = {
    _("Changes"): CHANGES,
    _("Signing in"): SIGNING_IN,
    _("Keys"): KEYS,
    _("Acting as somebody else"): IMPERSONATION,
    _("Two persons"): TWO_PERSONS,
    _("Access"): ACCESS,
    _("Questions and answers"): CONTENT,
    _("The portal"): PORTAL,
}
EVENTS: dict[str, Any] = {
    action: words for group in GROUPS.values() for action, words in group.items()
}
