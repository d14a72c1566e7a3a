"""Which addresses the portal connects to, and that it connects to the one it has checked."""

import datetime
import ipaddress
import ssl
from ipaddress import ip_address, ip_network

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from portal import public_addresses
from portal.models import Provider
from portal.providers import TICK, ChatRequest, Piece, ProviderFailure
from portal.providers.openai import OpenAIClient
from portal.public_addresses import AddressRefused, checked_addresses, refusal_of
from portal.safe_http import OutboundFailure, SafeClient, Timeouts
from tests.model_server import Answer, ModelServer

REFUSED = {
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1"],
    "shared": ["100.64.0.1", "100.127.255.255"],
    "link-local": ["169.254.1.1", "fe80::1", "fe80::1%eth0", "fec0::1"],
    "metadata": ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16"],
    "metadata v6": ["fd00:ec2::254", "fd20:ce::254"],
    "protocol": ["192.0.0.1", "192.0.0.192", "192.0.0.8"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarking": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "6to4 relay": ["192.88.99.1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "4000::1", "100::1", "5f00::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:a9fe:a9fe"],
    "compatible": ["::127.0.0.1", "::8.8.8.8", "::a9fe:a9fe"],
    "nat64": ["64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:2::1"],
    "6to4": ["2002:7f00:1::", "2002:808:808::1"],
    "teredo": ["2001:0:7f00:1::", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
}
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::200e"]


@pytest.fixture(autouse=True)
def _nothing_private_is_allowed(settings):
    settings.PRIVATE_NETWORKS = []


@pytest.mark.parametrize("address", [item for items in REFUSED.values() for item in items])
def test_it_refuses(address):
    assert refusal_of(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_it_allows_public_addresses(address):
    assert refusal_of(ip_address(address)) is None


def test_private_networks_open_what_they_name_and_nothing_else(settings):
    settings.PRIVATE_NETWORKS = [ip_network("10.1.0.0/16"), ip_network("fd12::/16")]
    assert refusal_of(ip_address("10.1.2.3")) is None
    assert refusal_of(ip_address("fd12::5")) is None
    assert refusal_of(ip_address("10.2.0.1"))
    assert refusal_of(ip_address("::ffff:10.1.2.3"))
    assert refusal_of(ip_address("127.0.0.1"))


@pytest.mark.parametrize("address", [*REFUSED["metadata"], *REFUSED["metadata v6"], "fe80::1"])
def test_metadata_is_refused_whatever_the_operator_lists(settings, address):
    settings.PRIVATE_NETWORKS = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert refusal_of(ip_address(address))


@pytest.mark.parametrize(
    "address", ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"]
)
def test_metadata_is_refused_in_disguise_too(settings, address):
    settings.PRIVATE_NETWORKS = [ip_network("::/0"), ip_network("0.0.0.0/0")]
    assert refusal_of(ip_address(address))


def test_a_translation_prefix_that_is_listed_opens_allowed_addresses_only(settings):
    settings.PRIVATE_NETWORKS = [ip_network("64:ff9b::/96")]
    assert refusal_of(ip_address("64:ff9b::8.8.8.8")) is None
    assert refusal_of(ip_address("64:ff9b::10.0.0.1"))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "017700000001",
        "0",
        "localhost",
    ],
)
def test_every_spelling_of_loopback_is_refused(host):
    with pytest.raises(AddressRefused):
        checked_addresses(host, 80)


