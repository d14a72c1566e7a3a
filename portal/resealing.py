"""A ciphertext that changes while what it says stays: the one way to say so to PostgreSQL's triggers of the trail.

A trigger records what changes past the recorder (`audit/raw_writes.py`). It sees ciphertexts only, and of a value that
was encrypted anew it could not know that nothing happened. Said here, it holds for these rows and fields to the end of
the transaction, and goes with a savepoint that is undone. Encrypted fields are all it can hide.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connections, models

from portal.classification import is_recorded

SETTING = "portal.resealed"
SAY = (
    f"SELECT set_config('{SETTING}', coalesce(current_setting('{SETTING}', true), '') || %s, true)"
)


def resealed(
    *, model: type[models.Model], keys: Iterable[Any], names: Iterable[str], using: str
) -> None:
    """In these rows these fields are encrypted anew and say what they said. Called within the transaction."""
    fields = list(names) if is_recorded(model) else []
    lines = [f"\n{model._meta.label} {key} {name}\n" for key in keys for name in fields]
    if lines and connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute(SAY, ["".join(lines)])
