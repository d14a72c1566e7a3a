from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit import destination_weakening, pruning, recorder

        recorder.install()
        destination_weakening.install()
        pruning.install()
