"""No page of the console asks the database more because there is more to show: 4 rows of everything, or 40."""

import copy
from itertools import count

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import second_factor
from portal import address_lists, keyring, platform_settings
from teams import scopes
from tests.console.test_doors import rows

FEW, MANY = 4, 40
_numbers = count(1)


def twin(row):
    """Another row like this one, different where it must be: in unique texts, else in what it points at."""
    new = copy.copy(row)
    new._state = copy.copy(row._state)
    new._state.adding = True
    number = next(_numbers)
    for field in row._meta.concrete_fields:
        if field.primary_key and not field.is_relation:
            setattr(new, field.attname, new_key(row, field, number))
        elif field.unique:
            vary(new, field, number)
    for constraint in row._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.fields:
            fields = [row._meta.get_field(name) for name in constraint.fields]
            texts = [field for field in fields if is_free_text(field)]
            vary(new, (texts or [f for f in fields if f.is_relation])[-1], number)
    if row._meta.label == "portal.AddressRule":
        new.network = f"203.0.{number // 256}.{number % 256}"
    models.Model.save(new, force_insert=True)
    return new


def new_key(row, field, number):
    if isinstance(row.pk, str):
        return f"{row.pk}-{number}"
    return None if isinstance(field, models.AutoField) else row.pk + number


def is_free_text(field):
    return isinstance(field, models.CharField) and not field.choices


def vary(row, field, number):
    if field.is_relation:
        setattr(row, field.name, twin(getattr(row, field.name)))
    elif is_free_text(field):
        text = f"{number}-{getattr(row, field.attname)}"
        setattr(row, field.attname, text[: field.max_length])


def queries(client, url):
    cache.clear()
    keyring.forget()
    address_lists.rules.forget()
    scopes._known.clear("tests")
    second_factor._known.clear("tests")
    # As if committed: settings that the running transaction wrote would be read anew each time.
    own = (address_lists.rules._written, platform_settings.stored._written)
    connection.run_on_commit = [held for held in connection.run_on_commit if held[1] not in own]
    platform_settings.stored()
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in captured]


@pytest.fixture
def everything(cast):
    found = {model: row for model, row in rows(cast).items() if row is not None}
    assert set(found) == set(admin.site._registry)
    return found


def fill(found, upto):
    for row in found.values():
        if row._meta.label == "audit.Entry":
            continue  # grows by itself with all the others
        for _more in range(upto - type(row)._default_manager.count()):
            twin(row)


@pytest.mark.parametrize("person", ["admin", "olivia"])
def test_every_page_costs_the_same_however_much_there_is(cast, everything, person):
    client = Client()
    client.force_login(getattr(cast, person))
    pages = [reverse("admin:index")]
    for model, row in everything.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages += [reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])]
    pages = [page for page in pages if client.get(page).status_code == 200]
    assert len(pages) > (25 if person == "admin" else 15)
    fill(everything, FEW)
    few = {page: queries(client, page) for page in pages}
    fill(everything, MANY)
    for page in pages:
        many = queries(client, page)
        if len(many) > len(
            few[page]
        ):  # perhaps what is written once a minute only, as that somebody was here
            many = queries(client, page)
        assert len(many) <= len(few[page]), (page, len(few[page]), len(many), many[-5:])
