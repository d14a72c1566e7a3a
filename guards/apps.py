from django.apps import AppConfig


class GuardsConfig(AppConfig):
    name = "guards"
    verbose_name = "Guards"

    def ready(self) -> None:
        from guards import removal, retention
        from guards.weakening import attachment_is_weaker, guard_is_weaker
        from portal import sensitive, weakenings

        removal.install()
        retention.install()
        for table in (sensitive, weakenings):
            table.register_rule("guards.Guard", guard_is_weaker)
            table.register_rule("guards.GuardAttachment", attachment_is_weaker)
