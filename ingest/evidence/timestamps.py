"""RFC 3161 time stamps of packs: asked of an authority at the export, checked when a pack is verified.

Needs the extra `timestamps` (rfc3161-client); only this module imports it, when it is asked for. `openssl ts -verify`
checks the same file.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from cryptography import x509

from devices.bounded_files import read_bounded
from ingest.evidence.der import with_sorted_certificates
from ingest.evidence.errors import NotExported, PackRefused
from ingest.evidence.manifest import TIMESTAMP

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

_TIMEOUT_S: Final = 30.0
_MAX_ANSWER_BYTES: Final = 65_536
_MAX_CERTIFICATES_BYTES: Final = 1 << 20
_REQUEST_TYPE: Final = "application/timestamp-query"
NOT_INSTALLED: Final = "rfc3161-client is not installed: install haulwatch with the extra `timestamps`"


def ask(url: str, content: bytes) -> bytes:
    """The answer of an authority for these bytes, which holds the time stamp. Raises NotExported."""
    try:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # noqa: PLC0415 - an extra
    except ImportError as exc:
        raise NotExported(NOT_INSTALLED) from exc
    request = TimestampRequestBuilder(content, HashAlgorithm.SHA256).build()
    try:
        answer = httpx.post(
            url, content=request.as_bytes(), headers={"Content-Type": _REQUEST_TYPE}, timeout=_TIMEOUT_S
        )
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise NotExported(
            f"the time-stamping authority at {url} does not answer: {exc}: try again, or export without a time stamp"
        ) from exc
    if len(answer.content) > _MAX_ANSWER_BYTES:
        raise NotExported(f"the time-stamping authority at {url} answers more than {_MAX_ANSWER_BYTES:,} bytes")
    try:
        response = _decoded(answer.content)
        right = response.status == 0 and response.tst_info.nonce == request.nonce
    except (ValueError, PackRefused) as exc:
        raise NotExported(f"the time-stamping authority at {url} gives no time stamp: {exc}") from exc
    if not right:
        raise NotExported(f"the time-stamping authority at {url} refused, or answered another request")
    return answer.content


def stamped_at(token: bytes) -> datetime:
    """The time that a time stamp claims. Raises PackRefused, ImportError."""
    return _decoded(token).tst_info.gen_time


def check(token: bytes, content: bytes, roots: Path) -> None:
    """Check a time stamp of these bytes by the root certificates of a PEM file; others in it are intermediate ones.

    Raises PackRefused, OSError, ImportError.
    """
    from rfc3161_client import VerificationError, VerifierBuilder  # noqa: PLC0415 - an extra

    builder = VerifierBuilder()
    for certificate in _certificates(roots):
        if certificate.issuer == certificate.subject:
            builder = builder.add_root_certificate(certificate)
        else:
            builder = builder.add_intermediate_certificate(certificate)
    try:
        builder.build().verify_message(_decoded(token), content)
    except (VerificationError, ValueError) as exc:
        raise PackRefused(TIMESTAMP, f"is not a time stamp of this pack by that authority: {exc}") from exc


def _certificates(path: Path) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(read_bounded(path, _MAX_CERTIFICATES_BYTES, "give the roots only"))
    except ValueError as exc:
        raise PackRefused(str(path), f"holds no certificates in PEM form: {exc}") from exc


def _decoded(token: bytes) -> "TimeStampResponse":
    from rfc3161_client import decode_timestamp_response  # noqa: PLC0415 - an extra

    try:
        return decode_timestamp_response(with_sorted_certificates(token))
    except ValueError as exc:
        raise PackRefused(TIMESTAMP, f"is no time stamp: {exc}") from exc
