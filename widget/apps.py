from django.apps import AppConfig


class WidgetConfig(AppConfig):
    name = "widget"
    verbose_name = "Widget"

    def ready(self) -> None:
        from portal import weakenings
        from widget import origins, removal

        origins.install()
        removal.install()
        weakenings.register_rule(
            "widget.Widget", origins.are_wider, reads=("is_active", "allowed_domains")
        )
