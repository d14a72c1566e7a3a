"""What cannot be read, what is refused and what breaks, while it holds a secret."""

import json
import re
import time

from accounts.believed import LIFETIME
from tests.audit.canaries.browser import PROXY, basic
from tests.audit.canaries.canary import Canaries
from tests.audit.canaries.house import House
from tests.audit.canaries.story.cast import TEAM, Cast
from tests.audit.canaries.story.work import ORIGIN
from tests.model_server import Answer

WRONG, SAID = "a password: a wrong one", "what was said where nothing is kept"
ADDRESS = "a word in the path, or for a host"


def tell(house: House, canaries: Canaries, cast: Cast) -> None:
    _malformed(house, canaries, cast)
    _no_requests(house, canaries, cast)
    _refused(canaries, cast)
    _broken(house, canaries, cast)


def _malformed(house: House, canaries: Canaries, cast: Cast) -> None:
    """Bodies that stop in the middle, in another encoding, or that are something else."""
    program = house.browser("program", "198.51.100.30")
    for shape in (
        '{{"email": "a@example.org", "password": "{0}',
        '{{"password": "{0}"}} {0}',
        '["{0}"]',
        '{{"password": {{"{0}": NaN}}}}',
        "password={0}",
        '{{"{0}": 1, "password": "{0}"}}',
    ):
        body = shape.format(canaries.new(WRONG))
        for route in (
            "/api/auth/token/",
            "/api/auth/token/refresh/",
            "/widget/v1/session",
            "/csp-report/",
        ):
            program.ask("POST", route, body=body, headers={"Origin": ORIGIN})
            program.ask(
                "POST", route, body=body.encode("utf-16"), kind="application/json; charset=utf-16"
            )
            program.ask("POST", route, body=body.encode() + b"\xff\xfe")
    report = {
        "csp-report": {
            "document-uri": f"https://portal.example.com/?token={canaries.new(WRONG)}",
            "blocked-uri": "https://x.example/?key=" + canaries.new(WRONG),
            "effective-directive": "img-src",
        }
    }
    program.ask("POST", "/csp-report/", body=json.dumps(report), kind="application/csp-report")
    program.bearer = cast.made["key"]
    for shape in (
        '{{"model": "unkept", "messages": [{{"role": "user", "content": "{0}"',
        '{{"model": "unkept", "messages": "{0}"}}',
        '{{"model": "unkept", "messages": [{{"role": "{0}", "content": "{0}"}}]}}',
        '{{"model": "{0}", "messages": []}}',
    ):
        program.ask("POST", "/v1/chat/completions", body=shape.format(canaries.new(SAID)))
    boundary = (
        f'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{canaries.new(WRONG)}'
    )
    program.ask("POST", "/account/login/", body=boundary, kind="multipart/form-data; boundary=x")
    program.ask(
        "POST",
        "/account/login/",
        form={"login": cast.member.email, "password": canaries.new(WRONG)},
    )


def _no_requests(house: House, canaries: Canaries, cast: Cast) -> None:
    """What the web server itself refuses."""
    stranger = house.browser("stranger", "198.51.100.31")
    good = "".join(f"{name}: {value}\r\n" for name, value in PROXY.items())
    header = basic(cast.owner.email, canaries.password(WRONG))["Authorization"]
    canaries.keep("a Basic header", header.split()[1])
    for request in (
        f"GET /{canaries.new(ADDRESS)} HTTP/9.9\r\n{good}\r\n",
        f"GET / HTTP/1.1\r\n{good}Authorization : {header}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{good}Authorization: {header}\r\n x\x00\r\n\r\n",
        f"GET / HTTP/1.1\r\n{good}Authorization\r\n {header}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: {canaries.new(ADDRESS)}.example.com\r\n\r\n",
        f"GET /?{'x' * 9000}={canaries.new(WRONG)} HTTP/1.1\r\n{good}\r\n",
        f"GET /%ff%fe{canaries.new(ADDRESS)}?password=%ff{canaries.new(WRONG)} HTTP/1.1\r\n{good}Connection: close\r\n\r\n",
        f"GET /{'y' * 70000}{canaries.new(ADDRESS)} HTTP/1.1\r\n{good}\r\n",
        f'POST /api/auth/token/ HTTP/1.1\r\n{good}Content-Length: 99\r\n\r\n{{"password": "{canaries.new(WRONG)}',
    ):
        try:
            stranger.raw(request.encode())
        except OSError:
            continue  # hung up on, without a word


