"""No page needs an exception from the Content-Security-Policy, the stock admin's pages included."""

import pytest
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from projects.models import Conversation, Message
from tests.console.inline import inline_parts
from tests.console.test_doors import rows, urls_of


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_policy_allows_nothing_unsafe(db):
    policy = Client().get("/account/login/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert "style-src" not in policy
    assert settings.CONTENT_SECURITY_POLICY.get("EXCLUDE_URL_PREFIXES") is None


@pytest.mark.parametrize("html", ["<p style='x'>", "<b onclick=x>", "<script>x</script>"])
def test_the_check_itself_finds_what_is_inline(html):
    assert len(inline_parts(html)) == 1


def test_no_page_of_the_console_has_anything_inline(cast):
    client = signed_in(cast.admin)
    pages = [reverse("admin:index")]
    pages += [reverse("admin:app_list", args=[label]) for label in ("projects", "teams")]
    for model, row in rows(cast).items():
        pages += [url for _verb, url in urls_of(model, row)]
    pages += [f"{reverse('admin:projects_project_add')}?_popup=1"]
    seen = 0
    for url in pages:
        response = client.get(url)
        if response.status_code == 200:
            assert inline_parts(response.content.decode()) == [], url
            assert "unsafe" not in response["Content-Security-Policy"]
            seen += 1
    assert seen > 2 * len(admin.site._registry)


def test_no_page_of_the_portal_has_anything_inline(cast):
    talk = Conversation.objects.create(project=cast.assistant, user=cast.marco, title="<b>T</b>")
    said = "<img src=x onerror=alert(1)> [x](javascript:alert(1))"
    for role in ("user", "assistant"):
        Message.objects.create(conversation=talk, role=role, content=said)
    client = signed_in(cast.marco)
    for url in (
        "/",
        "/playground/assistant/",
        f"/playground/assistant/{talk.uid}/",
        "/account/",
        "/account/keys/",
        "/account/password/change/",
        "/account/logout/",
    ):
        response = client.get(url)
        assert response.status_code == 200, url
        assert inline_parts(response.content.decode()) == [], url
    for url in ("/account/login/", "/account/password/reset/"):
        assert inline_parts(Client().get(url).content.decode()) == [], url
