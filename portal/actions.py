"""Deeds of the platform's own rows."""

from decimal import Decimal

from django.db import transaction

from portal.models import Model, Provider
from portal.providers.offline import MODEL_NAME


@transaction.atomic
def ensure_offline_model() -> Model:
    """The offline provider and its model `offline`; created where they are missing, otherwise left as they are."""
    provider, _created = Provider.objects.get_or_create(
        slug="offline", defaults={"name": "Offline", "kind": Provider.Kind.OFFLINE}
    )
    model, _created = Model.objects.get_or_create(
        provider=provider,
        name=MODEL_NAME,
        defaults={
            "label": "Offline (not a model)",
            "input_price_per_million": Decimal(0),
            "output_price_per_million": Decimal(0),
        },
    )
    return model
