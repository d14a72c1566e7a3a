"""A team's branding at its other doors: the API and the widget. Nothing of it reaches another team or a stranger."""

import base64
import re
from io import BytesIO

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from audit.models import Entry
from portal.route_classes import routes
from teams import colours, logos
from teams.branding import brand_of
from teams.models import Branding
from tests.teams.test_branding import ACCENT, client_of, png
from tests.teams.test_svg import OPEN, SQUARE
from widget.models import Widget

API = "/api/teams/research/branding/"
ORIGIN = "https://shop.example.com"
NAME, COLOUR = "Laboratory of Oz", ACCENT
PICTURE = f"{OPEN}{SQUARE}</svg>".encode()


def sent(data):
    return base64.b64encode(data).decode()


def patch(client, **body):
    return client.patch(API, body, "application/json")


@pytest.fixture(params=["png", "svg"])
def branded(request, cast):
    branding = Branding(team=cast.research, app_name=NAME, accent=COLOUR)
    file = {"png": png(), "svg": PICTURE}[request.param]
    logo = logos.taken(SimpleUploadedFile("x", file))
    assert logo.kind == request.param
    branding.set_logo(logo.data, logo.kind)
    branding.save()
    return branding


# The API


def test_it_is_read_and_changed_and_what_is_not_named_stays(cast):
    olivia = client_of(cast.olivia)
    assert olivia.get(API).json() == {
        "app_name": "",
        "accent": "",
        "accent_dark": "",
        "logo": None,
        "logo_kind": "",
    }
    assert not Branding.objects.exists()
    assert patch(olivia, app_name=NAME, accent=COLOUR).status_code == 200
    shown = patch(olivia, logo=sent(PICTURE)).json()
    assert (shown["app_name"], shown["accent"], shown["logo_kind"]) == (NAME, COLOUR, "svg")
    assert olivia.get(shown["logo"]).status_code == 200
    assert patch(olivia, logo=sent(png())).json()["logo_kind"] == "png"
    assert olivia.get(shown["logo"]).status_code == 404
    assert patch(olivia, logo=None).json()["logo"] is None
    assert Branding.objects.get().app_name == NAME
    entry = Entry.objects.filter(target_type="teams.Branding").latest("id")
    assert (entry.actor_id, entry.team_id) == (str(cast.olivia.pk), cast.research.pk)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"accent": "#ffff00"}, "accent", "1.0"),
        ({"accent": "#999999"}, "accent", "2."),
        ({"accent": "red"}, "accent", "#rrggbb"),
        ({"accent": COLOUR, "accent_dark": "#000080"}, "accent_dark", "1."),
        ({"accent_dark": "#ffffff"}, "accent", "light pages"),
        ({"logo": "not base64!"}, "logo", "base64"),
        ({"logo": sent(b"no picture")}, "logo", "SVG, PNG"),
        ({"logo": sent(b"<svg><script/></svg>")}, "logo", "SVG"),
        ({"logo": sent(b"\x89PNG" + b"\0" * (520 * 1024))}, "logo", ""),
    ],
)
def test_what_cannot_be_read_or_shown_is_refused(cast, body, field, words):
    answer = patch(client_of(cast.olivia), **body)
    assert answer.status_code == 422
    assert words in str(answer.json()["error"]["fields"][field])
    assert not Branding.objects.exists()


@pytest.mark.parametrize(
    ("name", "reads", "writes"),
    [
        ("admin", 200, 200),
        ("olivia", 200, 200),
        ("adam", 200, 200),
        ("auditor", 200, 403),
        ("marco", 200, 403),
        ("vera", 200, 403),
        ("rita", 200, 403),
        ("sam", 404, 404),
    ],
)
def test_who_reads_and_who_changes_it(cast, name, reads, writes):
    client = client_of(getattr(cast, name))
    assert client.get(API).status_code == reads
    assert patch(client, app_name="Mine").status_code == writes
    assert Branding.objects.exists() == (writes == 200)


# Pictures that are too much


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_broken_pictures_are_refused_and_never_more(kind):
    """Each byte of the beginning gone wrong, and each length cut short."""
    whole = png((30, 20), kind)
    for place in range(min(len(whole), 120)):
        for data in (whole[:place], whole[:place] + b"\xff" + whole[place + 1 :]):
            try:
                drawn = logos.redrawn(data)
            except ValidationError:
                continue
            with Image.open(BytesIO(drawn)) as image:
                assert image.format == "PNG"


def test_a_picture_that_says_it_is_huge_is_not_unpacked():
    def sized(data, place, number, order):
        return data[:place] + number.to_bytes(2, order) + data[place + 2 :]

    gif = png((10, 10), "GIF")
    jpeg = png((10, 10), "JPEG")
    frame = jpeg.index(b"\xff\xc0") + 5
    web = png((10, 10), "WEBP")
    start = web.index(b"\x9d\x01\x2a") + 3
    for data in (
        sized(sized(gif, 6, 60_000, "little"), 8, 60_000, "little"),
        sized(sized(jpeg, frame, 60_000, "big"), frame + 2, 60_000, "big"),
        sized(sized(web, start, 16_000, "little"), start + 2, 16_000, "little"),
    ):
        with pytest.raises(ValidationError):
            logos.redrawn(data)


