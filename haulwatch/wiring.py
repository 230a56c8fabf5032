"""How the parts are put together: the only place that knows settings and parts at once."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

from devices.city import City
from devices.database import DatabaseError, open_database
from devices.registry import CityMissing, Registry
from haulwatch.settings import Settings
from ingest import ledger
from ingest.ledger import Ledger
from ingest.mqtt_source import MqttSource
from ingest.raw_log import RawLog
from ingest.store.influx import InfluxStore
from ingest.store.sqlite import SqliteStore
from rules.catalogue import BadRuleParameters, build_rules
from rules.journal import AlertJournal
from rules.rule import Rule

_log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 2.0
"""How soon a changed registry is noticed: an adopted device is taken from then on."""


def raw_log(settings: Settings) -> RawLog:
    """A hand on the raw log; for one thread at a time."""
    return RawLog(settings.paths.data_dir / "raw", settings.limits.raw_log_segment_mib << 20)


def mqtt_source(settings: Settings) -> MqttSource:
    mqtt = settings.mqtt
    return MqttSource(
        mqtt.broker,
        mqtt.client_id,
        session_expiry_s=mqtt.session_expiry_s,
        receive_maximum=mqtt.receive_maximum,
    )


def collector_status_path(settings: Settings) -> Path:
    return settings.paths.data_dir / "collector_status.json"


def recorder_state_path(settings: Settings) -> Path:
    return settings.paths.data_dir / "recorder.db"


def judge_state_path(settings: Settings) -> Path:
    return settings.paths.data_dir / "judge.db"


def store(settings: Settings) -> InfluxStore | SqliteStore:
    """InfluxDB if its variables are set, the embedded store in the data directory otherwise."""
    influx = settings.store
    if influx.url is None or influx.token is None or influx.org is None or influx.bucket is None:
        return SqliteStore(settings.paths.data_dir / "readings.db")
    return InfluxStore(influx.url, influx.token.get_secret_value(), influx.org, influx.bucket)


def read_ledger(settings: Settings) -> Ledger:
    """What became of every reading, as of now."""
    with closing(raw_log(settings)) as log:
        state = recorder_state_path(settings)
        return ledger.read_ledger(state, log, max_payload_bytes=settings.limits.max_payload_bytes)


def journal(settings: Settings) -> AlertJournal:
    return AlertJournal(open_database(settings.database_url.get_secret_value()))


def rules(settings: Settings) -> list[Rule[Any]]:
    """Every rule, with the parameters of the rules file. Raises BadRuleParameters."""
    path = settings.rules.file
    if path is None:
        return build_rules()
    try:
        return build_rules(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise BadRuleParameters(f"{path}: {exc}") from exc


@contextmanager
def registry(settings: Settings) -> Iterator[Registry]:
    opened = Registry(settings.database_url.get_secret_value())
    try:
        yield opened
    finally:
        opened.close()


def now_ms() -> int:
    """The wall clock, ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


class Cities(Protocol):
    """The part of the registry that `CurrentCity` looks at."""

    def revision(self) -> int: ...
    def load_city(self) -> City: ...


class CurrentCity:
    """The city as the registry has it now; looks for a new revision at most every `LOOK_EVERY_S`.

    While the registry is away the city stays as it was: recording and judging do not wait for it.
    """

    def __init__(self, source: Cities, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Raises CityMissing if none was imported yet, DatabaseError."""
        self._registry = source
        self._monotonic = monotonic
        self._city = source.load_city()
        self._look_at = monotonic() + LOOK_EVERY_S
        self._away = False

    def __call__(self) -> City:
        if self._monotonic() >= self._look_at:
            self._look()
            self._look_at = self._monotonic() + LOOK_EVERY_S
        return self._city

    def _look(self) -> None:
        try:
            if self._registry.revision() != self._city.revision:
                self._city = self._registry.load_city()
        except (DatabaseError, CityMissing) as exc:
            if not self._away:
                _log.warning("the registry is away, going on with the city as it was: %s", exc)
            self._away = True
        else:
            self._away = False
