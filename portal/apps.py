from django.apps import AppConfig
from django.db.backends.signals import connection_created


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Platform"

    def ready(self) -> None:
        # Checks register by being imported; a task that any process queues goes to our broker.
        from portal import admin_security, admin_settings, celery, checks, tenancy  # noqa: F401

        connection_created.connect(tenancy.say_for_session, dispatch_uid="tenancy")
