"""Time stamps by a real authority: `openssl ts` behind HTTP on loopback, with root, intermediate and signer."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ingest.evidence import timestamps
from ingest.evidence.archive import read_archive, write_archive
from ingest.evidence.errors import NotExported, PackRefused
from ingest.evidence.manifest import SIGNATURE, TIMESTAMP, TIMESTAMP_SIGNATURE
from ingest.evidence.verification import verify
from tests.ingest.evidence.office import EXPORTED, KEY, Office, dump_of
from tests.waiting import PATIENCE_S

pytest.importorskip("rfc3161_client", reason="rfc3161-client is not installed: it is in the extra `timestamps`")
_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = A name
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[tsa]
basicConstraints = critical,CA:false
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ts]
default_tsa = authority
[authority]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """Its files. It answers each request by running openssl."""

    def __init__(self, folder: Path) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("openssl is not installed here")
        folder.mkdir(parents=True)
        self.folder, self._openssl = folder, openssl
        self.wrong = False
        (folder / "config").write_text(_CONFIG)
        (folder / "serial").write_text("01\n")
        self._certificate("root", None, "root")
        self._certificate("middle", "root", "root")
        self._certificate("tsa", "middle", "tsa")
        (folder / "chain.pem").write_text((folder / "middle.pem").read_text() + (folder / "root.pem").read_text())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self._openssl, *arguments], cwd=self.folder, capture_output=True, timeout=PATIENCE_S, check=False
        )

    def _certificate(self, name: str, issuer: str | None, extensions: str) -> None:
        made = self.run(
            "req", "-config", "config", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out",
            f"{name}.csr", "-subj", f"/CN={name}",
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        by = ["-signkey", f"{name}.key"] if issuer is None else ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"]
        signed = self.run(
            "x509", "-req", "-in", f"{name}.csr", *by, "-CAcreateserial", "-days", "3650", "-extfile", "config",
            "-extensions", extensions, "-out", f"{name}.pem",
        )  # fmt: skip
        assert signed.returncode == 0, signed.stderr

    def answer(self, request: bytes) -> bytes:
        (self.folder / "request.tsq").write_bytes(request)
        done = self.run(
            "ts", "-reply", "-config", "config", "-section", "authority", "-queryfile", "request.tsq", "-signer",
            "tsa.pem", "-inkey", "tsa.key", "-chain", "middle.pem", "-out", "answer.tsr",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return (self.folder / "answer.tsr").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "files")


@contextmanager
def serving(authority: Authority, answers: bytes | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            content = authority.answer(body) if answers is None else answers
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the class has it
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsa"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def stamped(authority: Authority, office: Office) -> bytes:
    with serving(authority) as url:
        return office.exporter.export(dump_of(office), EXPORTED, stamp=partial(timestamps.ask, url))


def test_a_time_stamp_is_of_the_signature_and_by_that_authority(authority: Authority, stamped: bytes) -> None:
    files = read_archive(stamped)
    found = verify(stamped, KEY.public, "9.9.9")
    assert found.same
    assert found.timestamp == files[TIMESTAMP]
    timestamps.check(files[TIMESTAMP], files[SIGNATURE], authority.folder / "chain.pem")
    with pytest.raises(PackRefused, match=TIMESTAMP):
        timestamps.check(files[TIMESTAMP], files[SIGNATURE] + b"x", authority.folder / "chain.pem")


def test_openssl_says_the_same(authority: Authority, stamped: bytes) -> None:
    files = read_archive(stamped)
    for name in (TIMESTAMP, SIGNATURE):
        (authority.folder / name).write_bytes(files[name])
    verifying = ["ts", "-verify", "-in", TIMESTAMP, "-CAfile", "root.pem", "-untrusted", "middle.pem", "-data"]
    assert authority.run(*verifying, SIGNATURE).returncode == 0
    (authority.folder / "other").write_bytes(files[SIGNATURE][:-1] + b"\0")
    assert authority.run(*verifying, "other").returncode != 0


def test_another_authority_is_refused(stamped: bytes, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    files = read_archive(stamped)
    with pytest.raises(PackRefused, match="by that authority"):
        timestamps.check(files[TIMESTAMP], files[SIGNATURE], other.folder / "chain.pem")


def test_a_byte_of_the_time_stamp_is_refused_without_the_authority(stamped: bytes) -> None:
    files = read_archive(stamped)
    token = files[TIMESTAMP]
    for at in range(0, len(token), max(1, len(token) // 60)):
        changed = token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :]
        with pytest.raises(PackRefused, match=TIMESTAMP):
            verify(write_archive({**files, TIMESTAMP: changed}), KEY.public, "9.9.9")
    for missing, named in ((TIMESTAMP, TIMESTAMP), (TIMESTAMP_SIGNATURE, TIMESTAMP_SIGNATURE)):
        less = {name: content for name, content in files.items() if name != missing}
        with pytest.raises(PackRefused, match=named):
            verify(write_archive(less), KEY.public, "9.9.9")


@pytest.mark.parametrize("answers", [b"", b"<html>", b"\x30\x03\x02\x01\x00", b"x" * 100_000])
def test_an_answer_that_is_no_time_stamp_makes_no_pack(authority: Authority, answers: bytes) -> None:
    with serving(authority, answers) as url, pytest.raises(NotExported):
        timestamps.ask(url, b"signature")


def test_an_answer_to_another_request_is_none(authority: Authority) -> None:
    """The nonce: an old answer for the same bytes is not taken."""
    with serving(authority) as url:
        before = timestamps.ask(url, b"signature")
    with serving(authority, before) as url, pytest.raises(NotExported, match="another request"):
        timestamps.ask(url, b"signature")


def test_an_authority_that_does_not_answer_is_named() -> None:
    with pytest.raises(NotExported, match=r"127\.0\.0\.1:9"):
        timestamps.ask("http://127.0.0.1:9/tsa", b"signature")
