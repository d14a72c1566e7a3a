"""Says in a moment why the portal would not start: `python -m portal.preflight` ends with 1 and the reasons.

The scripts in deploy/ ask it before anything that takes longer. The settings refuse the same, however they are loaded.
"""

import sys

from django.core.exceptions import ImproperlyConfigured


def reasons() -> list[str]:
    try:
        from portal import start_refusals

        return start_refusals.problems()
    except ImproperlyConfigured as error:
        return [str(error)]


def refusal(found: list[str]) -> str:
    return (
        "Gatehouse does not start: "
        + " ".join(found)
        + " See deploy/env.sample, or use `make run` for development."
    )


if __name__ == "__main__":
    if found := reasons():
        sys.exit(refusal(found))
