"""Writes the OpenAPI document, one thread at a time: the library finds its extensions while it writes the first one."""

import threading
from typing import Any

from drf_spectacular.generators import SchemaGenerator

_lock = threading.Lock()


class OneAtATime(SchemaGenerator):
    def get_schema(self, *args: Any, **kwargs: Any) -> Any:
        with _lock:
            return super().get_schema(*args, **kwargs)
