"""A private authority for tests, and the certificates that it gives out."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PEM = serialization.Encoding.PEM


class Authority:
    """`pem` is its own certificate; `issue` gives (chain, key) of a name, both PEM."""

    def __init__(self, name: str = "ca.test") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = self._builder(self.name, self.key.public_key(), days=1)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.pem = builder.sign(self.key, hashes.SHA256()).public_bytes(PEM).decode()

    def issue(self, name: str, *, days: int = 1) -> tuple[str, str]:
        """Valid for so many days from now; negative ones are over."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        builder = self._builder(subject, key.public_key(), days=days)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([alternative]), critical=False
        ).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        chain = builder.sign(self.key, hashes.SHA256()).public_bytes(PEM).decode()
        private = key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return chain, private.decode()

    def _builder(self, subject: x509.Name, key: object, *, days: int) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(now + datetime.timedelta(days=days))
        )


def written(folder: Path, name: str, *texts: str) -> str:
    path = folder / name
    path.write_text("".join(texts))
    return str(path)
