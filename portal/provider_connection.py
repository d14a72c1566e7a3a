"""Testing a provider's connection: asked for its models, as cheaply and as quickly as can be."""

import copy
import time
from dataclasses import dataclass

from portal.keyring import Unreadable
from portal.models import Provider
from portal.providers.base import ProviderFailure
from portal.providers.registry import KINDS

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Tested:
    """`failure` names what went wrong (`ProviderFailure.kind`, or *unreadable*), empty if nothing; `detail` is a status or an
    exception's type, never the server's words. `offered` are the provider's models, each with whether the catalogue
    has it; `missing` are those of the catalogue that the provider does not offer.
    """

    milliseconds: int
    failure: str = ""
    detail: str = ""
    offered: tuple[tuple[str, bool], ...] = ()
    missing: tuple[str, ...] = ()


def check_connection(provider: Provider) -> Tested:
    """Asks with the stored secret, over a connection of its own, and waits PATIENCE_S seconds at most."""
    hasty = copy.copy(provider)
    hasty.connect_timeout_s = min(provider.connect_timeout_s, PATIENCE_S)
    hasty.read_timeout_s = min(provider.read_timeout_s, PATIENCE_S)
    hasty.total_timeout_s = min(provider.total_timeout_s, PATIENCE_S)
    began = time.monotonic()
    try:
        names = KINDS[provider.kind](hasty).models()
    except ProviderFailure as failure:
        return Tested(_since(began), failure.kind, failure.detail)
    except Unreadable:
        return Tested(_since(began), "unreadable")
    known = set(provider.models.values_list("name", flat=True))
    offered = tuple((name, name in known) for name in names)
    return Tested(_since(began), offered=offered, missing=tuple(sorted(known - set(names))))


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
