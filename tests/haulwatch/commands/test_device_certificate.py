"""`haulwatch device authority` and `certificate`."""

import shutil
import ssl
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devices.access import certificates
from tests.haulwatch.commands.desk import Desk


def test_an_authority_is_created_once_and_the_servers_certificate_when_it_is_due(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.ask("device", "authority", "broker.city", "10.0.0.5")["renewed"] is True
    authority = (desk.home / "authority/ca.crt").read_text()
    assert desk.ask("device", "authority", "broker.city", "10.0.0.5")["renewed"] is False
    assert desk.ask("device", "authority", "broker.city")["renewed"] is True, "another set of names"
    later = certificates.now_utc() + timedelta(days=certificates.SERVER_DAYS - certificates.RENEW_DAYS + 1)
    monkeypatch.setattr("haulwatch.commands.device.certificate.now_utc", lambda: later)
    assert desk.ask("device", "authority", "broker.city")["renewed"] is True
    assert (desk.home / "authority/ca.crt").read_text() == authority
    assert stat.S_IMODE((desk.home / "authority/ca.key").stat().st_mode) == 0o600
    context = ssl.create_default_context(cafile=str(desk.home / "authority/ca.crt"))
    context.load_cert_chain(desk.home / "authority/server.crt", desk.home / "authority/server.key")


def test_a_server_key_that_is_not_the_certificates_is_renewed_with_it(desk: Desk) -> None:
    """As a crash between the two files leaves them; Mosquitto would not start."""
    desk.ask("device", "authority", "broker.city")
    shutil.copy(desk.home / "authority/ca.key", desk.home / "authority/server.key")
    assert desk.ask("device", "authority", "broker.city")["renewed"] is True
    ssl.create_default_context().load_cert_chain(desk.home / "authority/server.crt", desk.home / "authority/server.key")


@pytest.mark.parametrize("taken", ["ca.key", "ca.crt"])
def test_half_an_authority_is_not_replaced(desk: Desk, taken: str) -> None:
    """Every device trusts it: a key that somebody moved to a safe place is no reason for another authority."""
    desk.ask("device", "authority", "broker.city")
    (desk.home / "authority" / taken).unlink()
    before = {path.name: path.read_text() for path in (desk.home / "authority").iterdir()}
    assert f"without {taken}: put it back" in desk.refused("device", "authority", "broker.city")
    assert {path.name: path.read_text() for path in (desk.home / "authority").iterdir()} == before


def test_a_device_certificate_names_the_device_and_its_end(desk: Desk) -> None:
    desk.ask("device", "authority", "127.0.0.1")
    made = desk.ask("device", "certificate", "truck-001", "--days", "30")
    crt = next(path for path in made["files"] if path.endswith(".crt"))
    decoded: Any = ssl._ssl._test_decode_cert(crt)  # type: ignore[attr-defined]
    assert decoded["subject"] == ((("commonName", "truck-001"),),)
    assert all(stat.S_IMODE(Path(path).stat().st_mode) == 0o600 for path in made["files"])
