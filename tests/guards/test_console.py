"""The console's form of a guard: a field for each option of its kind, errors where they belong."""

import pytest
from django.urls import reverse

from guards.forms import OPTION_FIELDS, LinesField, field_name
from guards.kinds import KINDS
from guards.kinds.base import defaults_of
from guards.models import Guard

pytestmark = pytest.mark.django_db

ADD = "admin:guards_guard_add"
WRITTEN = {
    "name": "Ours",
    "slug": "ours",
    "is_active": "on",
    "mode": "block",
    "message": "No.",
    "on_error": "block",
    "timeout_ms": "1000",
    "priority": "100",
}


def _form(kind: str, **options: object) -> dict[str, object]:
    """What a browser sends for a new guard: every kind's fields, as they stand on the page."""
    sent: dict[str, object] = {**WRITTEN, "kind": kind}
    for known in KINDS.values():
        for name, value in defaults_of(known.options).items():
            field = field_name(known.name, name)
            if not isinstance(OPTION_FIELDS[field], LinesField) and value is not False:
                sent[field] = value
    return {**sent, **{field_name(kind, name): value for name, value in options.items()}}


def _add(client, cast, kind, **options):
    client.force_login(cast.admin)
    return client.post(reverse(ADD), _form(kind, **options))


def _change(guard: Guard) -> str:
    return reverse("admin:guards_guard_change", args=[guard.pk])


@pytest.mark.parametrize("kind", KINDS)
def test_a_guard_added_as_the_form_stands_has_its_kinds_defaults(client, cast, kind):
    assert _add(client, cast, kind).status_code == 302
    guard = Guard.objects.get(slug="ours")
    assert (guard.kind, guard.options, guard.version) == (kind, {}, 1)


@pytest.mark.parametrize(
    ("kind", "written", "stored"),
    [
        ("limits", {"max_urls": "0"}, {"max_urls": 0}),
        ("secrets", {"hosts": "on"}, {"hosts": True}),
        ("personal_data", {"categories": ["iban", "cpf"]}, {"categories": ["iban", "cpf"]}),
        (
            "words",
            {"terms": "project atlas\r\n\r\nnimbus", "patterns": r"(?i)prj-\d+"},
            {"terms": ["project atlas", "nimbus"], "patterns": [r"(?i)prj-\d+"]},
        ),
    ],
)
def test_what_is_written_is_stored(client, cast, kind, written, stored):
    assert _add(client, cast, kind, **written).status_code == 302
    assert Guard.objects.get(slug="ours").options == stored


@pytest.mark.parametrize(
    ("kind", "written", "words"),
    [
        ("limits", {"max_urls": "-1"}, "greater than or equal to 0"),
        ("limits", {"max_urls": "many"}, "Enter a whole number"),
        ("personal_data", {"categories": []}, "categories is a list of some of"),
        ("personal_data", {"categories": ["shoe_size"]}, "not one of the available choices"),
        ("words", {"patterns": "fine\n("}, "Entry 2: no linear-time expression (missing ): ()."),
        ("words", {"patterns": "a(?=b)"}, "invalid perl operator: (?="),
        ("words", {"patterns": r"(a)\1"}, r"invalid escape sequence: \1"),
        ("words", {"terms": "x" * 501}, "Entry 1 is not a text of 1 to 500 characters."),
    ],
)
def test_what_a_kind_does_not_take_is_said_at_its_field(client, cast, kind, written, words):
    answer = _add(client, cast, kind, **written)
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field_name(kind, next(iter(written)))]
    assert words in next(iter(errors.values()))[0]
    assert not Guard.objects.filter(slug="ours").exists()


def test_errors_of_other_kinds_fields_do_not_concern_the_chosen_one(client, cast):
    client.force_login(cast.admin)
    sent = _form("secrets") | {"words__patterns": "(", "limits__max_urls": "many"}
    assert client.post(reverse(ADD), sent).status_code == 302


def test_a_known_guard_shows_the_options_of_its_kind_as_they_are_stored(client, cast):
    _add(client, cast, "words", terms="nimbus")
    guard = Guard.objects.get(slug="ours")
    form = client.get(_change(guard)).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields if "__" in name}
    assert shown == {"words__terms": "nimbus", "words__patterns": ""}

    client.post(_change(guard), WRITTEN | {"words__terms": "nimbus"})
    guard.refresh_from_db()
    assert guard.version == 1
    client.post(_change(guard), WRITTEN | {"words__terms": "nimbus\ncumulus"})
    guard.refresh_from_db()
    assert (guard.options, guard.version) == ({"terms": ["nimbus", "cumulus"]}, 2)


def test_team_admins_read_the_platforms_guards_and_write_their_own(client, cast):
    platform = cast.guards["words"]
    Guard.objects.filter(pk=platform.pk).update(options={"terms": ["nimbus"]})
    client.force_login(cast.olivia)
    page = client.get(_change(platform)).content.decode()
    assert "Terms: nimbus" in page
    assert "words__terms" not in page
    assert client.post(_change(platform), WRITTEN).status_code == 403

    assert client.post(reverse(ADD), _form("words")).status_code == 403  # of the platform
    ours = _form("words", terms="atlas") | {"team": cast.research.pk}
    assert client.post(reverse(ADD), ours).status_code == 302
    theirs = ours | {"slug": "theirs", "team": cast.support.pk}
    assert client.post(reverse(ADD), theirs).status_code == 200
    assert not Guard.objects.filter(slug="theirs").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_has_a_field_and_every_default_is_taken(kind):
    known = KINDS[kind]
    known.compile(defaults_of(known.options))
    for option in known.options:
        assert option.label
        assert option.shape in ("number", "switch", "choices", "lines")
        if option.shape == "choices":
            assert list(option.values) == option.default
