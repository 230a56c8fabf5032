"""The check of TLS certificates in use: those that servers present, and those that `haulwatch device` made."""

import asyncio
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from devices.access.certificates import BadCertificate, expiry_of
from haulwatch.health.check_result import CheckResult, CheckStatus
from haulwatch.settings.data_files import authority_folder, device_certificate_folder
from haulwatch.settings.load import Settings

WARN_DAYS: Final = 30
"""Time to renew in office hours. The broker's own is renewed 60 days before its end, where that command runs."""
_CONNECT_S: Final = 5.0
_NAMED: Final = 3
_DEFAULT_PORT: Final = 443
_RENEW: Final = (
    "renew it: the broker's with `haulwatch device authority HOST`, a device's with `haulwatch device certificate ID` "
    "(remove the file of a device that is gone), another server's where it was made"
)


async def check_certificates(settings: Settings, now: datetime) -> CheckResult:
    """Find certificates that have expired or will within `WARN_DAYS`. A server that does not answer is left out."""
    found: dict[str, datetime] = {}
    unreadable: list[str] = []
    for path in _files(settings):
        try:
            found[str(path)] = expiry_of(path.read_bytes())
        except (BadCertificate, OSError) as exc:
            unreadable.append(f"{path}: {exc}")
    for name, (host, port) in _servers(settings).items():
        with suppress(OSError, TimeoutError, BadCertificate):  # the check of that server reports it
            found[name] = await presented(host, port)
    return judged(found, unreadable, now)


def judged(found: dict[str, datetime], unreadable: Iterable[str], now: datetime) -> CheckResult:
    """`found`: the last moment of each certificate, by its name for people."""
    expired = {name: end for name, end in found.items() if end <= now}
    ending = {name: end for name, end in found.items() if now < end <= now + timedelta(days=WARN_DAYS)}
    if expired:
        return CheckResult("certificates", CheckStatus.FAIL, f"expired: {_named(expired)}", _RENEW)
    for line in unreadable:
        return CheckResult("certificates", CheckStatus.FAIL, line, "put a certificate in PEM there, or remove the file")
    if ending:
        return CheckResult("certificates", CheckStatus.WARN, f"will expire: {_named(ending)}", _RENEW)
    if not found:
        return CheckResult("certificates", CheckStatus.OK, "none in use")
    return CheckResult(
        "certificates", CheckStatus.OK, f"{len(found)} in use, the first expires {min(found.values()):%Y-%m-%d}"
    )


async def presented(host: str, port: int) -> datetime:
    """The end of the certificate that a server presents, trusted or not.

    Raises OSError, TimeoutError, BadCertificate.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent: only its end is read
    opening = asyncio.open_connection(host, port, ssl=context)
    _, writer = await asyncio.wait_for(opening, _CONNECT_S)
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
    return expiry_of(certificate or b"")


def _files(settings: Settings) -> Iterator[Path]:
    for folder in (authority_folder(settings), device_certificate_folder(settings)):
        if folder.is_dir():
            yield from sorted(folder.glob("*.crt"))


def _servers(settings: Settings) -> dict[str, tuple[str, int]]:
    broker = settings.mqtt.broker
    servers = {f"broker {broker.host}:{broker.port}": (broker.host, broker.port)} if broker.tls else {}
    urls = {"store": settings.store.url, "Grafana": settings.grafana.url, "sign-on": settings.sign_on.issuer}
    for name, url in urls.items():
        parts = urlsplit(url or "")
        if parts.scheme == "https" and parts.hostname:
            servers[f"{name} {parts.netloc}"] = (parts.hostname, parts.port or _DEFAULT_PORT)
    return servers


def _named(ends: dict[str, datetime]) -> str:
    first = sorted(ends.items(), key=lambda item: item[1])
    more = f" and {len(first) - _NAMED} more" if len(first) > _NAMED else ""
    return ", ".join(f"{name} on {end:%Y-%m-%d}" for name, end in first[:_NAMED]) + more
