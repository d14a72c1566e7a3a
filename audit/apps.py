from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit import (  # noqa: F401
            checks,
            destination_weakening,
            history,
            pruning,
            raw_writes,
            recorder,
            sealing_state,
        )
        from portal.console_history import register_history

        recorder.install()
        destination_weakening.install()
        pruning.install()
        sealing_state.install()
        register_history(history.page)
        post_migrate.connect(raw_writes.refresh, sender=self, dispatch_uid="audit")
