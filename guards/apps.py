from django.apps import AppConfig


class GuardsConfig(AppConfig):
    name = "guards"
    verbose_name = "Guards"

    def ready(self) -> None:
        from guards import removal
        from guards.weakening import attachment_is_weaker, guard_is_weaker
        from portal import sensitive

        removal.install()
        sensitive.register_rule("guards.Guard", guard_is_weaker)
        sensitive.register_rule("guards.GuardAttachment", attachment_is_weaker)