def _refused(canaries: Canaries, cast: Cast) -> None:
    """Deeds that are not allowed, or that fail a check, with secrets in what was sent."""
    member, owner, admin = cast.member.browser, cast.owner.browser, cast.admin.browser
    secret = canaries.new("a provider's secret", "sk-{}")
    provider = {
        "slug": "mine",
        "name": "Mine",
        "kind": "openai",
        "base_url": "https://x.example",
        "secret": secret,
    }
    for browser in (member, owner, cast.auditor.browser):
        browser.ask("POST", "/api/providers/", data=provider)
        browser.ask("PATCH", "/api/providers/second/", data=provider)
        browser.get(f"/api/providers/?secret={secret}")
    member.ask(
        "PATCH", "/api/projects/kept/", data={"system_prompt": canaries.new("a system prompt")}
    )
    member.ask(
        "POST",
        "/api/projects/",
        data={
            "slug": "x y",
            "name": "",
            "team": TEAM,
            "system_prompt": canaries.new("a system prompt"),
        },
    )
    admin.ask("POST", "/api/users/", data={"password": canaries.password(WRONG)})
    admin.ask(
        "POST",
        "/admin/portal/provider/add/",
        form={"new_secret": secret, "slug": "no token of the form"},
    )
    for path in ("/admin/nowhere/", "/api/nowhere/", "/v1/nowhere", "/playground/nowhere/"):
        member.get(f"{path}?next={canaries.new(WRONG)}")
    fresh = cast.house.browser("stranger", "198.51.100.33")
    fresh.get(f"/admin/?token={canaries.new('a token in the address of a page')}")
    fresh.get(
        f"/account/login/?next=/%3Ftoken%3D{canaries.new('a token in the address of a page')}"
    )


def _broken(house: House, canaries: Canaries, cast: Cast) -> None:
    """Each of these functions breaks while a secret is among its variables and in what it says."""
    stranger = house.browser("stranger", "198.51.100.34")
    with house.broken("accounts.proving.authenticate"):
        body = {"email": cast.member.email, "password": canaries.password(WRONG)}
        assert stranger.ask("POST", "/api/auth/token/", data=body).status == 500
        header = basic(cast.member.email, canaries.password(WRONG))
        canaries.keep("a Basic header", header["Authorization"].split()[1])
        assert stranger.get("/api/users/me/", headers=header).status == 500
    with house.broken("accounts.actions.set_password"):
        page = "/account/password/change/"
        new = canaries.password("a password: one that was never set")
        cast.member.browser.submit(
            page, expect=(500,), oldpassword=cast.member.password, password1=new, password2=new
        )
    with house.broken("portal.models.Provider.set_secret"):
        change = {"secret": canaries.new("a provider's secret", "plain{}")}
        assert cast.admin.browser.ask("PATCH", "/api/providers/second/", data=change).status == 500
        page = f"/admin/portal/provider/{cast.made['provider']}/change/"
        cast.admin.browser.submit(
            page, expect=(500,), new_secret=canaries.new("a provider's secret", "plain{}")
        )
    with house.broken("portal.models.Provider.merged_headers"):
        change = {
            "extra_headers": {"X-House": canaries.new("the value of a provider's extra header")}
        }
        assert cast.admin.browser.ask("PATCH", "/api/providers/second/", data=change).status == 500
    with house.broken("accounts.authentication.keys.parse"):
        header = {"Authorization": f"Bearer {cast.made['key']}"}
        time.sleep(LIFETIME + 1)  # a credential that was found good is believed for so long
        assert stranger.get("/api/users/me/", headers=header).status == 500
        near = cast.made["key"].replace("gh_", "xx-")
        assert (
            stranger.get("/api/users/me/", headers={"Authorization": f"Bearer {near}"}).status
            == 500
        )
    with house.broken("accounts.second_factor.check"):
        cast.made["unused"] = re.sub(r"\W", "", near)
    program = house.browser("program", "198.51.100.35")
    program.bearer = cast.made["key"]
    for place in ("projects.steps.inspect", "projects.ledger.settle"):
        with house.broken(place):
            house.models.will(Answer(canaries.new(SAID)))
            body = {
                "model": "unkept",
                "messages": [{"role": "user", "content": canaries.new(SAID, "{}?")}],
            }
            assert program.ask("POST", "/v1/chat/completions", data=body).status >= 500
            house.models.will(Answer(canaries.new(SAID)))
            program.ask("POST", "/v1/chat/completions", data=body | {"stream": True})
