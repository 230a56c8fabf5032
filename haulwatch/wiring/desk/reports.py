"""Public reports: the store, the keys of informants, and the task that erases names after their time."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from api.report_ports import PublicReports, ReportOptions
from devices.access.mosquitto_files import write_files
from devices.db.database import DatabaseError, open_database
from devices.readings.instants import DAY_MS
from haulwatch.process.retention import PacedClock
from haulwatch.settings.data_files import informant_clock_path, informant_keys_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from haulwatch.wiring.desk.cases import terms
from haulwatch.wiring.desk.secret_files import read_secret
from ingest.process.pause import pause
from rules.public_reports.informants import Informants
from rules.public_reports.sealing import NO_KEYS, BadInformantKey, InformantKeys
from rules.public_reports.store import ReportStore

_log = logging.getLogger(__name__)

ERASE_EVERY_S: Final = 3_600.0
"""The time to keep a name is counted in days."""
_MAX_KEYS_BYTES: Final = 16_384


def report_options(settings: Settings) -> ReportOptions:
    found = settings.reports
    return ReportOptions(
        form=found.form == "on",
        public_url=found.public_url,
        office=found.office,
        hotline=found.hotline,
        max_per_day=found.max_per_day,
        per_address=found.per_address,
        informant_keep_days=found.informant_keep_days,
    )


@contextmanager
def open_public_reports(settings: Settings, timezone: Callable[[], str]) -> Iterator[PublicReports]:
    """`timezone`: of the city, by its IANA name."""
    engine = open_database(existing_database_url(settings))
    try:
        reports = ReportStore(engine, lambda: terms(settings, ZoneInfo(timezone())))
        yield PublicReports(reports, Informants(engine, lambda: informant_keys(settings)))
    finally:
        engine.dispose()


@contextmanager
def open_informants(settings: Settings, keys: Callable[[], InformantKeys]) -> Iterator[Informants]:
    """For one command."""
    engine = open_database(existing_database_url(settings))
    try:
        yield Informants(engine, keys)
    finally:
        engine.dispose()


def informant_keys(settings: Settings) -> InformantKeys:
    """Those of the setting, else of the file, else none. Raises BadInformantKey, OSError."""
    if settings.reports.keys is not None:
        return InformantKeys.parse(settings.reports.keys.get_secret_value())
    then = ", and make a new key: `haulwatch report key`"
    text = read_secret(informant_keys_path(settings), _MAX_KEYS_BYTES, BadInformantKey, "file of keys", then)
    return NO_KEYS if text is None else InformantKeys.parse(text)


def keep_informant_keys(settings: Settings, keys: InformantKeys) -> Path:
    """Write the file of the keys, for this user only. Raises OSError."""
    path = informant_keys_path(settings)
    write_files(path.parent, {path.name: keys.text()})
    return path


async def erasing(settings: Settings, found: PublicReports, stop: asyncio.Event) -> None:
    """Erase names by the setting until `stop` is set."""
    clock = PacedClock(informant_clock_path(settings), None)
    await keep_erasing(found.informants.erase_before, settings.reports.informant_keep_days, clock, stop)


async def keep_erasing(
    erase_before: Callable[[int], int], keep_days: int, clock: Callable[[], int], stop: asyncio.Event
) -> None:
    """Erase names beyond their time every hour until `stop` is set. `clock`: ms since 1970 UTC, which no jump of the
    machine's clock moves at once (`haulwatch.process.retention.PacedClock`).
    """
    while not stop.is_set():
        try:
            erased = await asyncio.to_thread(erase_before, clock() - keep_days * DAY_MS)
        except DatabaseError as exc:
            _log.warning("public reports: the database does not answer, names are erased in an hour: %s", exc)
        else:
            if erased:
                _log.info("public reports: erased %d names of informants older than %d days", erased, keep_days)
        await pause(stop, ERASE_EVERY_S)
