"""Photos of informants: sent by the script of the receipt, with the number and the secret code of the report."""

import asyncio
import logging
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request
from starlette.requests import ClientDisconnect

from api.access.roles import OPERATORS
from api.access.visible import Parts
from api.attachment_ports import Attachments
from api.attachments.receiving import Uploads
from api.attachments.routes import attachment_router
from api.http.problems import ProblemKind, RequestRefused, invalid, not_found
from api.ports import options_of, parts_of
from api.public_reports.form import address_of, form_of, is_on
from api.public_reports.pages import MAX_PHOTOS
from api.public_reports.reports import ReportPath, report_of
from devices.readings.instants import DAY_MS
from rules.attachments.jpeg import NoJpeg, without_metadata
from rules.attachments.model import AttachmentRefused, NoRoom, Owner, OwnerKind
from rules.public_reports.joining import BY_THE_FORM
from rules.public_reports.model import Report, no_of

_log = logging.getLogger(__name__)

MAX_BYTES: Final = 1 << 20
"""Of one photo: the script sends some 300 KiB, 1,600 pixels wide."""
LONGEST_S: Final = 60.0
"""For a photo to arrive: 300 KiB over 0.04 Mbit/s. Few are received at once, so none may take long."""
WITHIN_MS: Final = DAY_MS
"""After the report: later photos are for whoever calls the informant back."""
AT_ONCE: Final = 4
"""Photos of the public that are received or looked at."""
_RETRY_AFTER_S: Final = 5

router: Final = APIRouter(include_in_schema=False, dependencies=[Depends(is_on)])


@router.post("/report/photo", status_code=201)
async def send_photo(
    request: Request,
    number: Annotated[str, Header(alias="X-Report-Number", max_length=24)] = "",
    code: Annotated[str, Header(alias="X-Report-Code", max_length=32)] = "",
) -> dict[str, int]:
    """Keep a photo (JPEG) of a report that was sent within a day; return how many there are."""
    form, parts = form_of(request), parts_of(request)
    report = await _report(request, number, code)
    if form.photos_now >= AT_ONCE:
        detail, headers = "Too many photos at once. Try again soon.", {"Retry-After": str(_RETRY_AFTER_S)}
        raise RequestRefused(ProblemKind.TOO_BUSY, detail, headers=headers)
    if not form.photos_of_all.take(""):
        if form.photos_full.take(""):
            _log.warning(
                "public reports: photos are refused, %d were kept within a day: look whether they are "
                "earnest; HAULWATCH_REPORT_MAX_PER_DAY raises it",
                options_of(request).reports.max_per_day,
            )
        raise RequestRefused(ProblemKind.TOO_BUSY, "Too many photos. Try again later.")
    form.photos_now += 1
    is_new = False
    try:
        content = await _received(request)
        uploads: Uploads = request.app.state.uploads
        async with uploads.turns.of_public():
            kept, is_new = await asyncio.to_thread(_kept, parts.attachments, report, content, parts.now())
    except AttachmentRefused as exc:
        raise invalid("body", exc.hint) from exc
    except NoRoom as exc:
        raise RequestRefused(ProblemKind.NO_ROOM, "There is no room for photos now.") from exc
    finally:
        form.photos_now -= 1
        if not is_new:
            form.photos_of_all.give_back("")
    return {"photos": kept}


async def _report(request: Request, number: str, code: str) -> Report:
    """The report, for who has its code. Raises RequestRefused."""
    form, parts, address = form_of(request), parts_of(request), address_of(request)
    no = no_of(number)
    busy = RequestRefused(ProblemKind.TOO_BUSY, "Too many photos. Try again later.")
    if not form.guessed.take(address):
        raise busy
    found = None if no is None else await asyncio.to_thread(parts.public_reports.reports.by_code, no, code)
    if found is None:
        raise not_found("Report", number, "look at number and code again")
    form.guessed.give_back(address)
    if not form.photos.take(address) or not form.photos_of_report.take(found.number):
        raise busy
    if parts.now() > found.received_at + WITHIN_MS:
        raise invalid("body", "photos are taken within a day of the report")
    return found


async def _received(request: Request) -> bytes:
    """The body, within its bound; place and phone are left out also where the script of the receipt did not.

    Raises RequestRefused.
    """
    content = bytearray()
    try:
        async with asyncio.timeout(LONGEST_S):
            async for chunk in request.stream():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise RequestRefused(ProblemKind.TOO_LARGE, f"A photo may have at most {MAX_BYTES >> 10} KiB.")
    except TimeoutError as exc:
        detail = f"The photo did not arrive within {LONGEST_S:.0f} s: send it again over a faster network."
        raise RequestRefused(ProblemKind.BAD_REQUEST, detail) from exc
    except ClientDisconnect as exc:
        detail = "The connection ended before the photo did: send it again"
        raise RequestRefused(ProblemKind.BAD_REQUEST, detail) from exc
    try:
        return without_metadata(bytes(content))
    except NoJpeg as exc:
        raise invalid("body", "send a photo as JPEG; this is none, or no whole one") from exc


def _kept(attachments: Attachments, report: Report, content: bytes, now: int) -> tuple[int, bool]:
    """How many there are, and whether this one is new. Raises AttachmentRefused, NoRoom."""
    owner = Owner(OwnerKind.REPORT, report.number)
    if len(_of_the_form(attachments, owner)) >= MAX_PHOTOS:
        raise AttachmentRefused("body", f"a report takes {MAX_PHOTOS} photos")
    incoming = attachments.receive(owner)
    try:
        incoming.write(content)
        added = attachments.add(owner, "photo.jpg", incoming, BY_THE_FORM, now, of_anybody=True)
    finally:
        incoming.discard()
    return len(_of_the_form(attachments, owner)), added.is_new


def _of_the_form(attachments: Attachments, owner: Owner) -> list[str]:
    """Those that were removed count too: else a report could fill the disk by and by."""
    return [one.id for one in attachments.attachments(owner) if one.added_by == BY_THE_FORM]


def _owner(parts: Parts, number: ReportPath) -> Owner:
    """Raises RequestRefused."""
    return Owner(OwnerKind.REPORT, report_of(parts, number).number)


of_reports: Final = attachment_router("/reports", "/{number}", "a report of the public", _owner, OPERATORS, OPERATORS)