def test_of_an_animation_the_first_picture_is_kept():
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        written = BytesIO()
        frames[0].save(written, kind, save_all=True, append_images=frames[1:] * 50, duration=10)
        with Image.open(BytesIO(logos.redrawn(written.getvalue()))) as image:
            assert getattr(image, "n_frames", 1) == 1
            red, _green, blue, _alpha = image.convert("RGBA").getpixel((5, 5))
            assert red > 200 > blue


# As a file of its own


def test_the_logo_can_do_nothing_as_a_page(cast, branded):
    answer = client_of(cast.marco).get(brand_of(cast.research).logo)
    kind = {"png": "image/png", "svg": "image/svg+xml"}[branded.logo_kind]
    assert answer["Content-Type"] == kind
    policy = answer["Content-Security-Policy"]
    assert policy == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"
    other = {"png": "svg", "svg": "png"}[branded.logo_kind]
    wrong = brand_of(cast.research).logo.replace(f".{branded.logo_kind}", f".{other}")
    assert client_of(cast.marco).get(wrong).status_code == 404


# The widget


def session(widget, origin=ORIGIN):
    return Client().post(
        "/widget/v1/session",
        {"key": widget.public_id},
        "application/json",
        headers={"origin": origin},
    )


def widget_of(project):
    return Widget.objects.create(
        project=project, name="Ask us", allowed_domains=["shop.example.com"]
    )


def test_a_widget_wears_its_teams_look(cast, branded):
    widget = widget_of(cast.assistant)
    look = session(widget).json()
    assert look["app_name"] == NAME
    for theme, dark in (("light", False), ("dark", True)):
        found = look["colours"][theme]
        assert set(found) == {"accent", "on_accent"}
        assert colours.contrast(found["accent"], found["on_accent"]) >= 4.5
        assert colours.worst_contrast(found["accent"], dark=dark) >= 4.5
    answer = Client().get(look["logo"], headers={"origin": ORIGIN})
    assert answer.content == bytes(branded.logo)
    assert answer["Content-Security-Policy"].endswith("sandbox")
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in answer
    assert "Set-Cookie" not in answer
    stranger = Client().get(look["logo"], headers={"origin": "https://elsewhere.example.net"})
    assert "Access-Control-Allow-Origin" not in stranger


def test_without_branding_it_has_its_own_name_alone(cast):
    look = session(widget_of(cast.helpdesk)).json()
    assert (look["app_name"], look["colours"], look["logo"]) == ("Ask us", None, None)


def test_the_logo_is_that_of_the_widgets_team_and_of_today(cast, branded):
    ours, theirs = widget_of(cast.assistant), widget_of(cast.helpdesk)
    path = session(ours).json()["logo"]
    assert Client().get(path.replace(ours.public_id, theirs.public_id)).status_code == 404
    assert Client().get(path.replace(ours.public_id, "gw_nobody")).status_code == 404
    assert Client().get(path.replace(branded.logo_hash, "0" * 16)).status_code == 404
    Widget.objects.filter(pk=ours.pk).update(is_active=False)
    assert Client().get(path).status_code == 404
    Widget.objects.filter(pk=ours.pk).update(is_active=True)
    assert Client().get(path).status_code == 200
    branded.set_logo(b"")
    branded.save()
    assert Client().get(path).status_code == 404


# Nobody else


def addresses(cast):
    """Of every route that can be asked for without knowing a row, and of rows of the other team."""
    known = {"slug": "helpdesk", "version": "0" * 16, "kind": "png"}
    for route, _kind, _view in routes():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: known.get(m[1], "1"), route)
        path = re.sub(r"\(\?P<(\w+)>[^/]*\)", lambda m: known.get(m[1], "1"), path)
        if not re.search(r"[\\^$()\[]", path.rstrip("$").lstrip("^")):
            yield "/" + path.lstrip("^").rstrip("$")
    for brand in (brand_of(cast.research),):
        yield from (brand.logo, brand.stylesheet)


@pytest.mark.parametrize("name", ["sam", ""])
def test_no_page_shows_it_to_another_team_or_to_a_stranger(cast, branded, name):
    widget_of(cast.helpdesk)
    client = client_of(cast.sam) if name else Client()
    seen = 0
    for path in addresses(cast):
        if "logout" in path or "/export" in path:
            continue
        answer = client.get(path)
        seen += answer.status_code == 200
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        for trace in (NAME, COLOUR, branded.logo_hash):
            assert trace.encode() not in body, path
        assert bytes(branded.logo)[:60] not in body, path
    assert seen > (30 if name else 5)
