"""Providers and models as configuration: in the rows themselves, in the console, at the API."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts.models import User
from portal.actions import ensure_offline_model
from portal.models import Model, Provider
from portal.providers.registry import provider_for
from teams.models import Grant, Membership, Team

pytestmark = pytest.mark.django_db
SECRET = "sk-live-abcdefgh1234"
MASK = "••••1234"


@pytest.fixture
def provider() -> Provider:
    made = Provider(slug="house", name="House", kind="openai", base_url="https://api.house.test/v1")
    made.set_secret(SECRET)
    made.save()
    return made


@pytest.fixture
def admin(client):
    user = User.objects.create(email="admin@example.com", is_superuser=True)
    client.force_login(user)
    return client


@pytest.fixture
def auditor(client):
    user = User.objects.create(email="auditor@example.com", is_auditor=True)
    client.force_login(user)
    return client


def stored(provider) -> Provider:
    return Provider.objects.get(pk=provider.pk)


# The row


def test_the_secret_is_encrypted_at_rest_and_masked_without_being_read(provider):
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM portal_provider")
        assert SECRET not in str(cursor.fetchone()[0])
    assert stored(provider).secret == SECRET
    listed = Provider.objects.without_secrets().get()
    assert listed.masked_secret == MASK
    assert "secret" in listed.get_deferred_fields()


@pytest.mark.parametrize("value", ["", "   ", MASK])
def test_an_empty_secret_or_the_mask_changes_nothing(provider, value):
    provider.set_secret(value)
    provider.save()
    assert stored(provider).secret == SECRET


def test_of_a_short_secret_not_even_the_end_is_shown(provider):
    provider.set_secret("short")
    provider.save()
    assert stored(provider).masked_secret == "••••••••"


def test_a_new_base_url_demands_the_secret_anew(provider):
    found = stored(provider)
    found.base_url = "https://thief.test/v1"
    with pytest.raises(ValidationError):
        found.full_clean()
    with pytest.raises(ValueError, match="secret anew"):
        found.save()
    with pytest.raises(ValueError, match="secret anew"):
        Provider.objects.filter(pk=provider.pk).update(base_url="https://thief.test/v1")
    found.set_secret(SECRET)
    found.full_clean()
    found.save()
    assert stored(provider).base_url == "https://thief.test/v1"


def test_the_demand_survives_deferred_columns_refreshes_and_a_second_move(provider):
    found = Provider.objects.only("name").get()
    found.base_url = "https://thief.test/v1"
    with pytest.raises(ValueError, match="secret anew"):
        found.save()
    provider.base_url = "https://new.test/v1"
    provider.set_secret(SECRET)
    provider.save()
    provider.base_url = "https://thief.test/v1"
    with pytest.raises(ValueError, match="secret anew"):
        provider.save()
    provider.refresh_from_db()
    provider.save()


def test_without_a_secret_the_base_url_is_free(provider):
    provider.forget_secret()
    provider.base_url = "http://other.test/v1"
    provider.save()
    assert stored(provider).secret == ""


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "file:///etc/passwd",
        "https://user:password@host/v1",
        "https://user@host/v1",
        "https:///v1",
        "https://host/v1?x=1",
        "https://host/v1#x",
        "https://ho st/v1",
        "https://host/\r\nX: y",
        "https://host\\@other/v1",
        "https://host:99999/v1",
        "javascript:alert(1)",
    ],
)
def test_a_base_url_is_a_plain_http_address(url):
    with pytest.raises(ValidationError) as caught:
        Provider(slug="a", name="A", kind="openai", base_url=url).full_clean()
    assert "base_url" in caught.value.message_dict


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "x"},
        {"Host": "x"},
        {"TE": "x"},
        {"Keep-Alive": "x"},
        {"X-A": "a\r\nB: c"},
        {"X A": "a"},
        {"X-A": 5},
        ["X-A"],
    ],
)
def test_extra_headers_carry_neither_credentials_nor_control_characters(headers):
    row = Provider(
        slug="a", name="A", kind="openai", base_url="https://a.test", extra_headers=headers
    )
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    assert "extra_headers" in caught.value.message_dict


def test_a_provider_that_is_not_offline_has_an_address():
    with pytest.raises(IntegrityError), transaction.atomic():
        Provider.objects.create(slug="a", name="A", kind="openai")


def test_the_client_of_a_provider_is_kept_until_the_row_changes(provider):
    client = provider_for(provider)
    assert provider_for(stored(provider)) is client
    provider.read_timeout_s = 7
    assert provider_for(provider) is not client


def test_what_is_needed_for_a_call_comes_in_one_query(provider, django_assert_num_queries):
    Model.objects.create(provider=provider, name="m")
    with django_assert_num_queries(1):
        model = Model.objects.usable().get()
        provider_for(model.provider)


# Prices


def test_a_price_has_six_places_and_unknown_is_not_free(provider):
    model = Model(provider=provider, name="m", input_price_per_million=Decimal("0.15"))
    assert model.price(1000, 0) == Decimal("0.000150")
    assert model.price(1000, 1) is None
    model.output_price_per_million = Decimal("0.6")
    assert model.price(1234, 567) == Decimal("0.000525")
    assert str(model.price(0, 0)) == "0.000000"
    assert Model(provider=provider, name="n").price(1, 0) is None


def test_the_offline_provider_is_free_and_there_once():
    model = ensure_offline_model()
    assert ensure_offline_model() == model
    model.input_price_per_million = None
    assert model.price(10**6, 10**6) == 0
    assert (model.name, Provider.objects.count(), Model.objects.count()) == ("offline", 1, 1)


def test_a_negative_price_is_refused_by_the_database(provider):
    with pytest.raises(IntegrityError), transaction.atomic():
        Model.objects.create(provider=provider, name="m", input_price_per_million=Decimal(-1))


# The console


def form_of(provider, **changes) -> dict[str, str]:
    values = {
        "name": provider.name,
        "slug": provider.slug,
        "kind": provider.kind,
        "is_active": "on",
        "base_url": provider.base_url,
        "new_secret": "",
        "extra_headers": "{}",
        "connect_timeout_s": "5",
        "read_timeout_s": "60",
        "total_timeout_s": "600",
        "models-TOTAL_FORMS": "0",
        "models-INITIAL_FORMS": "0",
    }
    return values | changes


def page_of(provider) -> str:
    return reverse("admin:portal_provider_change", args=[provider.pk])


def test_no_page_shows_the_secret(admin, provider):
    for page in (page_of(provider), reverse("admin:portal_provider_changelist")):
        text = admin.get(page).content.decode()
        assert MASK in text
        assert SECRET not in text


def test_saving_the_form_untouched_or_with_the_mask_keeps_the_secret(admin, provider):
    for value in ("", MASK):
        answer = admin.post(page_of(provider), form_of(provider, new_secret=value, name="Renamed"))
        assert answer.status_code == 302
    assert (stored(provider).secret, stored(provider).name) == (SECRET, "Renamed")


def test_the_form_demands_the_secret_for_a_new_address(admin, provider):
    moved = form_of(provider, base_url="https://thief.test/v1")
    answer = admin.post(page_of(provider), moved)
    assert "base_url" in answer.context["adminform"].form.errors
    assert stored(provider).base_url == "https://api.house.test/v1"
    assert admin.post(page_of(provider), moved | {"new_secret": MASK}).status_code == 200
    assert (
        admin.post(page_of(provider), moved | {"new_secret": "sk-other-12345678"}).status_code
        == 302
    )
    assert (stored(provider).base_url, stored(provider).secret) == (
        "https://thief.test/v1",
        "sk-other-12345678",
    )


def test_the_form_forgets_a_secret_only_when_told(admin, provider):
    both = form_of(provider, new_secret="sk-other-12345678", forget_secret="on")
    assert admin.post(page_of(provider), both).status_code == 200
    assert admin.post(page_of(provider), form_of(provider, forget_secret="on")).status_code == 302
    assert stored(provider).secret == ""


def test_a_provider_is_added_with_its_models(admin):
    page = reverse("admin:portal_provider_add")
    assert admin.get(page).status_code == 200
    new = Provider(slug="new", name="New", kind="openai", base_url="https://new.test/v1")
    models = {
        "models-TOTAL_FORMS": "1",
        "models-0-name": "gpt",
        "models-0-kind": "chat",
        "models-0-is_active": "on",
    }
    answer = admin.post(page, form_of(new, new_secret=SECRET, **models))
    assert answer.status_code == 302
    assert Provider.objects.get(slug="new").secret == SECRET
    assert Model.objects.get().provider.slug == "new"


def test_the_lists_neither_fetch_secrets_nor_grow_in_queries(
    admin, provider, django_assert_max_num_queries
):
    def add(count: int) -> None:
        for number in range(count):
            made = Provider(slug=f"p{number}", name="P", kind="openai", base_url="https://p.test")
            made.save()
            Model.objects.create(provider=made, name="m")

    add(20)
    for name in ("provider", "model", "bucket"):
        page = reverse(f"admin:portal_{name}_changelist")
        with django_assert_max_num_queries(12) as captured:
            assert admin.get(page).status_code == 200
        assert not any('"secret"' in query["sql"] for query in captured.captured_queries)
    page = reverse("admin:portal_model_changelist")
    assert "20 models" in admin.get(page).content.decode()
    assert "1 model" in admin.get(page, {"provider": "p7"}).content.decode()


def test_a_models_page_needs_no_secret(admin, provider, django_assert_max_num_queries):
    model = Model.objects.create(provider=provider, name="m")
    with django_assert_max_num_queries(12) as captured:
        page = admin.get(reverse("admin:portal_model_change", args=[model.pk]))
    assert page.status_code == 200
    assert not any('"secret"' in query["sql"] for query in captured.captured_queries)


def test_models_are_switched_off_together(admin, provider):
    rows = [Model.objects.create(provider=provider, name=name) for name in "ab"]
    page = reverse("admin:portal_model_changelist")
    chosen = {"action": "switch_off", "_selected_action": [row.pk for row in rows]}
    assert admin.post(page, chosen).status_code == 302
    assert not Model.objects.filter(is_active=True).exists()


def test_an_auditor_looks_and_changes_nothing(auditor, provider):
    answer = auditor.get(page_of(provider))
    assert answer.status_code == 200
    assert MASK in answer.content.decode()
    assert "new_secret" not in answer.content.decode()
    assert auditor.post(page_of(provider), form_of(provider, name="Mine")).status_code == 403
    assert auditor.get(reverse("admin:portal_provider_add")).status_code == 403


# The API


def test_the_api_takes_a_secret_and_gives_its_mask(admin):
    new = {
        "slug": "new",
        "name": "New",
        "kind": "openai",
        "base_url": "https://new.test/v1",
        "secret": SECRET,
    }
    answer = admin.post("/api/providers/", new, content_type="application/json")
    assert answer.status_code == 201
    assert answer.json()["secret"] == MASK
    assert Provider.objects.get().secret == SECRET
    listed = admin.get("/api/providers/")
    assert listed.json()["results"][0]["secret"] == MASK
    assert SECRET not in listed.content.decode()


def test_a_patch_merges_and_the_mask_changes_nothing(admin, provider):
    answer = admin.patch(
        "/api/providers/house/", {"secret": MASK, "name": "Hall"}, content_type="application/json"
    )
    assert answer.status_code == 200
    found = stored(provider)
    assert (found.name, found.secret, found.base_url) == ("Hall", SECRET, provider.base_url)


@pytest.mark.parametrize("secret", [{}, {"secret": ""}, {"secret": MASK}])
def test_the_api_demands_the_secret_for_a_new_address(admin, provider, secret):
    change = {"base_url": "https://thief.test/v1"} | secret
    answer = admin.patch("/api/providers/house/", change, content_type="application/json")
    assert answer.status_code == 422
    assert "base_url" in answer.json()["error"]["fields"]
    assert stored(provider).base_url == "https://api.house.test/v1"


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "ftp://a.test"},
        {"secret": "two words"},
        {"extra_headers": {"Host": "x"}},
        {"read_timeout_s": -1},
        {"kind": "magic"},
        {"slug": "not a slug"},
    ],
)
def test_bad_values_are_named_and_not_echoed(admin, provider, change):
    change.setdefault("secret", SECRET)
    answer = admin.patch("/api/providers/house/", change, content_type="application/json")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "validation_failed"
    assert "two words" not in answer.content.decode()


def test_models_are_listed_with_prices_as_strings_and_filtered(
    admin, provider, django_assert_max_num_queries
):
    for name, kind in (("a", "chat"), ("b", "embedding")):
        Model.objects.create(
            provider=provider, name=name, kind=kind, input_price_per_million=Decimal("0.1")
        )
    with django_assert_max_num_queries(5) as captured:
        found = admin.get("/api/models/?kind=chat&provider=house").json()["results"]
    assert [row["name"] for row in found] == ["a"]
    assert found[0]["input_price_per_million"] == "0.100000"
    assert found[0]["output_price_per_million"] is None
    assert found[0]["provider"] == "house"
    assert not any('"secret"' in query["sql"] for query in captured.captured_queries)


def test_a_provider_with_models_is_not_deleted(admin, provider):
    Model.objects.create(provider=provider, name="m")
    assert admin.delete("/api/providers/house/").status_code == 409


def test_an_auditor_reads_the_api_and_writes_nothing(auditor, provider):
    assert auditor.get("/api/providers/house/").json()["secret"] == MASK
    change = {"name": "Mine"}
    answer = auditor.patch("/api/providers/house/", change, content_type="application/json")
    assert answer.status_code == 403


def test_a_person_without_a_role_finds_nothing(client, provider):
    user = User.objects.create(email="marco@example.com")
    client.force_login(user)
    assert client.get("/api/providers/house/").status_code == 404
    assert client.get("/api/providers/").json()["results"] == []
    Model.objects.create(provider=provider, name="m")
    assert client.get("/api/models/").json()["results"] == []


def test_people_of_a_team_see_the_models_it_is_granted_and_no_provider(client, provider):
    user = User.objects.create(email="olivia@example.com")
    team = Team.objects.create(slug="research", name="Research")
    Membership.objects.create(team=team, user=user, role="owner")
    granted, _other = (Model.objects.create(provider=provider, name=name) for name in "ab")
    Grant.objects.create(team=team, model=granted)
    client.force_login(user)
    assert [row["name"] for row in client.get("/api/models/").json()["results"]] == ["a"]
    assert client.get("/api/providers/").json()["results"] == []
    assert client.get(page_of(provider)).status_code in {403, 404}
    change = {"is_active": False}
    answer = client.patch(f"/api/models/{granted.pk}/", change, content_type="application/json")
    assert answer.status_code == 403
