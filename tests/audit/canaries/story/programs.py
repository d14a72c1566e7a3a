"""Programs sign in, go on, reuse what was replaced, and send passwords and keys where they do not belong."""

from urllib.parse import quote

from tests.audit.canaries.browser import basic
from tests.audit.canaries.canary import Canaries
from tests.audit.canaries.house import House
from tests.audit.canaries.story.cast import Cast

CHAT = "/v1/chat/completions"


def tell(house: House, canaries: Canaries, cast: Cast) -> None:
    _tokens(house, canaries, cast)
    _headers(house, canaries, cast)


def _tokens(house: House, canaries: Canaries, cast: Cast) -> None:
    program = house.browser("program", "198.51.100.20")
    body = {"email": cast.member.email, "password": cast.member.password, "name": "cli"}
    first = program.ask("POST", "/api/auth/token/", data=body)
    assert first.status == 200, first.text
    _kept(canaries, first.json)
    second = program.ask(
        "POST", "/api/auth/token/refresh/", data={"refresh": first.json["refresh"]}
    )
    assert second.status == 200, second.text
    _kept(canaries, second.json)
    program.bearer = second.json["access"]
    assert program.get("/api/users/me/").status == 200
    program.ask(
        "POST", "/api/auth/fresh/", data={"password": canaries.password("a password: a wrong one")}
    )
    proved = program.ask("POST", "/api/auth/fresh/", data={"password": cast.member.password})
    assert proved.status == 200, proved.text
    canaries.keep("an access token", proved.json["access"], *_parts(proved.json["access"]))
    head, claims, signature = second.json["access"].split(".")
    for tampered in (
        f"{head}.{claims}.{signature[::-1]}",
        f"{head}.{claims}.",
        second.json["access"][:-2],
    ):
        program.bearer = tampered
        assert program.get("/api/users/me/").status == 401
    program.bearer = ""
    for used in (
        first.json["refresh"],
        first.json["refresh"][:-4] + "0000",
        second.json["refresh"],
    ):
        assert program.ask("POST", "/api/auth/token/refresh/", data={"refresh": used}).status == 401
    again = program.ask("POST", "/api/auth/token/", data=body)
    _kept(canaries, again.json)
    program.bearer = again.json["access"]
    assert program.ask("POST", "/api/auth/logout/").status == 204


def _kept(canaries: Canaries, tokens: dict[str, str]) -> None:
    canaries.keep("an access token", tokens["access"], *_parts(tokens["access"]))
    refresh = tokens["refresh"]
    canaries.keep("a refresh token", refresh, refresh.split("_")[2][:64])


def _parts(access: str) -> tuple[str, str]:
    """The signature is what makes it one; the claims are readable to whoever holds it."""
    head, _, signature = access.rpartition(".")
    return signature, f"{head}.{signature}"


def _headers(house: House, canaries: Canaries, cast: Cast) -> None:
    """Every way in which a credential is sent, right, wrong and misplaced."""
    program = house.browser("program", "198.51.100.21")
    for headers, status in (
        (basic(cast.owner.email, cast.owner.password), 200),
        (basic(cast.owner.email, canaries.password("a password: a wrong one")), 401),
        (basic(canaries.new("a password pasted into the e-mail field"), ""), 401),
    ):
        canaries.keep("a Basic header", headers["Authorization"].split()[1])
        found = program.get("/api/users/me/", headers=headers)
        assert found.status == status, found.text
    for key, status in (
        (cast.made["key"], 200),
        (cast.made["rotated key"], 200),
        (cast.made["revoked key"], 401),
        (cast.made["key"][:-1] + "!", 401),
        (cast.made["key"][:30], 401),
    ):
        assert (
            program.get("/api/users/me/", headers={"Authorization": f"Bearer {key}"}).status
            == status
        )
        program.get("/api/users/me/", headers={"Authorization": key})
        program.get("/api/users/me/", headers={"Authorization": f"Token {key}"})
        program.get("/api/users/me/", headers={"X-API-Key": key, "X-Request-ID": key})
        program.get(f"/api/users/me/?api_key={key}&token={key}")
        program.get(f"/api/keys/{key}/")
        program.get(f"/nowhere/{key}/?password={quote(cast.owner.password)}")
        program.ask("POST", f"{CHAT}?key={key}", data={"model": key, "messages": []})
        program.ask(
            "POST",
            "/widget/v1/session",
            data={"key": key},
            headers={"Origin": "https://shop.example.com"},
        )
