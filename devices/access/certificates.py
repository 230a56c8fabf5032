"""A small certificate authority: certificates for the broker's TLS and for devices that connect with one.

`haulwatch device authority` and `haulwatch device certificate` call it. No other module makes certificates.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices.errors import OperatorError

AUTHORITY_DAYS: Final = 3_650
SERVER_DAYS: Final = 825
"""The longest life of a server certificate that common TLS libraries accept."""
RENEW_DAYS: Final = 60
"""A server certificate that expires sooner is replaced."""
_BACKDATED: Final = timedelta(hours=1)
"""A certificate is valid from this long before now, for devices whose clock is slow."""
_HOST: Final = re.compile(r"(\*\.)?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


class BadAuthority(OperatorError):
    """The authority's files cannot be used."""


class BadCertificate(OperatorError):
    """The bytes are no certificate."""


class BadHost(OperatorError):
    """The text is no host name or address of a broker."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key, PEM."""

    certificate: str
    key: str = field(repr=False)

    @property
    def expires(self) -> datetime:
        return x509.load_pem_x509_certificate(self.certificate.encode()).not_valid_after_utc


class Authority:
    """Signs with a key that stays on the operator's machine. ECDSA P-256: small, and old terminals support it."""

    def __init__(self, own: Issued) -> None:
        """Raises BadAuthority if the files are unreadable or do not belong together."""
        try:
            self._certificate = x509.load_pem_x509_certificate(own.certificate.encode())
            key = load_pem_private_key(own.key.encode(), None)
        except (ValueError, TypeError) as exc:
            raise BadAuthority(f"the authority cannot be read: {exc}") from exc
        if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != self._certificate.public_key():
            raise BadAuthority("the authority's key does not belong to its certificate")
        self._key = key
        self.own = own

    @classmethod
    def create(cls, now: datetime) -> Self:
        """Create an authority with a new key."""
        key = generate_private_key(SECP256R1())
        name = _name("Haulwatch devices")
        public = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = (
            _builder(name, name, now, AUTHORITY_DAYS)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(public, critical=False)
        )
        return cls(_issued(builder.sign(key, SHA256()), key))

    @classmethod
    def read(cls, certificate: Path, key: Path) -> Self:
        """Read an authority from two PEM files. Raises BadAuthority, OSError."""
        return cls(Issued(certificate.read_text(), key.read_text()))

    def for_device(self, device_id: str, now: datetime, days: int) -> Issued:
        """Issue a client certificate whose common name is the device id, which Mosquitto uses as the user name."""
        return self._issue(device_id, now, days, ExtendedKeyUsageOID.CLIENT_AUTH)

    def for_server(self, hosts: Sequence[str], now: datetime) -> Issued:
        """Issue a certificate for a broker that clients reach under these names and addresses. Raises BadHost."""
        alternatives = _alternatives(hosts)
        return self._issue(hosts[0][:64], now, SERVER_DAYS, ExtendedKeyUsageOID.SERVER_AUTH, alternatives)

    def serves(self, server: Issued, hosts: Sequence[str], now: datetime) -> bool:
        """Return whether this authority issued the certificate, for these hosts, it lasts a while, and its key fits."""
        try:
            current = x509.load_pem_x509_certificate(server.certificate.encode())
            current.verify_directly_issued_by(self._certificate)
            key = load_pem_private_key(server.key.encode(), None)
            names = current.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except Exception:  # noqa: BLE001 - whatever is wrong, the caller issues a new one
            return False
        if key.public_key() != current.public_key():
            return False
        return names == _alternatives(hosts) and current.not_valid_after_utc > now + timedelta(days=RENEW_DAYS)

    def _issue(
        self,
        common_name: str,
        now: datetime,
        days: int,
        usage: x509.ObjectIdentifier,
        alternatives: x509.SubjectAlternativeName | None = None,
    ) -> Issued:
        key = generate_private_key(SECP256R1())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(_name(common_name), self._certificate.subject, now, days)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(issuer, critical=False)
        )
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        return _issued(builder.sign(self._key, SHA256()), key)


def expiry_of(certificate: bytes) -> datetime:
    """The last moment of a certificate, in PEM or DER. Raises BadCertificate."""
    try:
        load = x509.load_pem_x509_certificate if certificate.startswith(b"-----") else x509.load_der_x509_certificate
        return load(certificate).not_valid_after_utc
    except ValueError as exc:
        raise BadCertificate(f"is no certificate: {exc}") from exc


def now_utc() -> datetime:
    return datetime.now(UTC)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, now: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=days))
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_host(host) for host in hosts])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        if not _HOST.fullmatch(host):
            raise BadHost(
                f"{host!r} is neither a name nor an address; write an international name in its xn-- form"
            ) from None
        return x509.DNSName(host)


def _issued(certificate: x509.Certificate, key: EllipticCurvePrivateKey) -> Issued:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Issued(certificate.public_bytes(Encoding.PEM).decode(), private.decode())
