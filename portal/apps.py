from django.apps import AppConfig
from django.db.backends.signals import connection_created


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Platform"

    def ready(self) -> None:
        # Checks register by being imported; a task that any process queues goes to our broker.
        from portal import (  # noqa: F401
            admin_retention,
            admin_security,
            admin_settings,
            celery,
            checks,
            platform_settings,
            tenancy,
        )

        platform_settings.require_possible()
        connection_created.connect(tenancy.say_for_session, dispatch_uid="tenancy")
