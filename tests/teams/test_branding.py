"""A team's look: only what can be read, only what we drew ourselves, and never before the eyes of another team."""

import re
from io import BytesIO

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from audit.models import Entry
from teams import colours, logos
from teams.branding import brand_of
from teams.models import Branding, Team

ACCENT = "#7a1f5c"
ADD = "/admin/teams/branding/add/"


def png(size=(600, 300), kind="PNG", **options):
    written = BytesIO()
    Image.new("RGB", size, (122, 31, 92)).save(written, kind, **options)
    return written.getvalue()


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def branded(cast):
    branding = Branding(team=cast.research, app_name="The Lab", accent=ACCENT)
    branding.set_logo(logos.redrawn(png()))
    branding.save()
    return branding


# Colours


def test_contrast_is_that_of_the_guidelines():
    assert colours.contrast("#000000", "#ffffff") == 21
    assert colours.contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)
    assert colours.contrast("#0f6b66", "#0f6b66") == 1


def test_the_papers_are_those_of_the_stylesheet():
    css = (settings.BASE_DIR / "static" / "css" / "tokens.css").read_text()

    def token(name):
        return [
            long_form(colour)
            for colour in re.search(rf"--{name}: light-dark\((\S+), (\S+)\)", css).groups()
        ]

    def long_form(colour):
        return colour if len(colour) == 7 else "#" + "".join(c * 2 for c in colour[1:])

    pairs = zip(colours.LIGHT, colours.DARK, strict=True)
    assert [list(pair) for pair in pairs] == [token("paper"), token("raised"), token("sunken")]


HEXES = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(HEXES)
def test_whatever_is_accepted_can_be_read_everywhere(accent):
    for dark, papers in ((False, colours.LIGHT), (True, colours.DARK)):
        if colours.worst_contrast(accent, dark=dark) < colours.READABLE:
            continue
        found = colours.palette(accent, dark=dark)
        for paper in papers:
            assert colours.contrast(found.accent, paper) >= 4.5
            assert colours.contrast(found.accent_strong, paper) >= 4.5
        assert colours.contrast(found.accent_strong, found.accent_soft) >= 4.5
        assert colours.contrast(found.on_accent, found.accent) >= 4.5
        assert colours.contrast(found.on_accent, found.accent_strong) >= 4.5


@given(HEXES)
def test_the_derived_accent_of_the_dark_pages_can_be_read(accent):
    assert colours.worst_contrast(colours.lightened(accent), dark=True) >= colours.READABLE


