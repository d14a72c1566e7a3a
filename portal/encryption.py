"""Secrets and content at rest: django-fernet-fields-v2 made safe against expressions, look-ups and dumps."""

from typing import TYPE_CHECKING, Any

import fernet_fields
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError
from django.db.models import Case, Expression, Field, Value
from django.db.models.functions import Cast
from fernet_fields.hkdf import derive_fernet_key

FernetTextField: Any = fernet_fields.EncryptedTextField


class EncryptedTextField(FernetTextField):
    """Text under the key ring. A wrong key raises `cryptography.fernet.InvalidToken`; nothing is ever returned in clear instead.

    Upstream would store `Value()`, `F()` and `bulk_update()`'s CASE as literal text, and `dumpdata` would write
    plaintext; both are refused here.
    """

    if TYPE_CHECKING:  # on an instance the attribute is the text

        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Any, value: Any) -> None: ...

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if hasattr(value, "as_sql"):
            if _binds_only_values(value, self):
                return value
            raise FieldError(f"Expressions cannot be stored in {self.name}.")
        return super().get_db_prep_save(value, connection)

    def value_to_string(self, obj: Any) -> str:
        raise FieldError(f"{self.name} is not serialised in clear.")


def _binds_only_values(expression: Expression, field: Field) -> bool:
    """True when every leaf is a value that this field itself encrypts: the CASE that bulk_update() builds."""
    if isinstance(expression, Value):
        return expression.value is None or expression.output_field is field
    if isinstance(expression, Cast):
        return all(_binds_only_values(e, field) for e in expression.get_source_expressions())
    if isinstance(expression, Case):
        return all(
            _binds_only_values(case.result, field) for case in expression.cases
        ) and _binds_only_values(expression.default, field)
    return False


def encrypt(text: str) -> str:
    """A Fernet token (ASCII) of the text under the first key of the ring."""
    return _ring().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text of a token under any key of the ring; raises `cryptography.fernet.InvalidToken`."""
    return _ring().decrypt(token.encode()).decode()


def _ring() -> MultiFernet:
    return MultiFernet([Fernet(derive_fernet_key(key)) for key in settings.FERNET_KEYS])


def mask(last_four: str) -> str:
    """How a stored secret is shown; empty where there is none."""
    return f"••••{last_four}" if last_four else ""


def is_mask(value: str) -> bool:
    """True for what `mask` produced: saving it back changes nothing."""
    return value.startswith("••••")
