from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "teams"
    verbose_name = "Teams"

    def ready(self) -> None:
        from teams import console, holds, pending, scopes, visibility

        scopes.install()
        visibility.install()
        pending.install()
        console.install()
        holds.install()
