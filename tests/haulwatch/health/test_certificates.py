"""The doctor and certificates: what has expired, what will soon, and what a server presents."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.access.certificates import Authority, Issued
from haulwatch.health.certificates import WARN_DAYS, check_certificates
from haulwatch.health.check_result import CheckStatus
from haulwatch.settings.load import Settings, load_settings

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def settings_in(folder: Path, **variables: str) -> Settings:
    return load_settings({"HAULWATCH_DATA_DIR": str(folder), **variables})


def device_certificate(folder: Path, device: str, days: int) -> Path:
    """A certificate that ends `days` after NOW."""
    issued = Authority.create(NOW - 400 * DAY).for_device(device, NOW - 399 * DAY, 399 + days)
    path = folder / "certificates" / f"{device}.crt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(issued.certificate)
    return path


async def test_without_certificates_nothing_is_wrong(tmp_path: Path) -> None:
    found = await check_certificates(settings_in(tmp_path), NOW)
    assert (found.status, found.detail) == (CheckStatus.OK, "none in use")


@pytest.mark.parametrize(
    ("days", "status", "words"),
    [
        (WARN_DAYS + 2, CheckStatus.OK, "1 in use, the first expires 2026-12-31"),
        (WARN_DAYS - 1, CheckStatus.WARN, "truck-1.crt on 2026-12-28"),
        (-1, CheckStatus.FAIL, "expired: "),
    ],
)
async def test_a_certificate_of_a_device(tmp_path: Path, days: int, status: CheckStatus, words: str) -> None:
    device_certificate(tmp_path, "truck-1", days)
    found = await check_certificates(settings_in(tmp_path), NOW)
    assert (found.status, bool(found.hint)) == (status, status is not CheckStatus.OK)
    assert words in found.detail


async def test_of_many_the_first_to_end_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    for days in range(1, 8):
        device_certificate(tmp_path, f"truck-{days}", -days)
    found = await check_certificates(settings_in(tmp_path), NOW)
    assert found.detail.endswith(" and 4 more")
    assert found.detail.index("truck-7") < found.detail.index("truck-6") < found.detail.index("truck-5")


async def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    device_certificate(tmp_path, "truck-1", 300).write_text("not a certificate")
    found = await check_certificates(settings_in(tmp_path), NOW)
    assert found.status is CheckStatus.FAIL
    assert "truck-1.crt: is no certificate" in found.detail


@asynccontextmanager
async def tls_server(issued: Issued, folder: Path) -> AsyncIterator[int]:
    for name, text in (("server.crt", issued.certificate), ("server.key", issued.key)):
        (folder / name).write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(("later", "status"), [(0, CheckStatus.OK), (810, CheckStatus.WARN), (900, CheckStatus.FAIL)])
@pytest.mark.parametrize("variable", ["HAULWATCH_MQTT_URL", "HAULWATCH_GRAFANA_URL"])
async def test_the_certificate_that_a_server_presents(
    tmp_path: Path, variable: str, later: int, status: CheckStatus
) -> None:
    """825 days of validity; trusted or not, its end is what a client meets."""
    async with tls_server(Authority.create(NOW).for_server(["127.0.0.1"], NOW), tmp_path) as port:
        scheme = "mqtts" if "MQTT" in variable else "https"
        settings = settings_in(tmp_path, **{variable: f"{scheme}://127.0.0.1:{port}"})
        found = await check_certificates(settings, NOW + later * DAY)
    assert found.status is status
    assert "none in use" not in found.detail


async def test_a_server_that_is_away_is_the_business_of_its_own_check(tmp_path: Path) -> None:
    found = await check_certificates(settings_in(tmp_path, HAULWATCH_MQTT_URL="mqtts://127.0.0.1:1"), NOW)
    assert found.status is CheckStatus.OK
