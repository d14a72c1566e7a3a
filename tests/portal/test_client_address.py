"""Whose request it is: the last hop that is no proxy of ours, in one spelling, and nobody's where that is unclear."""

import ipaddress

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from portal.addresses import client_address
from portal.models import AddressRule
from portal.route_classes import RouteClass, classed

pytestmark = pytest.mark.django_db
PROXIES = ["10.0.0.0/8", "127.0.0.1/32", "2001:db8:aaaa::/48"]
CLIENT, OTHER = "203.0.113.9", "198.51.100.7"
PROXY = "10.1.1.1"


@pytest.fixture(autouse=True)
def proxies(settings):
    settings.TRUSTED_PROXIES = [ipaddress.ip_network(item) for item in PROXIES]


def answer(request):
    return HttpResponse(f"{request.client_address} {request.scheme}")


urlpatterns = [
    *classed(RouteClass.LOCAL_ONLY, [path("local/", answer)]),
    *classed(RouteClass.PUBLIC, [path("public/", answer)]),
]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        # Nobody but a proxy is asked.
        (CLIENT, None, CLIENT),
        (CLIENT, OTHER, CLIENT),
        (CLIENT, "127.0.0.1", CLIENT),
        # Chains: from the right, past our own proxies, to the first that is none.
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"{OTHER}, {CLIENT}", CLIENT),
        (PROXY, f"127.0.0.1, {CLIENT}", CLIENT),
        (PROXY, f"{OTHER}, {CLIENT}, 10.2.2.2", CLIENT),
        (PROXY, f"{OTHER},{CLIENT},10.2.2.2 , 10.3.3.3", CLIENT),
        (PROXY, f"nonsense, {CLIENT}", CLIENT),
        # All of them ours: the one farthest away.
        (PROXY, "10.4.4.4, 10.2.2.2", "10.4.4.4"),
        (PROXY, "10.2.2.2", "10.2.2.2"),
        # IPv6, and IPv4 in it, in one spelling.
        (PROXY, "2001:db8::1", "2001:db8::1"),
        (PROXY, "2001:0DB8:0:0::1", "2001:db8::1"),
        (PROXY, "2001:db8::1%eth0", "2001:db8::1"),
        ("2001:db8:aaaa::5", "2001:db8::1", "2001:db8::1"),
        ("2001:db8:aaaa::5", f"{OTHER}, 2001:db8::1, 2001:db8:aaaa::6", "2001:db8::1"),
        ("::ffff:10.1.1.1", CLIENT, CLIENT),
        ("::ffff:203.0.113.9", None, CLIENT),
        (PROXY, "::ffff:203.0.113.9", CLIENT),
        (PROXY, f"{CLIENT}, ::ffff:10.2.2.2", CLIENT),
        # Ports and brackets.
        (PROXY, "203.0.113.9:1234", CLIENT),
        (PROXY, "[2001:db8::1]:443", "2001:db8::1"),
        (PROXY, "[2001:db8::1]", "2001:db8::1"),
        (PROXY, f"{CLIENT}:1234, 10.2.2.2:80", CLIENT),
        # Unclear: nobody's, and never the proxy's own.
        (PROXY, None, ""),
        (PROXY, "", ""),
        (PROXY, " , ", ""),
        (PROXY, "unknown", ""),
        (PROXY, "203.0.113.9:port", ""),
        (PROXY, "203.0.113.9:", CLIENT),
        (PROXY, "[203.0.113.9", ""),
        (PROXY, "[2001:db8::1]443", ""),
        (PROXY, f"{CLIENT}, nonsense", ""),
        (PROXY, f"{CLIENT}, nonsense, 10.2.2.2", ""),
        (PROXY, f"{CLIENT},", ""),
        ("", CLIENT, ""),
        ("nonsense", CLIENT, ""),
    ],
)
def test_whose_request_it_is(peer, forwarded, expected):
    meta = {"REMOTE_ADDR": peer}
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded
    assert client_address(meta) == expected


def get(path, peer=PROXY, secure=False, **headers):
    return Client(REMOTE_ADDR=peer, headers=headers).get(path, secure=secure)


@pytest.mark.parametrize(
    "forwarded",
    ["203.0.113.9", "203.0.113.9:1234", "::ffff:203.0.113.9", "203.0.113.9, 10.2.2.2:80", "?", ""],
)
def test_no_spelling_gets_past_a_block(cast, forwarded):
    AddressRule.objects.create(place="portal", verdict="block", network="203.0.113.0/24")
    refused = get("/account/login/", **{"X-Forwarded-For": forwarded})
    assert refused.status_code == 403
    assert get("/account/login/", **{"X-Forwarded-For": OTHER}).status_code == 200


@pytest.mark.parametrize("forwarded", [None, "", "nonsense", f"{CLIENT}:x", f"127.0.0.1, {CLIENT}"])
def test_nobody_is_local_because_the_proxy_is(settings, forwarded):
    settings.ROOT_URLCONF = __name__
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert get("/local/", peer="127.0.0.1", **headers).status_code == 404
    local = get("/local/", peer="127.0.0.1", **{"X-Forwarded-For": "127.0.0.1"})
    assert local.content.startswith(b"127.0.0.1")


@pytest.mark.parametrize(("peer", "scheme"), [(PROXY, "https"), (CLIENT, "http"), ("", "http")])
def test_that_it_came_over_tls_is_believed_from_a_proxy_only(settings, peer, scheme):
    settings.ROOT_URLCONF = __name__
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": OTHER}
    assert get("/public/", peer=peer, **headers).content.decode().endswith(scheme)


def test_a_stranger_is_led_to_https_whatever_they_claim(settings):
    settings.ROOT_URLCONF = __name__
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": OTHER}
    assert get("/public/", peer=CLIENT, **headers).status_code == 301
    assert get("/public/", peer=PROXY, **headers).status_code == 200
