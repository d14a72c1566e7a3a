"""A key's life on the account page, in a browser: made, copied, rotated, revoked; with scripts and without."""

import pytest
from django.test import Client
from playwright.sync_api import expect

from accounts.models import Key

pytestmark = pytest.mark.django_db(transaction=True)


def opens(plaintext):
    headers = {"authorization": f"Bearer {plaintext}"}
    return Client().get("/api/users/me/", headers=headers).status_code == 200


def make(page, name):
    page.goto("/account/keys/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("chat –").check()
    page.get_by_label("Drafts", exact=True).check()
    page.get_by_role("button", name="Create key").click()
    return page.get_by_label("Key", exact=True).input_value()


def test_a_key_is_made_copied_rotated_and_revoked(cast, sign_in):
    page = sign_in("marco", permissions=["clipboard-read", "clipboard-write"])
    first = make(page, "laptop")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="✓")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == first
    assert opens(first)
    key = Key.objects.get()
    assert (key.scopes, key.confinements.get().project) == (["chat"], cast.drafts)
    page.goto("/account/keys/")
    expect(page.get_by_text(first)).to_have_count(0)
    expect(page.get_by_role("heading", name="laptop")).to_be_visible()
    page.get_by_label("Rotate laptop").click()
    page.get_by_label("The secret of now still opens").select_option("72")
    page.get_by_role("button", name="Make a new secret").click()
    second = page.get_by_label("Key", exact=True).input_value()
    assert second != first
    assert opens(first)
    assert opens(second)
    expect(page.get_by_text("two secrets")).to_be_visible()
    page.goto("/account/keys/")
    expect(page.get_by_text(second)).to_have_count(0)
    page.get_by_label("Revoke laptop").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_text("The key is revoked.")).to_be_visible()
    expect(page.locator(".chip", has_text="revoked")).to_be_visible()
    assert not opens(first)
    assert not opens(second)


def test_without_scripts_and_on_a_phone(cast, sign_in):
    phone = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False}
    page = sign_in("marco", **phone)
    first = make(page, "phone")
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    page.goto("/account/keys/")
    page.get_by_label("Rotate phone").click()
    page.get_by_role("button", name="Make a new secret").click()
    assert opens(page.get_by_label("Key", exact=True).input_value())
    page.get_by_label("Revoke phone").click()
    page.get_by_role("button", name="Revoke key").click()
    assert not opens(first)


def test_who_signed_in_a_while_ago_confirms_first(cast, sign_in, settings):
    page = sign_in("marco")
    settings.FRESH_S = 0
    page.goto("/account/keys/")
    expect(page.get_by_role("button", name="Create key")).to_have_count(0)
    page.get_by_role("link", name="Confirm who you are").click()
    settings.FRESH_S = 900
    page.get_by_label("Password").fill("correct-horse-battery-9")
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_role("button", name="Create key")).to_be_visible()
