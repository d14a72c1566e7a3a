"""Providers are connected, projects made, and people and visitors ask; what is asked and answered is theirs."""

import json
import re
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.audit.canaries.browser import Browser
from tests.audit.canaries.canary import Canaries
from tests.audit.canaries.house import House
from tests.audit.canaries.story.cast import TEAM, Cast, cookies
from tests.model_server import Answer, Failure

ORIGIN = "https://shop.example.com"
MASK = "••••"


def tell(house: House, canaries: Canaries, cast: Cast) -> None:
    _providers(house, canaries, cast)
    _destinations(canaries, cast)
    _projects(canaries, cast)
    _keys(canaries, cast)
    _asked(house, canaries, cast)
    _guarded(house, canaries, cast)
    _visited(house, canaries, cast)
    _agreed(canaries, cast)


def _secret(canaries: Canaries) -> str:
    return canaries.new("a provider's secret", "sk-{}")


def _headers(canaries: Canaries) -> dict[str, str]:
    return {"X-House": canaries.new("the value of a provider's extra header", "v {}")}


def _providers(house: House, canaries: Canaries, cast: Cast) -> None:
    """By the console and by the API; masks are sent back, secrets replaced, and wrong ones refused."""
    browser = cast.admin.browser
    fields = {"slug": "first", "name": "First", "kind": "openai", "base_url": house.models.base_url}
    refused = fields | {"new_secret": canaries.new("a provider's secret", "with space {}")}
    browser.submit("/admin/portal/provider/add/", expect=(200,), **refused)
    made = fields | {
        "new_secret": _secret(canaries),
        "extra_headers": json.dumps(_headers(canaries)),
    }
    browser.submit("/admin/portal/provider/add/", **made)
    listed = browser.get("/admin/portal/provider/?q=first").text
    pk = cast.made["provider"] = re.search(r"/admin/portal/provider/(\d+)/change/", listed)[1]
    page = f"/admin/portal/provider/{pk}/change/"
    browser.submit(page, new_secret=f"{MASK}{made['new_secret'][-4:]}", name="First one")
    browser.submit(page, new_secret=_secret(canaries))
    browser.submit(
        page,
        expect=(200,),
        extra_headers='{"X-House": "' + canaries.new("the value of a provider's extra header"),
    )
    browser.submit(page, expect=(200,), base_url="https://elsewhere.example.com/v1")
    tested = browser.submit(page, to="/test/", expect=(200,))
    assert "test-model" in tested.text or tested.status == 200
    body = {"slug": "second", "name": "Second", "kind": "openai", "base_url": house.models.base_url}
    body |= {"secret": _secret(canaries), "extra_headers": _headers(canaries)}
    assert browser.ask("POST", "/api/providers/", data=body).status == 201
    shown = browser.get("/api/providers/second/").json
    for change in (
        {"secret": shown["secret"], "extra_headers": shown["extra_headers"]},
        {"secret": _secret(canaries)},
        {"extra_headers": _headers(canaries) | {"X-Other": MASK}},
    ):
        changed = browser.ask("PATCH", "/api/providers/second/", data=change)
        assert changed.status == 200, changed.text
    for change, status in (
        ({"secret": canaries.new("a provider's secret", "tab\t{}")}, 422),
        ({"secret": [_secret(canaries)]}, 422),
        (
            {
                "extra_headers": {
                    "Authorization": canaries.new(
                        "the value of a provider's extra header", "Bearer {}"
                    )
                }
            },
            422,
        ),
        (
            {
                "extra_headers": {
                    "X-House": [canaries.new("the value of a provider's extra header")]
                }
            },
            422,
        ),
        ({"kind": _secret(canaries)}, 422),
        (
            {"base_url": "http://user:{}@example.com/".format(canaries.new("a provider's secret"))},
            422,
        ),
        ({"base_url": "https://elsewhere.example.com/v1"}, 422),
        ({"connect_timeout_s": canaries.new("a provider's secret")}, 422),
    ):
        refused_too = browser.ask("PATCH", "/api/providers/second/", data=change)
        assert refused_too.status == status, (change, refused_too.text)


