"""The upkeep of attachments beside the API, and the look of the doctor."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING, Final

from api.report_ports import Reports
from devices.db.database import DatabaseError
from haulwatch.process import system_clock
from haulwatch.settings.data_files import retention_clock_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_attachments
from ingest.process.pause import pause
from rules.alerts.journal import AlertJournal
from rules.attachments.model import NoRoom, Owner, OwnerKind
from rules.attachments.store import AttachmentStore
from rules.attachments.upkeep import Upkeep
from rules.cases.model import CaseFilter
from rules.cases.store import CaseStore
from rules.public_reports.model import UnknownReport, no_of

if TYPE_CHECKING:
    from rules.attachments.upkeep import Examined

EVERY_S: Final = 3_600.0
_AGAIN_S: Final = 60.0
"""After a look for which the database was away."""
_DOCTOR_S: Final = 8.0
"""Half of what the doctor gives a check."""
_DAY_MS: Final = 86_400_000

_log = logging.getLogger(__name__)


def upkeep_of(
    settings: Settings, store: AttachmentStore, journal: AlertJournal, cases: CaseStore, reports: Reports
) -> Upkeep:
    """By the clock of retention, which follows no jump of the machine's clock: else one jump would remove all."""

    def now() -> int | None:
        try:
            return int(retention_clock_path(settings).read_bytes())
        except (OSError, ValueError):
            return None  # no recorder has run here yet

    return Upkeep(store, closed_at_of(journal, cases, reports), int(settings.attachments.keep_days * _DAY_MS), now)


def closed_at_of(journal: AlertJournal, cases: CaseStore, reports: Reports) -> Callable[[Owner], int | None]:
    """When a person closed the owner, wall clock in ms; None: never yet, or an open case holds the alert.

    A report is closed with its case.
    """

    def of_alert(alert_id: str) -> int | None:
        detail = journal.alert(alert_id)
        if detail is None or detail.alert.handled_at is None:
            return None
        now = system_clock.now_ms()
        if cases.cases(CaseFilter(alert_id=alert_id, is_open=True), now, limit=1).items:
            return None
        return detail.alert.handled_at

    def of_case(number: str) -> int | None:
        detail = cases.case(number, system_clock.now_ms())
        return None if detail is None else detail.case.closed_at

    def closed_at(owner: Owner) -> int | None:
        match owner.kind:
            case OwnerKind.ALERT:
                return of_alert(owner.id)
            case OwnerKind.CASE:
                return of_case(owner.id)
            case OwnerKind.REPORT:
                number = _case_of(reports, owner.id)
                return None if number is None else of_case(number)

    return closed_at


def _case_of(reports: Reports, number: str) -> str | None:
    try:
        return reports.report(no_of(number) or 0).case_number
    except UnknownReport:
        return None


async def keep_attachments(upkeep: Upkeep, stop: asyncio.Event) -> None:
    """One step an hour until `stop` is set."""
    while not stop.is_set():
        pause_s = EVERY_S
        try:
            await asyncio.to_thread(upkeep.step)
        except (DatabaseError, NoRoom) as exc:
            _log.warning("attachments: cannot be looked at, looking again in a minute: %s", exc)
            pause_s = _AGAIN_S
        await pause(stop, pause_s)


def look_at_attachments(settings: Settings) -> "Examined":
    """For the doctor: every file is looked for, and as many are read as there is time. Raises DatabaseError, NoData."""
    from rules.attachments.upkeep import examine

    ends = monotonic() + _DOCTOR_S
    with closing(open_attachments(settings)) as store:
        return examine(store, lambda: monotonic() < ends)
