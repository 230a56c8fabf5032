"""The evidence pack of an alert."""

from typing import Final

from fastapi import APIRouter, Response

from api.access.auditing import HANDED_OUT
from api.access.authentication import CurrentCaller
from api.access.roles import OFFICERS
from api.access.visible import Parts
from api.http.large_answers import PACKS
from api.http.openapi import problems, text_answer
from api.http.problems import ProblemKind, RequestRefused, not_found
from api.resources.alerts import AlertPath
from devices.access.signatures import BadKey, NoSigningKey

router = APIRouter(prefix="/alerts", tags=["alerts"], dependencies=[*HANDED_OUT, *OFFICERS])

_ZIP: Final = "application/zip"


@router.get(
    "/{alert_id}/evidence-pack",
    dependencies=PACKS,
    summary="Export the evidence of an alert",
    response_class=Response,
    responses=text_answer("A ZIP file; `haulwatch evidence verify` checks it", "PK…", _ZIP)
    | problems(
        ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.INVALID, ProblemKind.NOT_FOUND,
        ProblemKind.NO_SIGNING_KEY, ProblemKind.TOO_BUSY, ProblemKind.UNAVAILABLE,
    ),
)  # fmt: skip
def evidence_pack(parts: Parts, caller: CurrentCaller, alert_id: AlertPath) -> Response:
    """One signed archive: raw messages, readings, tracks, versions in force, custody, and a record as PDF.

    It takes up to a minute, and one is made at a time. Somebody who may see a part of the city gets nothing of the
    rest; the pack says whether that suffices to judge the alert again. Each export is an entry of
    the audit trail.
    """
    if parts.journal.alert(alert_id) is None:
        raise not_found("Alert", alert_id, "GET /api/v1/alerts lists all alerts")
    part = None if caller.visibility.is_whole else parts.city()
    try:
        pack = parts.evidence_pack(alert_id, caller.name, parts.now(), part)
    except (NoSigningKey, BadKey) as exc:
        detail = "An administrator makes the key with `haulwatch evidence key` on the server, and checks its file."
        raise RequestRefused(ProblemKind.NO_SIGNING_KEY, detail) from exc
    name = f"haulwatch-evidence-{alert_id}.zip"
    return Response(pack, media_type=_ZIP, headers={"Content-Disposition": f'attachment; filename="{name}"'})
