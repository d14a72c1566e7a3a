from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import console, fresh, guessing, proposing, receivers, schema, throttle
        from portal import sensitive

        receivers.install()
        console.install()
        proposing.install()
        throttle.register_guessing(guessing.stopped)
        sensitive.register_asker(fresh.require)
        schema.PortalAuthenticationScheme  # noqa: B018 - registers itself by being imported
