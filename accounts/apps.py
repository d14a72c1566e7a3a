from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import receivers, schema

        receivers.install()
        schema.PortalAuthenticationScheme  # noqa: B018 - registers itself by being imported
