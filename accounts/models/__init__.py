"""People, how they sign in and stay in, and what acts in their name."""

from accounts.models.impersonation import Impersonation
from accounts.models.keys import Key
from accounts.models.notices import Notice
from accounts.models.pending_changes import PendingChange
from accounts.models.people import User, UserManager
from accounts.models.second_factor import RecoveryCode, RecoveryDevice, TotpDevice
from accounts.models.sessions import Session, Sighting
from accounts.models.tokens import TokenFamily

__all__ = [
    "Impersonation",
    "Key",
    "Notice",
    "PendingChange",
    "RecoveryCode",
    "RecoveryDevice",
    "Session",
    "Sighting",
    "TokenFamily",
    "TotpDevice",
    "User",
    "UserManager",
]
