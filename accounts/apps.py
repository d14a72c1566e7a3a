from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import console, receivers, schema

        receivers.install()
        console.install()
        schema.PortalAuthenticationScheme  # noqa: B018 - registers itself by being imported
