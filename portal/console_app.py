"""The console's AppConfig, in a module of its own: it must load before any model does."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    default_site = "portal.console_site.ConsoleSite"
