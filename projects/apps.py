from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "projects"
    verbose_name = "Projects"

    def ready(self) -> None:
        from projects import checks, console, key_ties  # noqa: F401 - checks register by being imported

        console.install()
        key_ties.install()
