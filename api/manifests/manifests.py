"""Manifests: list them, read one, issue one; the QR code and the short link of one."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.access.acting import acting_name
from api.access.auditing import PERSONAL, note_target
from api.access.authentication import CurrentCaller
from api.access.roles import OPERATORS, VIEWERS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.openapi import Responses, answer, problems
from api.http.paging import CURSOR_HINT, Cursor
from api.http.problems import ProblemKind, invalid
from api.manifests.actions import WRITE
from api.manifests.answers import (
    DETAIL_EXAMPLE,
    MANIFEST_EXAMPLE,
    CodePath,
    NumberPath,
    no_such_manifest,
    refusals,
)
from api.manifests.bodies import ManifestIssueBody
from devices.db.page_cursor import InvalidCursor
from devices.readings.ids import DEVICE_ID_PATTERN
from rules.manifests.document import ManifestDetail, ManifestFilter, ManifestPage
from rules.manifests.model import ManifestState
from rules.public_reports.qr_codes import MEDIA_TYPES, picture

router: Final = APIRouter(prefix="/manifests", tags=["manifests"], dependencies=[*PERSONAL, *VIEWERS])
short_links: Final = APIRouter()

MAX_MANIFESTS: Final = 200
_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)
_CONTENT: Final = {"schema": {"type": "string", "format": "binary"}, "example": ""}
_PICTURE: Final[Responses] = {
    200: {"description": "The picture", "content": dict.fromkeys(MEDIA_TYPES.values(), _CONTENT)}
}
_Id = Annotated[str | None, Query(pattern=DEVICE_ID_PATTERN)]


@router.get(
    "",
    summary="Find manifests",
    response_model=ManifestPage,
    responses=answer("Manifests, newest first", {"items": [MANIFEST_EXAMPLE], "next_cursor": None}) | problems(*_READ),
)
def find_manifests(  # noqa: PLR0913, PLR0917 - one filter each
    parts: Parts,
    state: Annotated[ManifestState | None, Query(description="As judged")] = None,
    device: Annotated[str | None, Query(pattern=DEVICE_ID_PATTERN, description="Terminal of the truck")] = None,
    vehicle: _Id = None,
    source: _Id = None,
    destination: _Id = None,
    start: Annotated[Instant | None, Query(description="Issued at this time or later")] = None,
    end: Annotated[Instant | None, Query(description="Issued before this time")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_MANIFESTS)] = 50,
    cursor: Cursor = None,
) -> ManifestPage:
    """Manifests that match every filter, newest first: those of the trucks that the caller may see."""
    where = ManifestFilter(
        state=state,
        device_ids=None if device is None else frozenset({device}),
        vehicle_id=vehicle,
        source_id=source,
        destination_id=destination,
        start=start,
        end=end,
    )
    try:
        return parts.manifests.manifests(where, limit=limit, before=cursor)
    except InvalidCursor as exc:
        raise invalid("query.cursor", CURSOR_HINT) from exc


@router.post(
    "",
    summary="Issue a manifest",
    status_code=201,
    response_model=ManifestDetail,
    dependencies=OPERATORS,
    responses=answer("The manifest", DETAIL_EXAMPLE, status=201) | problems(*WRITE),
)
def issue_manifest(
    request: Request, parts: Parts, caller: CurrentCaller, response: Response, body: ManifestIssueBody
) -> ManifestDetail:
    """Issue a manifest as a draft: one truck trip, one manifest. Its source has to confirm it."""
    with refusals():
        detail = parts.manifests.issue(
            body.manifest.document(), acting_name(caller, body.actor), parts.now(), body.number
        )
    note_target(request, detail.manifest.number)
    response.headers["Location"] = f"/api/v1/manifests/{detail.manifest.number}"
    return detail


@router.get(
    "/code/{code}",
    summary="Find a manifest by its short link",
    response_model=ManifestDetail,
    responses=answer("The manifest with its transitions", DETAIL_EXAMPLE) | problems(*_READ, ProblemKind.NOT_FOUND),
)
def show_by_code(parts: Parts, code: CodePath) -> ManifestDetail:
    """The manifest whose QR code a gate has scanned."""
    number = parts.manifests.number_of_code(code)
    detail = None if number is None else parts.manifests.manifest(number)
    if detail is None:
        raise no_such_manifest(code)
    return detail


@router.get(
    "/{manifest_number}",
    summary="Show a manifest",
    response_model=ManifestDetail,
    responses=answer("The manifest with its transitions", DETAIL_EXAMPLE) | problems(*_READ, ProblemKind.NOT_FOUND),
)
def show_manifest(parts: Parts, number: NumberPath) -> ManifestDetail:
    """One manifest: present state, every transition with actor, time and evidence, also those that were withdrawn."""
    detail = parts.manifests.manifest(number)
    if detail is None:
        raise no_such_manifest(number)
    return detail


@router.get(
    "/{manifest_number}/qr",
    summary="The QR code of a manifest",
    response_class=Response,
    responses=_PICTURE | problems(*_READ, ProblemKind.NOT_FOUND),
)
def qr_code(
    request: Request,
    parts: Parts,
    number: NumberPath,
    form: Annotated[Literal["svg", "png"], Query(alias="format")] = "svg",
) -> Response:
    """A picture to print or show: it holds the short link under the address of this request, and nothing else."""
    detail = parts.manifests.manifest(number)
    if detail is None:
        raise no_such_manifest(number)
    content = picture(f"{request.base_url}m/{detail.manifest.code}", form)
    headers = {"Content-Disposition": f'attachment; filename="manifest-{number}.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


@short_links.get("/m/{code}", include_in_schema=False)
def short_link(code: CodePath) -> RedirectResponse:
    """Lead to the manifest. Whoever scans it without a right to see it learns nothing."""
    return RedirectResponse(f"/api/v1/manifests/code/{code}", status_code=303)
