"""The indicators of an installation."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from typing import Final

from devices.city.model import City
from devices.db.database import open_database
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from haulwatch.wiring.desk.cases import open_cases
from haulwatch.wiring.stores import current_ledger
from rules.cases.model import CaseKind
from rules.indicators.board_rows import BoardRows
from rules.indicators.model import Asked, IndicatorReport
from rules.indicators.programme import read_programme
from rules.indicators.store import IndicatorStore
from rules.weighing.balance import Calendar

BOARD_DAYS: Final = 30
"""Of the indicators on boards."""


@contextmanager
def open_indicators(settings: Settings) -> Iterator[IndicatorStore]:
    """The file of the programme is read once. Raises ProgrammeFileError."""
    programme = read_programme(settings.programme.file)
    with closing(IndicatorStore(open_database(existing_database_url(settings)), programme)) as store:
        yield store


@contextmanager
def open_board_rows(settings: Settings) -> Iterator[BoardRows]:
    """What boards show of weighings and manifests."""
    with closing(BoardRows(open_database(existing_database_url(settings)))) as rows:
        yield rows


def rolling_report(settings: Settings, city: Callable[[], City], store: IndicatorStore) -> IndicatorReport:
    """The indicators over the last days up to today. Raises DatabaseError, StateUnavailable, RawLogError."""
    now, shown = now_ms(), city()
    today = date.fromisoformat(Calendar(shown.timezone).day(now))
    return store.report(asked_of(settings, shown, today - timedelta(days=BOARD_DAYS - 1), today, now))


def drawn(report: IndicatorReport, quarter: str, language: str, settings: Settings) -> bytes:
    """The quarterly report as PDF. `language`: `zh` or `en`. Raises BadFont, NoChineseFont."""
    from ingest.quarterly.document import quarterly_report

    return quarterly_report(report, quarter, "zh" if language == "zh" else "en", settings.evidence.font)


def asked_of(settings: Settings, city: City, first_day: date, last_day: date, now: int) -> Asked:
    """What is asked for, with what cases and ledger say of it. Raises DatabaseError, StateUnavailable, RawLogError."""
    calendar = Calendar(city.timezone)
    start, end = calendar.start_ms(first_day), calendar.start_ms(last_day + timedelta(days=1))
    with open_cases(settings, lambda: city.timezone) as cases:
        reports = cases.indicators(start, end, now).by_kind[CaseKind.REPORT]
    heard_at = {line.device: line.heard_at for line in current_ledger(settings).devices if line.heard_at is not None}
    return Asked(first_day, last_day, now, city, heard_at=heard_at, reports=reports)
