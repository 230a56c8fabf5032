"""The deposits of an installation: the store, the key of pseudonyms, and the intake over MQTT."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from devices.access.mosquitto_files import write_files
from devices.city.model import City
from devices.codecs.topics import deposit_topic
from devices.db.database import open_database
from haulwatch.process import system_clock
from haulwatch.settings.data_files import deposit_key_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from haulwatch.wiring.desk.secret_files import read_secret
from haulwatch.wiring.desk.weighings import open_stocks
from ingest.mqtt.source import MqttSource
from ingest.recyclables.intake import DepositIntake
from rules.recyclables.pseudonyms import BadPseudonymKey, PseudonymKey
from rules.recyclables.store import DepositStore
from rules.recyclables.tariff import Tariffs, read_tariffs
from rules.stocks.store import StockStore

_log = logging.getLogger(__name__)

_MAX_KEY_BYTES: Final = 1_024


@contextmanager
def open_deposits(settings: Settings, city: Callable[[], City]) -> Iterator[DepositStore]:
    """The file of tariffs is read once. `city` returns the city as it is now. Raises TariffFileError."""
    with closing(_store(settings, city, read_tariffs(settings.deposits.tariffs))) as store:
        yield store


class Materials(NamedTuple):
    """What people bring, and what lies at sites."""

    deposits: DepositStore
    stocks: StockStore


@contextmanager
def open_materials(settings: Settings, city: Callable[[], City]) -> Iterator[Materials]:
    """Deposits and stocks together, for the API. Raises TariffFileError."""
    tariffs = read_tariffs(settings.deposits.tariffs)
    if strange := [*tariffs.unknown_sites(city())]:
        _log.warning(
            "deposits: the tariffs name sites that are not registered, and pay nothing there: %s", strange[:20]
        )
    with closing(_store(settings, city, tariffs)) as deposits, open_stocks(settings) as stocks:
        yield Materials(deposits, stocks)


def _store(settings: Settings, city: Callable[[], City], tariffs: Tariffs) -> DepositStore:
    engine = open_database(existing_database_url(settings))
    return DepositStore(engine, city, tariffs, lambda: pseudonym_key(settings))


def deposit_intake(settings: Settings, store: DepositStore) -> DepositIntake:
    """Opens no connection."""
    mqtt = settings.mqtt
    source = MqttSource(
        mqtt.broker,
        f"{mqtt.client_id}-deposits",
        session_expiry_s=mqtt.session_expiry_s,
        topic_filters=(deposit_topic("+"),),
        part="deposits",
    )
    return DepositIntake(source, store, system_clock.now_ms)


def pseudonym_key(settings: Settings) -> PseudonymKey | None:
    """That of the setting, else of the file, else none. Raises BadPseudonymKey, OSError."""
    if settings.deposits.key is not None:
        return PseudonymKey.parse(settings.deposits.key.get_secret_value())
    text = read_secret(deposit_key_path(settings), _MAX_KEY_BYTES, BadPseudonymKey)
    return None if text is None else PseudonymKey.parse(text)


def keep_pseudonym_key(settings: Settings, key: PseudonymKey) -> Path:
    """Write the file of the key, for this user only. Raises OSError."""
    path = deposit_key_path(settings)
    write_files(path.parent, {path.name: key.text()})
    return path
