"""The provider kinds. A new kind is one file here, one line in `registry.py`, one choice in `Provider.Kind`, one test file."""

from portal.providers.base import (
    TICK,
    ChatRequest,
    Completion,
    Piece,
    ProviderClient,
    ProviderFailure,
    Tick,
    Usage,
)

__all__ = [
    "TICK",
    "ChatRequest",
    "Completion",
    "Piece",
    "ProviderClient",
    "ProviderFailure",
    "Tick",
    "Usage",
]
