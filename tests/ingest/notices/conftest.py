"""Servers and a night shift, for the tests of notices."""

import datetime
import ipaddress
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, TypeVar

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ingest.notices.senders import mail, others, posting
from tests.ingest.notices.night import Clock, Night
from tests.ingest.notices.services import Service, WeCom, served
from tests.waiting import PATIENCE_S

S = TypeVar("S", bound=Service)
MakeNight = Callable[[str], Night]


class Tls(NamedTuple):
    """A server's TLS with a certificate of its own, and the file by which it is trusted."""

    server: ssl.SSLContext
    ca_file: Path


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return Tls(context, folder / "certificate.pem")


def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let senders wait as long as tests do, since an answer may take its time on a busy machine, and ask no proxy."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(posting, "TIMEOUT", httpx.Timeout(PATIENCE_S))
    monkeypatch.setattr(posting, "TOTAL_S", PATIENCE_S)
    monkeypatch.setattr(mail, "TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(mail, "TOTAL_S", PATIENCE_S)
    monkeypatch.setattr(others, "TOTAL_S", PATIENCE_S)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    patient(monkeypatch)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve(clock: Clock) -> Iterator[Callable[[type[S]], S]]:
    """Starts a service: `serve(WeCom)`."""
    with ExitStack() as stack:

        def start(kind: type[S]) -> S:
            service = kind(clock)
            stack.enter_context(served(service))
            return service

        yield start


@pytest.fixture
def make_night(tmp_path: Path, clock: Clock) -> Iterator[MakeNight]:
    """Begins a night by some rules; again on the same files, it is a restart."""
    with ExitStack() as stack:

        def begin(rules: str) -> Night:
            night = Night(tmp_path, clock, rules)
            stack.callback(night.close)
            return night

        yield begin


@pytest.fixture
def wecom(serve: Callable[[type[WeCom]], WeCom]) -> WeCom:
    return serve(WeCom)
