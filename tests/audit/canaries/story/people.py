"""People are invited, sign in, mistype, get a second factor, change and forget their passwords."""

import html
import re
import time

from tests.accounts.codes import code_of
from tests.audit.canaries.browser import Browser
from tests.audit.canaries.canary import Canaries
from tests.audit.canaries.house import House
from tests.audit.canaries.story.cast import TEAM, Cast, Person, cookies, csrf_of

LINK = "/account/password/reset/key/"


def tell(house: House, canaries: Canaries, cast: Cast) -> None:
    cast.keep_environment()
    said = house.command("load_demo")
    for password in re.findall(r"@\S+ +(\S+)\n", said):
        canaries.keep("a password of the demo organisation", password)
    _first_admin(house, canaries, cast)
    for who, rights in (
        ("owner", {}),
        ("member", {}),
        ("auditor", {"is_auditor": "on"}),
        ("second", {"is_superuser": "on"}),
    ):
        _invited(house, canaries, cast, cast.add(who), rights)
    for who, role in (("owner", "owner"), ("member", "member")):
        _into_the_team(cast, cast.people[who], role)
    _mistyped(house, canaries, cast)
    _second_factor(canaries, cast)
    _forgotten(house, canaries, cast)
    _impersonated(canaries, cast)


def _first_admin(house: House, canaries: Canaries, cast: Cast) -> None:
    admin = cast.add("admin")
    house.command("create_admin", "--email", admin.email)
    admin.password = house.env["PORTAL_ADMIN_PASSWORD"]
    admin.browser.sign_in(admin.email, admin.password)
    name = canaries.new("a person's name", "Ada {}")
    admin.browser.submit("/account/", name=name)
    cookies(canaries, admin.browser)


def _invited(
    house: House, canaries: Canaries, cast: Cast, person: Person, rights: dict[str, str]
) -> None:
    """Made in the console; the mailed link opens the account."""
    name = canaries.new("a person's name", f"{person.who.title()} {{}}")
    made = cast.admin.browser.submit(
        "/admin/accounts/user/add/", email=person.email, name=name, **rights
    )
    house.task("accounts.mail_notices")
    link = house.mailbox.link_for(person.email, LINK)
    canaries.keep("a link to a new password", link, link.rstrip("/").rpartition("-")[2])
    person.password = canaries.password("a password: the first")
    browser = person.browser
    page = browser.follow(browser.get(link.removeprefix("https://portal.example.com")))
    csrf_of(canaries, page.text)
    browser.send_form(page, password1=person.password, password2=person.password)
    browser.sign_in(person.email, person.password)
    cookies(canaries, browser)
    listed = cast.admin.browser.get(f"/admin/accounts/user/?q={person.email}").text
    person.pk = re.search(r"/admin/accounts/user/(\d+)/change/", listed)[1]
    assert made.status == 302


def _into_the_team(cast: Cast, person: Person, role: str) -> None:
    browser = cast.admin.browser
    sent = browser.ask(
        "POST", "/api/memberships/", data={"team": TEAM, "user": person.email, "role": role}
    )
    assert sent.status == 201, sent.text


def _mistyped(house: House, canaries: Canaries, cast: Cast) -> None:
    """Wrong passwords, and right ones in the wrong field, at every door that takes one."""
    member = cast.member
    stranger = house.browser("stranger", "198.51.100.7")
    wrong = canaries.password("a password: a wrong one")
    stranger.sign_in(member.email, wrong, expect=(200,))
    pasted = canaries.new("a password pasted into the e-mail field", "{}!9")
    for given in (pasted, f"{pasted}@x"):
        answer = stranger.submit("/account/login/", expect=(200,), login=given, password=wrong)
        csrf_of(canaries, answer.text)
        stranger.submit("/account/password/reset/", expect=(200, 302), email=given)
        for route in ("/api/auth/token/",):
            sent = stranger.ask("POST", route, data={"email": given, "password": wrong})
            assert sent.status == 401, sent.text
    unknown = canaries.new("an e-mail address that nobody has", "nobody-{}@example.org")
    stranger.sign_in(unknown, wrong, expect=(200,))
    canaries.keep("an e-mail address that nobody has", unknown.lower())
    cookies(canaries, stranger)


