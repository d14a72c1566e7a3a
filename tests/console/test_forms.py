"""Every form of the console explains each of its fields."""

import pytest
from django.contrib import admin
from django.test import RequestFactory

from tests.console.test_doors import rows


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model._meta.label)
def test_every_field_that_can_be_changed_says_what_it_is(cast, model):
    console = admin.site._registry[model]
    request = RequestFactory().get("/")
    request.user = cast.admin
    row = rows(cast)[model]
    forms = []
    if console.has_add_permission(request):
        forms.append(console.get_form(request, None))
    if console.has_change_permission(request, row):
        forms.append(console.get_form(request, row, change=True))
        forms += [
            formset.form for formset, _inline in console.get_formsets_with_inlines(request, row)
        ]
    silent = {
        name
        for form in forms
        for name, field in form.base_fields.items()
        if not (field.help_text or field.widget.is_hidden or name == "id")
    }
    assert silent == set()
