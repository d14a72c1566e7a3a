"""The platform's configuration: providers, the model catalogue, the limiter's buckets, the data keys and what is set in the console."""

from portal.models.buckets import Bucket
from portal.models.catalogue import MONEY_PLACES, Model, register_model_visibility
from portal.models.data_keys import DataKey
from portal.models.providers import Provider
from portal.models.retention import RetentionRun
from portal.models.security import AddressRule, CspReport
from portal.models.settings import Setting

__all__ = [
    "MONEY_PLACES",
    "AddressRule",
    "Bucket",
    "CspReport",
    "DataKey",
    "Model",
    "Provider",
    "RetentionRun",
    "Setting",
    "register_model_visibility",
]
