"""docs/connect.md: its addresses are taken as they stand, and lead where their servers listen."""

import re

import pytest
from django.conf import settings

from portal.models import Provider
from portal.providers.openai import OpenAIClient
from portal.validators import validate_base_url

GUIDE = (settings.BASE_DIR / "docs" / "connect.md").read_text()
ROWS = re.findall(r"^\| ([^|]+) \| `(https?://[^`]+)` \|", GUIDE, re.M)


def test_it_has_all_that_the_readme_promises():
    assert [name for name, _url in ROWS] == [
        "OpenAI",
        "Azure OpenAI",
        "Anthropic",
        "Ollama",
        "vLLM",
    ]


@pytest.mark.parametrize(("name", "url"), ROWS)
def test_an_address_is_taken_as_it_stands(name, url):
    validate_base_url(url)
    provider = Provider(slug="x", name=name, kind="openai", base_url=url)
    client = OpenAIClient(provider)
    assert client._template.url.lower() == f"{url}/chat/completions".lower()
    assert client._models_url == f"{url}/models"


def test_what_it_says_of_unsupported_addresses_holds():
    from django.core.exceptions import ValidationError

    old = "https://r.openai.azure.com/openai/deployments/d?api-version=2024-10-21"
    with pytest.raises(ValidationError):
        validate_base_url(old)
