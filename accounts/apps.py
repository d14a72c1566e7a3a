from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import console, guessing, receivers, schema, throttle

        receivers.install()
        console.install()
        throttle.register_guessing(guessing.stopped)
        schema.PortalAuthenticationScheme  # noqa: B018 - registers itself by being imported
