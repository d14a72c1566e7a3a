from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Platform"

    def ready(self) -> None:
        from portal import checks  # noqa: F401 - checks register by being imported
