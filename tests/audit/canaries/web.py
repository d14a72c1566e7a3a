"""The web server's way in, as the sweep runs it."""

from portal.wsgi import application
from tests.audit.canaries.process import install

__all__ = ["application"]
install()
