"""The checks of attachments: is every file there, and is it what was attached?"""

from collections.abc import Callable

from api.ports import ReadinessResult, ReadinessState
from devices.db.database import DatabaseError
from haulwatch.health.check_result import CheckResult, CheckStatus
from haulwatch.settings.data_files import NoData
from rules.attachments.upkeep import Examined


def attachments_ready(found: Examined) -> ReadinessResult:
    """Of /readyz, by the last look of the background task."""
    if found.missing or found.spoiled:
        counts = {"missing": len(found.missing), "changed on disk": len(found.spoiled)}
        named = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        return ReadinessResult(ReadinessState.DEGRADED, f"attachments: {named}: run `haulwatch doctor attachments`")
    return ReadinessResult(ReadinessState.OK, f"{found.attachments:,} files are there")


def check_attachments(look: Callable[[], Examined]) -> CheckResult:
    """Of the doctor. `look` may raise DatabaseError, NoData."""
    try:
        found = look()
    except (DatabaseError, NoData) as exc:
        return CheckResult("attachments", CheckStatus.WARN, str(exc), "see the check of the database")
    if found.trouble:
        hint = "restore these files of attachments/ from a backup, or let whoever has them send them again"
        return CheckResult("attachments", CheckStatus.FAIL, found.trouble, hint)
    detail = f"{found.attachments:,} files are there, {found.read:,} of them were read and are what was attached"
    return CheckResult("attachments", CheckStatus.OK, detail)
