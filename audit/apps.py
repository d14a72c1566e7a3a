from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit import checks, destination_weakening, raw_writes  # noqa: F401
        from audit.recorder import install

        install()
        destination_weakening.install()
        post_migrate.connect(raw_writes.refresh, sender=self, dispatch_uid="audit")