def _destinations(canaries: Canaries, cast: Cast) -> None:
    """Where the trail is forwarded to: a webhook's signing secret, and a client's key; both replaced and refused."""
    browser, page = cast.admin.browser, "/admin/audit/destination/"
    fields = {
        "name": "Hook",
        "kind": "webhook",
        "url": "https://siem.example.com/in",
    }
    kind = "the signing secret of a webhook"
    browser.submit(
        f"{page}add/", expect=(200,), **fields, new_secret=canaries.new(kind, "short {}")
    )
    browser.submit(f"{page}add/", **fields, new_secret=canaries.new(kind, "{}0123456789abcdefX"))
    pk = re.search(rf"{page}(\d+)/change/", browser.get(page).text)[1]
    browser.submit(f"{page}{pk}/change/", new_secret=canaries.new(kind, "{}0123456789abcdefY"))
    browser.submit(f"{page}{pk}/change/", expect=(200,), url="https://elsewhere.example.com/in")
    chain, key = client_certificate()
    kept = key.split("\n")[2]
    canaries.keep("the client key of a syslog destination", kept)
    fields = {"name": "Log", "kind": "syslog", "host": "siem.example.com"}
    browser.submit(
        f"{page}add/", expect=(200,), **fields, client_certificate="", new_client_key=key
    )
    browser.submit(f"{page}add/", **fields, client_certificate=chain, new_client_key=key)


def client_certificate() -> tuple[str, str]:
    """A certificate and its key, as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portal.example.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    encoding = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return certificate.public_bytes(encoding).decode(), key.private_bytes(encoding, *plain).decode()


def _projects(canaries: Canaries, cast: Cast) -> None:
    """Three: one that keeps what is said, one that does not, one of the console's."""
    admin, owner = cast.admin.browser, cast.owner.browser
    models = admin.ask(
        "POST", "/api/models/", data={"provider": "second", "name": "test-model", "kind": "chat"}
    )
    cast.made["model"] = str(models.json["id"])
    granted = admin.ask("POST", "/api/grants/", data={"team": TEAM, "model": models.json["id"]})
    assert granted.status == 201, granted.text
    for slug, keeps in (("kept", True), ("unkept", False)):
        body = {
            "slug": slug, "name": slug.title(), "team": TEAM, "model": models.json["id"],
            "visibility": "public", "log_content": keeps,
            "system_prompt": canaries.new("a system prompt", "Say {} never."),
        }  # fmt: skip
        made = owner.ask("POST", "/api/projects/", data=body)
        assert made.status == 201, made.text
    owner.ask(
        "PATCH",
        "/api/projects/kept/",
        data={"system_prompt": canaries.new("a system prompt", "Say {} now.")},
    )
    owner.ask(
        "PATCH", "/api/projects/kept/", data={"parameters": [canaries.new("a system prompt")]}
    )
    listed = owner.get("/admin/projects/project/?q=unkept").text
    pk = cast.made["project"] = re.search(r"/admin/projects/project/(\d+)/change/", listed)[1]
    owner.submit(
        f"/admin/projects/project/{pk}/change/",
        system_prompt=canaries.new("a system prompt", 'Say "{}".'),
    )


def _keys(canaries: Canaries, cast: Cast) -> None:
    """By the page, the API and the command; rotated, used, mistyped, revoked."""
    browser = cast.member.browser
    page = browser.submit("/account/keys/", to="/create/", expect=(200,), name="first", days="30")
    key = _key_on(canaries, page.text)
    public = key.split("_")[1]
    page = browser.submit("/account/keys/", to=f"/{public}/rotate/", expect=(200,), overlap="24")
    cast.made["rotated key"], cast.made["key"] = key, _key_on(canaries, page.text)
    sent = browser.ask("POST", "/api/keys/", data={"name": "second", "scopes": ["chat"]})
    assert sent.status == 201, sent.text
    cast.made["revoked key"] = _key_on(canaries, sent.text)
    turned = browser.ask("POST", f"/api/keys/{sent.json['id']}/rotate/", data={"overlap_hours": 0})
    cast.made["revoked key"] = _key_on(canaries, turned.text)
    said = cast.house.command("create_key", "--user", cast.owner.email, "--name", "of the command")
    cast.made["owner's key"] = _key_on(canaries, said)
    browser.ask("DELETE", f"/api/keys/{sent.json['id']}/")


