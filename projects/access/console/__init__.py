"""The console's pages of who reaches what: the matrix, one explanation, and changes in thought."""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.console_navigation import Page, register_page
from projects.access.loading import PERMISSION

HERE = "access/"


def may(request: HttpRequest) -> bool:
    return request.user.has_perm(PERMISSION)


def install() -> None:
    """The matrix stands in the navigation; the others are reached from it."""
    from projects.access.console import explaining, links, matrix, simulating

    links.install()

    for name, path, label, view in (
        ("access", HERE, _("Who reaches what"), matrix.page),
        ("access_export", f"{HERE}export/", _("Download who reaches what"), matrix.export),
        ("access_explain", f"{HERE}explain/", _("Explain"), explaining.page),
        ("access_simulate", f"{HERE}simulate/", _("Simulate"), simulating.page),
    ):
        area = "people" if name == "access" else ""
        register_page(Page(name, path, label, view, may, area=area, place=60))
