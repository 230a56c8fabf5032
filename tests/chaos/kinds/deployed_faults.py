"""What may be away or change in a deployed installation: PostgreSQL, and the certificates of the broker."""

import ssl
from typing import Final

from haulwatch.settings.data_files import alert_outbox_path
from ingest.alerts.outbox import read_waiting
from tests.chaos.deployed_yard import DeployedYard
from tests.chaos.faults import Fault, Size
from tests.chaos.yard import Complaint, Yard


def postgres_away(yard: Yard, size: Size) -> None:
    """Recording and judgement go on, alerts go out over MQTT, and every process starts. /readyz is degraded.

    Changes wait in `outbox.db`; when PostgreSQL is back they are in the journal, each once.
    """
    yard = _deployed(yard)
    yard.rest(0.5, 1.5)
    yard.postgres.stop()
    try:
        yard.expect(lambda: _waiting(yard) > 0, "alert changes wait in the outbox", 20)
        _goes_on(yard, size.outage_s)
        yard.expect(lambda: yard.state("journal")[0] == "degraded", "/readyz says that the database is away", 20)
        yard.kill_all()
        yard.start_all()
        _goes_on(yard, size.outage_s)
    finally:
        yard.postgres.start()
    yard.expect(lambda: _waiting(yard) == 0, "the outbox is empty", 60)
    yard.expect(lambda: yard.state("journal")[0] == "ok", "/readyz is content", 20)


def certificates_renewed(yard: Yard, size: Size) -> None:
    """The broker's certificate is renewed while everybody is connected, then the authority, with a restart of the
    broker: each process reads the authorities again when it connects. Nothing of Haulwatch is started again.
    """
    yard = _deployed(yard)
    yard.rest(0.5, 1.5)
    _renew(yard, "broker.city")
    yard.deployed.reload()
    _goes_on(yard, size.outage_s)
    for name in ("ca.key", "ca.crt"):
        (yard.deployed.home / "authority" / name).unlink()
    _renew(yard, "other.city")
    yard.broker.stop()
    yard.expect_unready("collector", "not connected", 10)
    yard.broker.start()
    yard.until_connected()
    _goes_on(yard, size.outage_s)


def _renew(yard: DeployedYard, host: str) -> None:
    before = (yard.deployed.access / "server.crt").read_text()
    yard.deployed.haulwatch("device", "authority", "127.0.0.1", host, "--to", str(yard.deployed.access))
    if (yard.deployed.access / "server.crt").read_text() == before:
        raise Complaint("the certificate was not renewed")
    ssl.create_default_context(cafile=str(yard.deployed.access / "ca.crt"))


def _deployed(yard: Yard) -> DeployedYard:
    assert isinstance(yard, DeployedYard)
    return yard


def _waiting(yard: DeployedYard) -> int:
    return read_waiting(alert_outbox_path(yard.settings))[0]


def _goes_on(yard: DeployedYard, seconds: float) -> None:
    """Readings are recorded, and alerts arrive over MQTT."""
    recorded, alerts = yard.recorder().offset, yard.listener.alerts
    yard.rest(seconds, seconds)
    yard.expect(lambda: yard.recorder().offset > recorded, "readings are recorded", 20)
    yard.expect(lambda: yard.listener.alerts > alerts, "alerts arrive", 20)


FAULTS: Final = (
    Fault("PostgreSQL away, all killed, PostgreSQL back", postgres_away, DeployedYard),
    Fault("certificates renewed under way", certificates_renewed, DeployedYard),
)
