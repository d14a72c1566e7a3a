"""DRF's way to the one authentication path."""

from rest_framework.authentication import SessionAuthentication


class PortalAuthentication(SessionAuthentication):
    pass
