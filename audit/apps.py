from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit import destination_weakening, sealing_state
        from audit.history import page
        from audit.recorder import install
        from portal.console_history import register_history

        install()
        destination_weakening.install()
        sealing_state.install()
        register_history(page)