def _second_factor(canaries: Canaries, cast: Cast) -> None:
    """Set up, confirmed, used; a code mistyped; a recovery code used twice; new codes made."""
    member, browser = cast.member, cast.member.browser
    browser.submit("/account/second-factor/", to="/begin/")
    page = browser.get("/account/second-factor/set-up/")
    shown = re.search(r'id="factor-secret">([A-Z2-7 ]+)<', page.text)[1]
    secret = shown.replace(" ", "")
    canaries.keep("a TOTP secret", secret, secret, shown)
    wrong = canaries.new("a code that is none", "{}")
    browser.send_form(page, expect=(200, 422), code=wrong[:16])
    page = browser.send_form(page, expect=(200,), code=code_of(secret, time.time()))
    codes = re.findall(r"\b(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}\b", page.text)
    assert len(codes) == 10, page.text
    for code in codes:
        canaries.keep("a recovery code", code, code, code.replace("-", ""))
    cookies(canaries, browser)
    for code in (wrong[:16], codes[0], codes[0]):
        again = cast.house.browser("member")
        again.sign_in(member.email, member.password)
        again.submit("/account/second-factor/verify/", expect=(200, 302), code=code)
        cookies(canaries, again)
    page = browser.submit("/account/second-factor/", to="/codes/", expect=(200,))
    for code in re.findall(r"\b(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}\b", page.text):
        canaries.keep("a recovery code", code, code, code.replace("-", ""))
    browser.submit("/account/second-factor/", to="/remove/")
    cookies(canaries, browser)


def _forgotten(house: House, canaries: Canaries, cast: Cast) -> None:
    """Changed by who knows it, then set anew by a mailed link; the older ones and the used link are tried again."""
    member, browser = cast.member, cast.member.browser
    first, second = member.password, canaries.password("a password: the second")
    browser.submit(
        "/account/password/change/", expect=(200,), oldpassword=canaries.password("a password: a wrong one"),
        password1=second, password2=second,
    )  # fmt: skip
    weak = canaries.password("a password: a wrong one")
    browser.submit(
        "/account/password/change/",
        expect=(200,),
        oldpassword=first,
        password1=second,
        password2=weak,
    )
    browser.submit(
        "/account/password/change/", oldpassword=first, password1=second, password2=second
    )
    stranger = house.browser("stranger", "198.51.100.8")
    stranger.sign_in(member.email, first, expect=(200,))
    stranger.submit("/account/password/reset/", email=member.email)
    link = house.mailbox.link_for(member.email, LINK)
    canaries.keep("a link to a new password", link, link.rstrip("/").rpartition("-")[2])
    path = link.removeprefix("https://portal.example.com")
    member.password = canaries.password("a password: the third")
    other = house.browser("member")
    page = other.follow(other.get(path))
    other.send_form(page, password1=member.password, password2=member.password)
    other.sign_in(member.email, member.password)
    cookies(canaries, other)
    member.browser = other
    unused = stranger.submit("/account/password/reset/", email=cast.owner.email)
    assert unused.status == 302
    live = house.mailbox.link_for(cast.owner.email, LINK)
    canaries.keep("a link to a new password", live, live.rstrip("/").rpartition("-")[2])
    live = live.removeprefix("https://portal.example.com")
    for used in (path, path[:-6] + "aaaaa/"):
        stranger.follow(stranger.get(used))
    for method in ("POST", "PUT", "DELETE"):  # refused, while the link still opens the account
        stranger.ask(method, live, form={"password1": member.password})
    stranger.get(f"/nowhere{live}")
    cookies(canaries, stranger)


def _impersonated(canaries: Canaries, cast: Cast) -> None:
    browser: Browser = cast.admin.browser
    reason = canaries.new("the reason of an impersonation", "Ticket {}: looks wrong")
    page = f"/admin/accounts/user/{cast.member.pk}/impersonate/"
    browser.submit(page, expect=(200, 422), reason="short", minutes="15")
    browser.submit(page, reason=reason, minutes="15")
    seen = browser.get("/")
    assert html.escape(cast.member.email) in seen.text
    browser.submit("/", to="/account/impersonation/end/")
    cookies(canaries, browser)