def _key_on(canaries: Canaries, text: str) -> str:
    key = re.search(r"gh_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", text)[0]
    canaries.keep("an API key", key, key.split("_")[2], key.split("_")[2][:43])
    return key


def _asked(house: House, canaries: Canaries, cast: Cast) -> None:
    """Through each door, streamed and not; by name, by key, in a temporary chat."""
    browser = cast.member.browser
    program = house.browser("program")
    program.bearer = cast.made["key"]
    for slug, kind in (
        ("kept", "what was said"),
        ("unkept", "what was said where nothing is kept"),
    ):
        for stream in (False, True):
            house.models.will(Answer(canaries.new(kind, "It is {}.")))
            body = {
                "model": slug,
                "messages": [{"role": "user", "content": _words(canaries, kind)}],
                "stream": stream,
            }
            answer = program.ask("POST", "/v1/chat/completions", data=body)
            assert answer.status == 200, answer.text
            house.models.will(Answer(canaries.new(kind, "It was {}.")))
            body = {"message": _words(canaries, kind), "stream": stream}
            answer = program.ask("POST", f"/api/projects/{slug}/chat/", data=body)
            assert answer.status == 200, answer.text
        house.models.will(Answer(canaries.new("what was said", "It will be {}.")))
        talk = browser.submit(
            f"/playground/{slug}/", to="/ask/", message=_words(canaries, "what was said")
        )
        uid = talk.header("Location").split("/")[3]
        title = canaries.new("the title of a conversation", "On {}")
        browser.submit(f"/playground/{slug}/{uid}/", to="/rename/", title=title)
        cast.made[f"talk in {slug}"] = uid
        house.models.will(Answer(canaries.new(kind, "Soon {}.")))
        temporary = browser.ask(
            "POST",
            f"/playground/{slug}/ask/",
            form=_with_csrf(browser, message=_words(canaries, kind), history="[]"),
        )
        assert temporary.status == 200, temporary.text
        browser.get(f"/playground/{slug}/?q={canaries.new('what was searched for')}")
    house.models.will(Failure(500), Failure(401), Answer("cut", reset_after=1))
    for stream in (False, False, True):
        body = {
            "model": "kept",
            "messages": [{"role": "user", "content": _words(canaries, "what was said")}],
            "stream": stream,
        }
        program.ask("POST", "/v1/chat/completions", data=body)


def _words(canaries: Canaries, kind: str) -> str:
    return canaries.new(kind, "What is {}?")


def _with_csrf(browser: Browser, **fields: str) -> dict[str, str]:
    return {"csrfmiddlewaretoken": browser.cookies["gatehouse_csrf"], **fields}


def _guarded(house: House, canaries: Canaries, cast: Cast) -> None:
    """What guards find, block and try out is somebody's words too."""
    owner, program = cast.owner.browser, house.browser("program")
    program.bearer = cast.made["key"]
    term = f"zebra{cast.member.pk}"
    made = owner.ask(
        "POST", "/api/guards/",
        data={"slug": "own", "name": "Own", "kind": "words", "options": {"terms": [term]}, "mode": "block", "team": TEAM},
    )  # fmt: skip
    assert made.status == 201, made.text
    listed = owner.get("/admin/guards/guard/?q=own").text
    guard = cast.made["guard"] = re.search(r"/admin/guards/guard/(\d+)/change/", listed)[1]
    for stage in ("input", "output"):
        page = "/admin/projects/projectguard/add/"
        owner.submit(page, project=cast.made["project"], guard=guard, stage=stage)
    kind = "what was said where nothing is kept"
    for words in (f"{term}: {{}}", "Hello {}"):
        house.models.will(Answer(f"{term} " + canaries.new(kind)))
        for stream in (False, True):
            body = {
                "model": "unkept",
                "messages": [{"role": "user", "content": canaries.new(kind, words)}],
                "stream": stream,
            }
            program.ask("POST", "/v1/chat/completions", data=body)
    tried = canaries.new("what a guard was tried with", f"{term} {{}}")
    owner.submit(f"/admin/guards/guard/{guard}/try/", expect=(200,), text=tried, stage="input")
    owner.ask("POST", "/api/guards/own/check/", data={"text": tried, "stage": "input"})


