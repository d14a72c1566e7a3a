"""The platform's configuration: providers, the model catalogue, the limiter's buckets and the data keys."""

from portal.models.buckets import Bucket
from portal.models.catalogue import MONEY_PLACES, Model, register_model_visibility
from portal.models.data_keys import DataKey
from portal.models.providers import Provider
from portal.models.security import AddressRule, CspReport

__all__ = [
    "MONEY_PLACES",
    "AddressRule",
    "Bucket",
    "CspReport",
    "DataKey",
    "Model",
    "Provider",
    "register_model_visibility",
]
