#!/usr/bin/env python3
"""Gatehouse's command line: `manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    changes_tables = sys.argv[1:2] in (["migrate"], ["sqlmigrate"], ["showmigrations"])
    os.environ["GATEHOUSE_PROCESS"] = "owner" if changes_tables else "system"

    from portal.development import adopt

    adopt("".join(sys.argv[1:2]))

    from django.core.management import execute_from_command_line

    from portal.context import RequestContext, entered
    from portal.failures import command_recorded
    from portal.logs import guard_tracebacks

    guard_tracebacks()

    # One run of a command is one request to the trail; its arguments may hold secrets and stay out.
    name = "".join(sys.argv[1:2])
    with entered(RequestContext(method="COMMAND", path=name)), command_recorded(name):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
