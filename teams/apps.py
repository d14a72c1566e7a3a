from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "teams"
    verbose_name = "Teams"

    def ready(self) -> None:
        from teams import console, scopes, visibility

        scopes.install()
        visibility.install()
        console.install()
