from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "projects"
    verbose_name = "Projects"

    def ready(self) -> None:
        from accounts import standing_in
        from guards.weakening import attachment_is_weaker
        from portal import sensitive
        from projects import (  # noqa: F401 - checks register so
            checks,
            console,
            holds,
            key_ties,
            pending,
            removal,
            retention,
            spending,
            team_ties,
        )
        from projects.access import console as access_console

        console.install()
        access_console.install()
        key_ties.install()
        team_ties.install()
        spending.install()
        pending.install()
        removal.install()
        retention.install()
        holds.install()
        for view in ("projects:conversation", "conversation-detail"):
            standing_in.register_content(view, "projects.Conversation", "uid")
        standing_in.register_not_written("admin/projects/keyproject/")
        sensitive.register_rule("projects.ProjectGuard", attachment_is_weaker)