@pytest.mark.parametrize(
    ("field", "colour", "words"),
    [
        ("accent", "#ffff00", "1.0"),
        ("accent", "#999999", "2."),
        ("accent_dark", "#000080", "1."),
        ("accent", "red", "#rrggbb"),
        ("accent", "#FFF000", "lower case"),
        ("accent", "#12345;}body{", "#rrggbb"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_measured_ratio_at_every_door(
    cast, field, colour, words
):
    values = {"accent": ACCENT, field: colour}
    with pytest.raises(ValidationError):
        Branding.objects.create(team=cast.research, **values)
    page = client_of(cast.admin).post(ADD, {"team": cast.research.pk, **values})
    assert words in page.content.decode()
    if words[0].isdigit():
        assert "text needs 4.5:1" in page.content.decode()
    assert not Branding.objects.exists()


# Logos


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_logo_is_drawn_anew_and_small(kind):
    drawn = logos.redrawn(png((2000, 500), kind))
    with Image.open(BytesIO(drawn)) as image:
        assert image.format == "PNG"
        assert image.size == (480, 120)


def test_nothing_of_the_uploaded_file_survives():
    secret = b"<script>alert(1)</script>"
    upload = png(pnginfo=None) + secret
    exif = Image.Exif()
    exif[0x010E] = "GPS of the photographer"
    photo = png(kind="JPEG", exif=exif.tobytes())
    for file in (upload, photo):
        drawn = logos.redrawn(file)
        assert secret not in drawn
        assert b"photographer" not in drawn


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"GIF89a" + b"\0" * 20,
        png()[:60],
        png(kind="BMP"),
        png((4001, 10)),
        b"\x89PNG\r\n\x1a\n" + b"\0" * (600 * 1024),
    ],
)
def test_what_is_no_picture_of_ours_is_refused(cast, file):
    upload = SimpleUploadedFile("logo.png", file, "image/png")
    with pytest.raises(ValidationError):
        logos.taken(upload)
    upload.seek(0)
    form = {"team": cast.research.pk, "logo_file": upload}
    assert client_of(cast.admin).post(ADD, form).status_code == 200
    assert not Branding.objects.exists()


def test_a_huge_picture_is_refused_before_it_is_unpacked():
    """A few kilobytes that would be gigabytes of pixels."""
    head = png((10, 10))
    bomb = head[:16] + (60_000).to_bytes(4, "big") * 2 + head[24:]
    with pytest.raises(ValidationError):
        logos.redrawn(bomb)


# Who sees it


def addresses(branding):
    brand = brand_of(branding.team)
    return brand.stylesheet, brand.logo


def test_the_teams_pages_wear_it(cast, branded):
    marco = client_of(cast.marco)
    for path in ("/playground/assistant/", "/playground/assistant/use/"):
        page = marco.get(path).content.decode()
        assert "The Lab" in page
        for address in addresses(branded):
            assert address in page
    css = marco.get(addresses(branded)[0])
    assert css["Content-Type"].startswith("text/css")
    assert f"--accent: light-dark({ACCENT}, " in css.content.decode()
    logo = marco.get(addresses(branded)[1])
    assert logo["Content-Type"] == "image/png"
    for response in (css, logo):
        assert response["Cache-Control"] == "private, max-age=31536000, immutable"
        assert response["X-Content-Type-Options"] == "nosniff"


def test_no_other_team_and_no_stranger_sees_it(cast, branded):
    for client in (Client(), client_of(cast.sam)):
        for address in addresses(branded):
            assert client.get(address).status_code == 404
    sam = client_of(cast.sam)
    for path in ("/", "/playground/helpdesk/"):
        assert "The Lab" not in sam.get(path).content.decode()
    assert sam.get(f"/admin/teams/branding/{branded.pk}/change/").status_code == 404


@pytest.mark.parametrize(
    ("name", "status"),
    [("admin", 200), ("olivia", 200), ("marco", 200), ("rita", 200), ("vera", 200)],
)
def test_everybody_who_sees_the_teams_pages_sees_it(cast, branded, name, status):
    for address in addresses(branded):
        assert client_of(getattr(cast, name)).get(address).status_code == status


def test_an_old_version_is_gone(cast, branded):
    before = addresses(branded)
    branded.accent = "#1f4f7a"
    branded.set_logo(b"")
    branded.save()
    marco = client_of(cast.marco)
    assert [marco.get(address).status_code for address in before] == [404, 404]
    assert marco.get(addresses(branded)[0]).status_code == 200
    assert addresses(branded)[1] == ""


def test_without_branding_the_platforms_look_stays(cast):
    page = client_of(cast.marco).get("/playground/assistant/").content.decode()
    assert "/branding/" not in page
    assert "Gatehouse" in page
    Branding.objects.create(team=cast.research, app_name="Only a name")
    page = client_of(cast.marco).get("/playground/assistant/").content.decode()
    assert "/branding/" not in page
    assert "Only a name" in page


def test_it_costs_no_query(cast, branded):
    marco = client_of(cast.marco)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            marco.get("/playground/assistant/")
        return len(captured)

    with_it = queries()
    branded.delete()
    assert with_it == queries()


def test_team_admins_brand_their_own_team_only(cast):
    olivia = client_of(cast.olivia)
    form = {"team": cast.research.pk, "app_name": "Lab", "accent": ACCENT}
    upload = SimpleUploadedFile("logo.png", png(), "image/png")
    assert olivia.post(ADD, {**form, "logo_file": upload}).status_code == 302
    branding = Branding.objects.get()
    assert branding.team == cast.research
    assert branding.logo_hash
    assert olivia.post(ADD, {**form, "team": cast.support.pk}).status_code in (200, 403)
    assert Branding.objects.count() == 1
    url = f"/admin/teams/branding/{branding.pk}/change/"
    assert b"logo.png" not in olivia.get(url).content
    assert olivia.post(url, {**form, "without_logo": "on"}).status_code == 302
    branding.refresh_from_db()
    assert branding.logo_hash == ""
    assert bytes(branding.logo) == b""
    for name in ("marco", "vera", "rita"):
        assert client_of(getattr(cast, name)).get(url).status_code in (302, 403, 404)


def test_the_trail_has_the_hash_and_not_the_picture(cast, branded):
    entry = Entry.objects.filter(target_type="teams.Branding").latest("id")
    assert "logo_hash" in entry.changes
    assert "logo" not in entry.changes
    assert Team.objects.get(pk=cast.research.pk).branding == branded
