"""What /readyz and the doctor say about the files of attachments."""

from typing import NoReturn

from api.ports import ReadinessState
from devices.db.database import DatabaseUnavailable
from haulwatch.health.attachments import attachments_ready, check_attachments
from haulwatch.health.check_result import CheckStatus
from rules.attachments.model import Attachment, MediaType, OwnerKind
from rules.attachments.upkeep import Examined

ONE = Attachment(
    id="5f3c0a9be1d24477", owner_kind=OwnerKind.ALERT, owner_id="9f86d081884c7d65", name="姓名 13800000000.jpg",
    media_type=MediaType.JPEG, size_bytes=1, sha256="0" * 64, added_by="li", added_at=1,
)  # fmt: skip


def test_files_that_are_there_are_fine() -> None:
    found = Examined(7, 5)
    assert attachments_ready(found) == (ReadinessState.OK, "7 files are there", None)
    checked = check_attachments(lambda: found)
    assert (checked.status, checked.detail) == (
        CheckStatus.OK, "7 files are there, 5 of them were read and are what was attached",
    )  # fmt: skip


def test_spoiled_and_missing_files_are_said_and_no_name_of_a_file_to_everybody() -> None:
    found = Examined(7, 5, (ONE,), (ONE, ONE))
    state, detail, _ = attachments_ready(found)
    assert (state, detail) == (
        ReadinessState.DEGRADED, "attachments: 1 missing, 2 changed on disk: run `haulwatch doctor attachments`",
    )  # fmt: skip
    checked = check_attachments(lambda: found)
    assert checked.status is CheckStatus.FAIL
    assert "5f3c0a9be1d24477 of alert 9f86d081884c7d65" in checked.detail
    assert "13800000000" not in checked.detail


def test_a_database_that_is_away_is_named_elsewhere() -> None:
    def away() -> NoReturn:
        raise DatabaseUnavailable("away")

    assert check_attachments(away).status is CheckStatus.WARN
