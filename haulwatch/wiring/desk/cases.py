"""The cases of an installation."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from zoneinfo import ZoneInfo

from devices.db.database import open_database
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from rules.cases.deadlines import Terms
from rules.cases.model import CaseKind
from rules.cases.store import CaseStore


def terms(settings: Settings, zone: ZoneInfo) -> Terms:
    """How long cases may take, by the calendar of a zone."""
    found = settings.cases
    days = {CaseKind.REPORT: found.report_days, CaseKind.ALERT: found.alert_days, CaseKind.MANUAL: found.manual_days}
    return Terms(days, zone)


@contextmanager
def open_cases(settings: Settings, timezone: Callable[[], str]) -> Iterator[CaseStore]:
    """`timezone`: of the city, by its IANA name."""
    engine = open_database(existing_database_url(settings))
    with closing(CaseStore(engine, lambda: terms(settings, ZoneInfo(timezone())))) as store:
        yield store
