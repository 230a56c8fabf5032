"""A real Apache Kafka with TLS, logins by SCRAM and PLAIN, and access lists; certificates of an authority of the test.

The listener without TLS is the test's own, whose user may do everything; the others are what Haulwatch is shown.
"""

import datetime
import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import confluent_kafka.admin
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.servers import free_port
from tests.servers.kafka import KafkaServer, kafka_absent
from tests.waiting import PATIENCE_S, until

_ADMIN: Any = confluent_kafka.admin
_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
PASSWORDS: Final = {
    "collector": "collects-9",
    "recorder": "records-9",
    "judge": "judges-9",
    "shared": "shares-9",
    "api": "shows-9",
    "admin": "creates-9",
    "migrator": "moves-9",
}
"""The users of both kinds of login."""


class Authority:
    """Issues certificates for loopback."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(
            self._issued(self._name, self._key, datetime.timedelta(days=1), is_authority=True).public_bytes(
                serialization.Encoding.PEM
            )
        )

    def keystore(self, name: str, valid: datetime.timedelta, address: str = "127.0.0.1") -> Path:
        """A file with key and certificate as Kafka reads it. `valid`: from now; negative: it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._issued(subject, key, valid, address=address)
        file = self._folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    def _issued(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        valid: datetime.timedelta,
        *,
        is_authority: bool = False,
        address: str = "127.0.0.1",
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.IPAddress(ipaddress.ip_address(address))]
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=30))
            .not_valid_after(now + valid)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )


@dataclass(frozen=True)
class SecuredKafka:
    """The server, its listeners, and the test's own way in."""

    server: KafkaServer
    authority: Authority
    foreign: Authority
    """Has issued nothing here."""
    secure: str
    """host:port with TLS and login."""
    expired: str
    """Likewise, with a certificate that has expired."""
    misnamed: str
    """Likewise, with a certificate of another address."""

    @property
    def admin(self) -> Any:
        return _ADMIN.AdminClient({"bootstrap.servers": self.server.servers, "log_level": 0})

    def grant(self, user: str, kind: str, name: str, operations: Sequence[str], *, prefixed: bool = False) -> None:
        """Let a user do these operations on the topic, group, cluster or transactional id."""
        pattern = _ADMIN.ResourcePatternType.PREFIXED if prefixed else _ADMIN.ResourcePatternType.LITERAL
        bindings = [
            _ADMIN.AclBinding(
                getattr(_ADMIN.ResourceType, kind),
                name,
                pattern,
                f"User:{user}",
                "*",
                getattr(_ADMIN.AclOperation, operation),
                _ADMIN.AclPermissionType.ALLOW,
            )
            for operation in operations
        ]
        admin = self.admin  # its requests end with it
        for answer in admin.create_acls(bindings, request_timeout=PATIENCE_S).values():
            answer.result()


@contextmanager
def running_secured(folder: Path) -> Iterator[SecuredKafka]:
    """A server during the block. Skips where no Kafka can be started."""
    if (reason := kafka_absent()) is not None:
        pytest.skip(reason)
    folder.mkdir(parents=True, exist_ok=True)
    authority, foreign = Authority(folder, "authority"), Authority(folder, "foreign")
    day = datetime.timedelta(days=1)
    keystores = {
        "SECURE": authority.keystore("broker", day),
        "EXPIRED": authority.keystore("expired", -day),
        "MISNAMED": authority.keystore("misnamed", day, "127.0.0.9"),
    }
    port, controller = free_port(), free_port()
    ports = {name: free_port() for name in keystores}
    server = KafkaServer(folder / "kafka", port, controller, _settings(port, controller, ports, keystores))
    try:
        server.start()
        hosts = {name: f"127.0.0.1:{own}" for name, own in ports.items()}
        found = SecuredKafka(server, authority, foreign, hosts["SECURE"], hosts["EXPIRED"], hosts["MISNAMED"])
        _add_users(found)
        yield found
    finally:
        server.kill()


def _settings(port: int, controller: int, ports: dict[str, int], keystores: dict[str, Path]) -> dict[str, str]:
    listeners = ",".join(f"{name}://127.0.0.1:{own}" for name, own in ports.items())
    users = " ".join(f'user_{user}="{password}"' for user, password in PASSWORDS.items())
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{port},{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},{listeners}",
        "listener.security.protocol.map": ",".join(
            ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT", *(f"{name}:SASL_SSL" for name in ports)]
        ),
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
    }
    for name, keystore in keystores.items():
        own = f"listener.name.{name.lower()}"
        settings |= {
            f"{own}.ssl.keystore.type": "PEM",
            f"{own}.ssl.keystore.location": str(keystore),
            f"{own}.scram-sha-512.sasl.jaas.config": _SCRAM,
            f"{own}.plain.sasl.jaas.config": f"{_PLAIN} {users};",
        }
    return settings


def _add_users(found: SecuredKafka) -> None:
    admin = found.admin
    kind = _ADMIN.ScramCredentialInfo(_ADMIN.ScramMechanism.SCRAM_SHA_512, 4_096)
    answers = admin.alter_user_scram_credentials(
        [_ADMIN.UserScramCredentialUpsertion(user, kind, password.encode()) for user, password in PASSWORDS.items()]
    )
    for answer in answers.values():
        answer.result()
    until(lambda: len(admin.describe_user_scram_credentials([*PASSWORDS])) == len(PASSWORDS), "the users are there")
