from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit import destination_weakening
        from audit.recorder import install

        install()
        destination_weakening.install()
