"""What is shown in place of a secret is never stored in its place, whoever sends it back, and reveals nothing."""

import contextlib
import dataclasses
import importlib
import json
import pkgutil
import re

import pytest
from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.encryption import MASK, encrypted_fields, is_mask
from portal.models import Provider

pytestmark = pytest.mark.django_db
SECRET, VALUE = "sk-live-canary-abcdefgh1234", "value-of-the-header-canary"
ROOMS = ("portal", "audit", "accounts", "teams", "guards", "projects", "widget")
SPEAKS = re.compile(
    r"secret|passw|plaintext|credential|prompt$|^texts?$|^before$|^after$|^messages$|^turns$"
)
# Named like a secret, and none: only that there is one, or a text that no person wrote.
# What pages show of values is masked already; the offline model says what it says.
HARMLESS = {"Difference.before", "Difference.after", "Line.before", "Line.after"} | {
    "Connection.has_other_proof",
    "Option.help_text",
    "_Plan.text",
    "Filters.after",
    "Turning.before",  # ids
    "Turning.after",
}

pieces = st.sampled_from([MASK, "•", "••", "*", "****", "1234", "a", " ", "sk-", SECRET[-4:]])
sent = st.one_of(
    st.sampled_from(
        [MASK, f"{MASK}1234", "********", "•" * 8, f"x{MASK}", f"sk-{MASK}1234", "", "*" * 40]
    ),
    st.lists(pieces, max_size=5).map("".join),
)
headers = st.dictionaries(st.sampled_from(["X-House", "x-house", "X-Other"]), sent, max_size=3)
many = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def made():
    Provider.objects.filter(slug="masked").delete()
    provider = Provider(slug="masked", name="M", kind="openai", base_url="https://house.test/v1")
    provider.set_secret(SECRET)
    provider.extra_headers = {"X-House": VALUE}
    provider.save()
    return provider


def check(response, given_secret, given_headers):
    """What is stored is what was there, or exactly what was sent; no mask; and the answer tells nothing."""
    assert response.status_code < 500
    assert SECRET.encode() not in response.content
    assert VALUE.encode() not in response.content
    stored = Provider.objects.get(slug="masked")
    if response.status_code not in (200, 302) or (response.context and response.status_code == 200):
        assert (stored.secret, stored.extra_headers) == (SECRET, {"X-House": VALUE})
        return
    assert stored.secret in (SECRET, given_secret.strip())
    assert MASK[0] not in stored.secret
    assert not is_mask(stored.secret)
    for name, value in stored.extra_headers.items():
        assert (
            value == VALUE
            if is_mask(given_headers.get(name, MASK))
            else value.strip()
            == given_headers[name].strip()  # around a header's value it says nothing
        )
        assert name == "X-House" or value != VALUE
        assert MASK[0] not in value
        assert not is_mask(value)


@many
@given(secret=sent, extra=headers)
def test_no_mask_that_a_program_sends_back_is_stored(cast, client, secret, extra):
    made()
    client.force_login(cast.admin)
    body = {"secret": secret, "extra_headers": extra}
    check(client.patch("/api/providers/masked/", body, "application/json"), secret, extra)


@many
@given(secret=sent, extra=headers)
def test_no_mask_that_a_form_sends_back_is_stored(cast, client, secret, extra):
    provider = made()
    client.force_login(cast.admin)
    data = {
        "name": "M",
        "slug": "masked",
        "kind": "openai",
        "base_url": provider.base_url,
        "is_active": "on",
    }
    data |= {"connect_timeout_s": 5, "read_timeout_s": 60, "total_timeout_s": 600, "region": ""}
    data |= {
        "new_secret": secret,
        "extra_headers": json.dumps(extra),
        "models-TOTAL_FORMS": 0,
        "models-INITIAL_FORMS": 0,
    }
    page = f"/admin/portal/provider/{provider.pk}/change/"
    check(client.post(page, data), secret, extra)


def test_a_new_address_takes_along_no_header_that_was_entered_for_another(cast, client):
    client.force_login(cast.admin)
    for change in (
        {"secret": "sk-another-0123456789"},
        {"secret": "sk-another-0123456789", "extra_headers": {"X-House": MASK}},
    ):
        made()
        moved = client.patch(
            "/api/providers/masked/", change | {"base_url": "https://b.test"}, "application/json"
        )
        assert moved.status_code == 422, moved.content
        assert Provider.objects.get(slug="masked").base_url == "https://house.test/v1"
    for kept in ({}, {"X-House": "entered anew"}):
        made()
        change = {
            "secret": "sk-another-0123456789",
            "extra_headers": kept,
            "base_url": "https://b.test",
        }
        assert client.patch("/api/providers/masked/", change, "application/json").status_code == 200
        assert Provider.objects.get(slug="masked").extra_headers == kept


def test_who_only_looks_is_shown_the_names_of_headers(cast, client):
    provider = made()
    client.force_login(cast.auditor)
    page = client.get(f"/admin/portal/provider/{provider.pk}/change/").content.decode()
    assert "X-House" in page
    assert VALUE not in page


def test_no_row_tells_its_secrets_when_it_is_written_down():
    ours = [model for model in apps.get_models() if model.__module__.startswith(ROOMS)]
    for model in ours:
        row = model()
        for field in encrypted_fields(model):
            row.__dict__[field.attname] = "canary-in-a-row"
        with contextlib.suppress(
            ObjectDoesNotExist, TypeError
        ):  # it names itself by what it hangs on
            assert "canary" not in f"{row!r} {row}", model


def test_no_dataclass_tells_a_secret_or_somebodys_words_when_it_is_written_down():
    found = set()
    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not re.search(r"migrations|management|wsgi|preflight", module.name):
                found |= {
                    one
                    for one in vars(importlib.import_module(module.name)).values()
                    if isinstance(one, type)
                    and dataclasses.is_dataclass(one)
                    and one.__module__.startswith(ROOMS)
                }
    assert len(found) > 50
    telling = {
        f"{one.__name__}.{field.name}"
        for one in found
        for field in dataclasses.fields(one)
        if field.repr and SPEAKS.search(field.name)
    }
    assert telling - HARMLESS == set()
