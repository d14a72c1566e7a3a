"""JSON as text: what is stored is what is hashed, on every database the same."""

import json
from typing import Any

from django.db import models


class JSONTextField(models.TextField):
    """An object as JSON text, keys sorted. It is read as the object; look-ups see the text."""

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else text_of(value)

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return value if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value


def text_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
