"""What the projects know of pending changes: how their guards weaken, and who may set a budget."""

from typing import Any

from accounts.two_person import register_right
from guards.weakening import attachment_is_weaker
from portal import weakenings


def may_change_project(user: Any, before: Any, after: Any) -> bool:
    """Beside `projects.change_project`: a budget is set by platform admins."""
    was = before.monthly_budget if before is not None else None
    if after is None or after.monthly_budget == was:
        return True
    return bool(user.has_perm("projects.set_budget"))


def install() -> None:
    weakenings.register_rule("projects.ProjectGuard", attachment_is_weaker)
    register_right("projects.Project", may_change_project)
