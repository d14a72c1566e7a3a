"""People, how they sign in and stay in, and what acts in their name."""

from accounts.models.keys import Key
from accounts.models.notices import Notice
from accounts.models.people import User, UserManager
from accounts.models.sessions import Session, Sighting
from accounts.models.tokens import TokenFamily

__all__ = ["Key", "Notice", "Session", "Sighting", "TokenFamily", "User", "UserManager"]
