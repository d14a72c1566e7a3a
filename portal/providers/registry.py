"""From a `Provider` row to the client that talks to it: one line a kind, one client a provider and process."""

import threading
from collections.abc import Callable
from typing import Any

from portal.models import Provider
from portal.providers.base import ProviderClient
from portal.providers.offline import OfflineClient
from portal.providers.openai import OpenAIClient

KINDS: dict[str, Callable[[Provider], ProviderClient]] = {
    "openai": OpenAIClient,
    "offline": lambda provider: OfflineClient(),
}

_clients: dict[int, tuple[tuple[Any, ...], ProviderClient]] = {}
_lock = threading.Lock()


def provider_for(provider: Provider) -> ProviderClient:
    """The pooled client of this provider; a new one as soon as the row says something else than before."""
    described = _description(provider)
    known = _clients.get(provider.pk)
    if known is not None and known[0] == described:
        return known[1]
    with _lock:
        known = _clients.get(provider.pk)
        if known is not None and known[0] == described:
            return known[1]
        # The client before it goes when the last answer under way lets go of it, and its connections with it.
        client = KINDS[provider.kind](provider)
        _clients[provider.pk] = (described, client)
    return client


def _description(provider: Provider) -> tuple[Any, ...]:
    return (
        provider.kind,
        provider.base_url,
        provider.secret,
        provider.connect_timeout_s,
        provider.read_timeout_s,
        provider.total_timeout_s,
        tuple(sorted(provider.extra_headers.items())),
    )