def _visited(house: House, canaries: Canaries, cast: Cast) -> None:
    owner, visitor = cast.owner.browser, house.browser("visitor", "198.51.100.40")
    project = owner.get("/admin/projects/project/?q=kept").text
    pk = re.search(r"/admin/projects/project/(\d+)/change/", project)[1]
    owner.submit(
        "/admin/widget/widget/add/", name="Shop", project=pk, allowed_domains='["shop.example.com"]'
    )
    public = re.search(
        r"gw_\w+|[0-9A-Za-z]{16,}", owner.follow(owner.get("/admin/widget/widget/")).text
    )
    listed = owner.get("/admin/widget/widget/?q=Shop").text
    row = re.search(r"/admin/widget/widget/(\d+)/change/", listed)[1]
    found = re.search(
        r"data-key=&quot;([^&]+)&quot;|data-key=\"([^\"]+)\"",
        owner.get(f"/admin/widget/widget/{row}/change/").text,
    )
    assert found, public
    headers = {"Origin": ORIGIN}
    begun = visitor.ask(
        "POST", "/widget/v1/session", data={"key": found[1] or found[2]}, headers=headers
    )
    assert begun.status == 200, begun.text
    token = canaries.keep("a visitor's token", begun.json["token"])
    canaries.keep("a visitor's token", token, token.rpartition(":")[2])
    headers["Authorization"] = f"Bearer {token}"
    house.models.will(Answer(canaries.new("what a visitor and the model said", "Yes {}.")))
    words = canaries.new("what a visitor and the model said", "May I {}?")
    assert (
        visitor.ask("POST", "/widget/v1/chat", data={"message": words}, headers=headers).status
        == 200
    )
    visitor.ask(
        "POST",
        "/widget/v1/chat",
        data={"message": words},
        headers=headers | {"Origin": "https://other.example"},
    )
    visitor.ask(
        "POST",
        "/widget/v1/chat",
        data={"message": words},
        headers=headers | {"Authorization": f"Bearer {token[:-3]}abc"},
    )
    visitor.ask("POST", "/widget/v1/session", data={"key": token}, headers=headers)


def _agreed(canaries: Canaries, cast: Cast) -> None:
    """The two-person rule keeps what was proposed, prompts included, until somebody decides."""
    admin, owner, second = cast.admin.browser, cast.owner.browser, cast.second.browser
    assert admin.ask("PATCH", "/api/settings/two_person_rule/", data={"value": True}).status == 200
    for decision in ("approve", "reject"):
        reason = canaries.new("the reason of a pending change", "Wanted by {}")
        change = {
            "log_content": False,
            "system_prompt": canaries.new(
                "a system prompt that waits for a second person", "Say {}."
            ),
        }
        waits = owner.ask(
            "PATCH", "/api/projects/kept/", data=change, headers={"X-Change-Reason": reason}
        )
        assert waits.status == 202, waits.text
        uid = waits.json["pending_change"]
        second.get(f"/api/pending-changes/{uid}/")
        note = canaries.new("the note of a decision", "Agreed with {}")
        decided = second.ask("POST", f"/api/pending-changes/{uid}/{decision}/", data={"note": note})
        assert decided.status == 200, decided.text
        owner.ask("PATCH", "/api/projects/kept/", data={"log_content": True})
    asked = owner.submit(
        f"/admin/projects/project/{cast.made['project']}/change/", expect=(200, 302), log_content=None,
        system_prompt=canaries.new("a system prompt that waits for a second person", "Tell {}."),
    )  # fmt: skip
    cast.made["asked for a reason"] = str(asked.status)
    _switch_the_rule_off(admin, second)
    cookies(canaries, second)


def _switch_the_rule_off(admin: Browser, second: Browser) -> None:
    waits = admin.ask(
        "PATCH",
        "/api/settings/two_person_rule/",
        data={"value": False},
        headers={"X-Change-Reason": "Enough of this"},
    )
    assert waits.status == 202, waits.text
    done = second.ask(
        "POST", f"/api/pending-changes/{waits.json['pending_change']}/approve/", data={}
    )
    assert done.status == 200, done.text