def test_one_bad_address_among_good_ones_is_enough(monkeypatch):
    monkeypatch.setattr(public_addresses, "resolve", lambda host, port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(AddressRefused):
        checked_addresses("mixed.example", 443)


@pytest.mark.parametrize("port", [22, 25, 110, 445, 1])
def test_other_services_ports_are_refused(monkeypatch, port):
    monkeypatch.setattr(public_addresses, "resolve", lambda host, port: ["8.8.8.8"])
    with pytest.raises(AddressRefused):
        checked_addresses("mail.example", port)
    assert checked_addresses("api.example", 8443) == ["8.8.8.8"]


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(model_server, monkeypatch):
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.255.255.1"]

    monkeypatch.setattr(public_addresses, "resolve", rebinding)
    provider = Provider(kind="openai", base_url=f"http://model.test:{model_server.port}/v1")
    answer = OpenAIClient(provider).complete(ChatRequest("m", []))
    assert answer.text == "Hello from the model server."
    assert asked == ["model.test"]
    assert model_server.last.headers["host"] == f"model.test:{model_server.port}"


def test_a_redirect_is_an_answer_and_not_an_errand(model_server):
    from tests.model_server import Failure

    model_server.will(Failure(302, {"Location": "http://127.0.0.1:1/"}))
    request = requests.Request("POST", f"{model_server.base_url}/x", data=b"{}").prepare()
    head, _body = SafeClient(request.url, Timeouts()).fetch(request, max_bytes=1000)
    assert (head.status, len(model_server.recorded)) == (302, 1)


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """`(ca_file, server_file)` of a private authority and its certificate for model.test."""
    folder = tmp_path_factory.mktemp("tls")
    now = datetime.datetime.now(datetime.UTC)

    def certificate(name, key, issuer, issuer_key, *, is_ca):
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )

    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = certificate("ca.test", ca_key, None, ca_key, is_ca=True)
    leaf = certificate("model.test", key, ca.subject, ca_key, is_ca=False)
    pem = serialization.Encoding.PEM
    ca_file, server_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server_file.write_bytes(private + leaf.public_bytes(pem))
    return str(ca_file), str(server_file)


@pytest.fixture
def tls_server(certificates, monkeypatch, settings):
    settings.PRIVATE_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    monkeypatch.setattr(public_addresses, "resolve", lambda host, port: ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates[1])
    with ModelServer(context) as server:
        yield server


def tls_client(server, name, ca_file=None) -> OpenAIClient:
    provider = Provider(kind="openai", base_url=f"https://{name}:{server.port}/v1")
    return OpenAIClient(provider, ca_file=ca_file)


def test_the_certificate_is_verified_for_the_name(tls_server, certificates):
    client = tls_client(tls_server, "model.test", certificates[0])
    assert client.complete(ChatRequest("m", [])).text == "Hello from the model server."
    for name, ca_file in (("other.test", certificates[0]), ("model.test", None)):
        client = tls_client(tls_server, name, ca_file)
        for ask in (client.complete, lambda request, c=client: list(c.stream(request))):
            with pytest.raises(ProviderFailure) as caught:
                ask(ChatRequest("m", []))
            assert caught.value.kind == "misconfigured"


def test_a_tls_stream_ticks_reuses_its_connection_and_hangs_up_at_once(
    tls_server, certificates, monkeypatch
):
    monkeypatch.setattr("portal.safe_http.TICK_S", 0.1)
    client = tls_client(tls_server, "model.test", certificates[0])
    request = ChatRequest("m", [])
    tls_server.will(Answer("two words", silence_s=0.15, pause_s=0.15, bytes_per_write=5))
    seen = list(client.stream(request))
    assert seen[:2] == [TICK, Piece("two ")]
    assert "".join(item.text for item in seen if item is not TICK) == "two words"
    assert TICK in seen[2:]
    client.complete(request)
    assert len({recorded.peer for recorded in tls_server.recorded}) == 1
    tls_server.will(Answer(stall_after=1))
    stream = client.stream(request)
    next(stream)
    stream.close()
    assert tls_server.hung_up.wait(2)


def test_plain_http_where_tls_was_expected_is_our_misconfiguration(model_server):
    request = requests.Request(
        "POST", model_server.base_url.replace("http", "https"), data=b""
    ).prepare()
    client = SafeClient(request.url, Timeouts(read_s=2))
    with pytest.raises(OutboundFailure) as caught:
        client.fetch(request, max_bytes=10)
    assert caught.value.kind == "untrusted"
