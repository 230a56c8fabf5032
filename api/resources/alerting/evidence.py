"""The evidence pack of an alert."""

import os
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from api.access.auditing import HANDED_OUT
from api.access.authentication import CurrentCaller
from api.access.roles import OFFICERS
from api.access.visible import Parts
from api.attachments.giving import chunks_of
from api.http.large_answers import PACKS
from api.http.openapi import problems, text_answer
from api.http.problems import ProblemKind, RequestRefused, not_found
from api.resources.alerts import AlertPath
from devices.access.signatures import BadKey, NoSigningKey
from ingest.evidence.errors import NoSuchAlert, NotExported

router = APIRouter(prefix="/alerts", tags=["alerts"], dependencies=[*HANDED_OUT, *OFFICERS])

RETRY_AFTER_S: Final = 15
_ZIP: Final = "application/zip"
_HINT: Final = "GET /api/v1/alerts lists all alerts"


async def _one_of_a_caller(request: Request, caller: CurrentCaller) -> AsyncIterator[None]:
    """Hold the caller's place until the client has taken the pack. Raises RequestRefused: the caller has one already.

    So nobody holds all places, and others wait for few.
    """
    of, who = request.app.state.packs_of, (str(caller.kind), caller.name)
    if who in of:
        raise RequestRefused(
            ProblemKind.TOO_BUSY,
            f"A pack is being made or sent for you: wait for it. Try again in {RETRY_AFTER_S} s.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    of.add(who)
    try:
        yield
    finally:
        of.discard(who)


@router.get(
    "/{alert_id}/evidence-pack",
    dependencies=[Depends(_one_of_a_caller), *PACKS],
    summary="Export the evidence of an alert",
    response_class=Response,
    responses=text_answer("A ZIP file; `haulwatch evidence verify` checks it", "PK…", _ZIP)
    | problems(
        ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.INVALID, ProblemKind.NOT_FOUND,
        ProblemKind.NO_SIGNING_KEY, ProblemKind.NOT_MADE, ProblemKind.TOO_BUSY, ProblemKind.UNAVAILABLE,
    ),
)  # fmt: skip
def evidence_pack(parts: Parts, caller: CurrentCaller, alert_id: AlertPath) -> Response:
    """One signed archive: raw messages, readings, tracks, versions in force, custody, photos, and a record as PDF.

    It takes up to some minutes. Two are made at a time, one of a caller, each in a process of its own; others wait.
    Somebody who may see a part of the city gets nothing of the rest; the pack says whether that suffices to judge
    the alert again. Each export is an entry of the audit trail.
    """
    if parts.journal.alert(alert_id) is None:
        raise not_found("Alert", alert_id, _HINT)
    part = None if caller.visibility.is_whole else parts.city()
    try:
        pack = parts.evidence_pack(alert_id, caller.name, parts.now(), part)
    except (NoSigningKey, BadKey) as exc:
        detail = "An administrator makes the key with `haulwatch evidence key` on the server, and checks its file."
        raise RequestRefused(ProblemKind.NO_SIGNING_KEY, detail) from exc
    except NoSuchAlert as exc:
        raise not_found("Alert", alert_id, _HINT) from exc
    except NotExported as exc:
        raise RequestRefused(ProblemKind.NOT_MADE, f"The pack cannot be made: {exc}.") from exc
    headers = {
        "Content-Disposition": f'attachment; filename="haulwatch-evidence-{alert_id}.zip"',
        "Content-Length": str(pack.seek(0, os.SEEK_END)),
    }
    pack.seek(0)
    return StreamingResponse(chunks_of(pack), media_type=_ZIP, headers=headers)
