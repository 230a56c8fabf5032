"""QR codes of sites: each leads to the form with the site filled in."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.openapi import Responses, problems
from api.http.problems import ProblemKind, RequestRefused, not_found
from api.ports import options_of
from devices.readings.ids import DEVICE_ID_PATTERN
from rules.public_reports.qr_codes import MEDIA_TYPES, address_of, picture

router: Final = APIRouter(prefix="/report-codes", tags=["reports"], dependencies=VIEWERS)
_CONTENT: Final = {"schema": {"type": "string", "format": "binary"}, "example": ""}
_PICTURE: Final[Responses] = {
    200: {"description": "The picture", "content": dict.fromkeys(MEDIA_TYPES.values(), _CONTENT)}
}


@router.get(
    "/{site_id}",
    summary="The QR code of a site",
    response_class=Response,
    responses=_PICTURE
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.NOT_FOUND, ProblemKind.NO_PUBLIC_ADDRESS),
)
def qr_code(
    request: Request,
    parts: Parts,
    site_id: Annotated[str, Path(pattern=DEVICE_ID_PATTERN)],
    form: Annotated[Literal["svg", "png"], Query(alias="format")] = "svg",
) -> Response:
    """A picture to print: it holds the address of the form with the id of the site, and nothing else."""
    if site_id not in parts.city().sites:
        raise not_found("Site", site_id, "GET /api/v1/sites lists them")
    public_url = options_of(request).reports.public_url
    if public_url is None:
        detail = "Set HAULWATCH_REPORT_PUBLIC_URL to the address under which the public reaches the form."
        raise RequestRefused(ProblemKind.NO_PUBLIC_ADDRESS, detail)
    content = picture(address_of(public_url, site_id), form)
    headers = {"Content-Disposition": f'attachment; filename="report-{site_id}.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)
