from django.apps import AppConfig
from django.db.backends.signals import connection_created


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Platform"

    def ready(self) -> None:
        from portal import admin_security, checks, tenancy  # noqa: F401 - checks register by being imported

        connection_created.connect(tenancy.say_for_session, dispatch_uid="tenancy")
