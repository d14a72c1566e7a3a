from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit import checks, destination_weakening, pruning, raw_writes, recorder  # noqa: F401

        recorder.install()
        destination_weakening.install()
        pruning.install()
        post_migrate.connect(raw_writes.refresh, sender=self, dispatch_uid="audit")
