"""The platform's configuration: providers, the model catalogue, and the limiter's buckets."""

from portal.models.buckets import Bucket
from portal.models.catalogue import MONEY_PLACES, Model, register_model_visibility
from portal.models.providers import Provider

__all__ = ["MONEY_PLACES", "Bucket", "Model", "Provider", "register_model_visibility"]
