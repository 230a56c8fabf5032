"""Reports of the public: those of the form and of the QR codes, and those that operators type in from the hotline."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR, acting_name
from api.access.auditing import PERSONAL, note_target
from api.access.authentication import CurrentCaller
from api.access.caller import Caller
from api.access.roles import OFFICERS, OPERATORS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.openapi import answer, problems
from api.http.paging import CURSOR_HINT, Cursor, Page
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, invalid, not_found
from api.ports import ApiParts
from api.public_reports.fields import centre_of
from devices.city.model import City
from devices.readings.text import MAX_SHORT_CHARS, ShortText
from rules.cases.model import NUMBER_PATTERN, CaseRefused, Reason, UnknownCase
from rules.public_reports.model import (
    MAX_ADDRESS,
    MAX_CONTACT,
    Category,
    Channel,
    Informant,
    NewReport,
    Report,
    ReportLanguage,
    ReportRefused,
    ReportText,
    UnknownReport,
    no_of,
)
from rules.public_reports.progress import Progress
from rules.public_reports.sealing import BadInformantKey, NoInformantKey
from rules.public_reports.store import ReportFilter

router: Final = APIRouter(prefix="/reports", tags=["reports"], dependencies=[*PERSONAL, *OPERATORS])

ReportPath = Annotated[
    str,
    Path(pattern=r"^[Rr]?-?[0-9]{1,15}$", description="Number of the report", examples=["R-000123"]),
]
_EXAMPLE: Final = {
    "number": "R-000123",
    "channel": "qr",
    "category": "dumping",
    "text": "两辆渣土车在砖厂后面倒土，大约晚上十点。",
    "seen_at": 1_790_000_000_000,
    "lat": 35.5522,
    "lon": 112.7431,
    "accuracy_m": 12.0,
    "site_id": None,
    "address": "砖厂后面",
    "plate": "晋E·D0105",
    "vehicle_id": "v-005",
    "language": "zh",
    "received_at": 1_790_000_600_000,
    "received_by": None,
    "case": "2026-000123",
    "district": "zezhou",
    "progress": "in_work",
    "has_informant": True,
}
_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)
_WRITE: Final = (*_READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.TOO_LARGE)


class ReportOut(BaseModel):
    """A report of the public. Who sent it stands in no list: see `…/informant`."""

    number: str
    channel: Channel
    category: Category
    text: str = Field(description="As somebody wrote it; text, never markup")
    seen_at: int
    lat: float | None = Field(description="WGS-84; null where the informant gave an address only")
    lon: float | None
    accuracy_m: float | None = Field(description="As the phone gave it; null for the middle of a site")
    site_id: str | None
    address: str
    plate: str = Field(description="As it was written, perhaps misread")
    vehicle_id: str | None = Field(description="The vehicle with this plate that the caller may see")
    language: ReportLanguage
    received_at: int
    received_by: str | None = Field(description="The operator who typed it in; null: it came by the form")
    case: str = Field(description="Number of its case")
    district: str | None = Field(description="That of the case: its people see the report")
    progress: Progress = Field(description="What the informant is told")
    has_informant: bool = Field(description="Whether a name or contact is kept, sealed")


class ReceiptOut(BaseModel):
    """What the caller on the telephone is told."""

    report: ReportOut
    code: str = Field(description="Secret: with it and the number the informant asks for the state. Shown only now")


class InformantBody(BaseModel):
    """Who reported, if he wants to say so."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True, hide_input_in_errors=True)

    name: str = Field("", max_length=MAX_SHORT_CHARS)
    contact: str = Field("", max_length=MAX_CONTACT)


class ReportBody(BaseModel):
    """What somebody said on the telephone. Give a position, a site or an address."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {
                    "category": "dumping",
                    "text": "Two trucks tip spoil behind the brickworks",
                    "seen_at": "2026-12-01T22:00:00+08:00",
                    "address": "砖厂后面",
                    "lat": 35.5522,
                    "lon": 112.7431,
                    "plate": "晋E·D0105",
                    "informant": {"name": "王某", "contact": "13800000000"},
                }
            ]
        },
    )

    category: Category
    text: ReportText
    seen_at: Instant | None = Field(None, description="When it was seen; default: now")
    lat: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False, description="WGS-84")
    lon: float | None = Field(None, ge=-180, le=180, allow_inf_nan=False)
    site_id: str | None = Field(None, min_length=1, max_length=MAX_SHORT_CHARS)
    district: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_SHORT_CHARS,
        description="Whose people see report and case; default: that of the site, else the only one that the caller "
        "may see. Without one: who sees the whole city",
    )
    address: str = Field("", max_length=MAX_ADDRESS)
    plate: str = Field("", max_length=16)
    language: ReportLanguage = ReportLanguage.ZH
    informant: InformantBody | None = None
    actor: ShortText | None = Field(None, description=ACTOR)


class JoinBody(BaseModel):
    """A report is about the same as another case."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        frozen=True,
        json_schema_extra={"examples": [{"case": "2026-000120", "reason": "The same heap, seen an hour later"}]},
    )

    case: str = Field(pattern=NUMBER_PATTERN)
    reason: Reason
    actor: ShortText | None = Field(None, description=ACTOR)


async def _where(
    case: Annotated[str | None, Query(pattern=NUMBER_PATTERN, description="Only those of this case")] = None,
    category: Category | None = None,
    site_id: Annotated[str | None, Query(max_length=MAX_SHORT_CHARS, description="Only those about this site")] = None,
    start: Annotated[Instant | None, Query(description="Received at this time or later")] = None,
    end: Annotated[Instant | None, Query(description="Received before this time")] = None,
) -> ReportFilter:
    return ReportFilter(case_number=case, category=category, site_id=site_id, start=start, end=end)


Where = Annotated[ReportFilter, Depends(_where)]


@router.get(
    "",
    summary="Find reports",
    response_model=Page[ReportOut],
    responses=answer("A page of reports, newest first", {"items": [_EXAMPLE], "next_cursor": None}) | problems(*_READ),
)
def find(
    parts: Parts, where: Where, limit: Annotated[int, Query(ge=1, le=200)] = 50, cursor: Cursor = None
) -> Page[ReportOut]:
    """Reports of the public, without their informants. A haulier's people see none; those of a district its own."""
    before = None if cursor is None else _read_cursor(cursor)
    found = parts.public_reports.reports.reports(where, limit=limit + 1, before=before)
    shown, city = found[:limit], parts.city()
    return Page(
        items=[shown_report(report, city) for report in shown],
        next_cursor=str(shown[-1].no) if len(found) > limit else None,
    )


@router.get(
    "/{number}",
    summary="One report",
    response_model=ReportOut,
    responses=answer("The report", _EXAMPLE) | problems(*_READ, ProblemKind.NOT_FOUND),
)
def show(parts: Parts, number: ReportPath) -> ReportOut:
    """A report, without its informant."""
    return shown_report(report_of(parts, number), parts.city())


@router.post(
    "",
    summary="Type in a report of the hotline",
    response_model=ReceiptOut,
    status_code=201,
    responses=answer(
        "Number and secret code, for the caller", {"report": _EXAMPLE, "code": "K7QM-2XRT-9HVD"}, status=201
    )
    | problems(*_WRITE, ProblemKind.NO_INFORMANT_KEY),
)
def add(request: Request, parts: Parts, caller: CurrentCaller, body: ReportBody) -> ReceiptOut:
    """Keep what somebody said on the telephone; a case with a deadline is opened for it.

    A name is sealed at once: who typed it in cannot read it again. Without a key (`haulwatch report key`) leave the
    name out.
    """
    now, city = parts.now(), parts.city()
    informant = _informant(body)
    try:
        district = body.district or _only_district(caller)
        new = _new_report(body, city, district, acting_name(caller, body.actor), now)
        seal = None if informant is None else parts.public_reports.informants.sealer(informant)
        receipt = parts.public_reports.reports.add(new, seal=seal)
    except ReportRefused as exc:
        raise invalid(f"body.{exc.field}", exc.hint) from exc
    except (NoInformantKey, BadInformantKey) as exc:
        raise no_key() from exc
    note_target(request, f"{receipt.report.number} case {receipt.report.case_number}")
    return ReceiptOut(report=shown_report(receipt.report, city), code=receipt.code)


@router.post(
    "/{number}/case",
    summary="Join a report to another case",
    response_model=ReportOut,
    dependencies=OFFICERS,
    responses=answer("The report in its new case", _EXAMPLE) | problems(*_WRITE, ProblemKind.NOT_FOUND),
)
def join(request: Request, parts: Parts, caller: CurrentCaller, number: ReportPath, body: JoinBody) -> ReportOut:
    """Say that a report is about the same as a case: it belongs to that one from now on.

    The case that it leaves is closed as a duplicate, unless it holds another report. Remove alerts from it first.
    """
    report = report_of(parts, number)
    note_target(request, f"case {body.case}")
    if parts.cases.case(body.case, parts.now()) is None:
        raise invalid("body.case", "give the number of a case that you may see: GET /api/v1/cases lists them")
    actor = acting_name(caller, body.actor)
    try:
        joined = parts.public_reports.reports.join(
            report.no, body.case, actor=actor, at=parts.now(), reason=body.reason
        )
    except (ReportRefused, CaseRefused) as exc:
        raise invalid("body.case", exc.hint) from exc
    except UnknownCase as exc:
        raise invalid("body.case", "give the number of a case: GET /api/v1/cases lists them") from exc
    return shown_report(joined, parts.city())


def report_of(parts: ApiParts, number: str) -> Report:
    """The report with this number that the caller may see. Raises RequestRefused."""
    no = no_of(number)
    try:
        return parts.public_reports.reports.report(no or 0)
    except UnknownReport as exc:
        raise not_found("Report", number, "`GET /api/v1/reports` lists them") from exc


def no_key() -> RequestRefused:
    return RequestRefused(
        ProblemKind.NO_INFORMANT_KEY,
        "This server has not the key of the name: make it with `haulwatch report key`, or put the file back. Reports "
        "without a name need none.",
    )


def shown_report(report: Report, city: City) -> ReportOut:
    values: dict[str, Any] = {name: getattr(report, name, None) for name in ReportOut.model_fields}
    return ReportOut(
        **values | {"case": report.case_number, "vehicle_id": _vehicle_with(report.plate, city, report.seen_at)}
    )


def _vehicle_with(plate: str, city: City, seen_at: int) -> str | None:
    """The vehicle that had the plate then; `seen_at`: wall clock, ms."""
    holders = city.vehicles_of_plate(plate) if plate else ()
    return next((one.id for one in holders if one.validity.covers(seen_at)), None)


def _informant(body: ReportBody) -> Informant | None:
    if body.informant is None:
        return None
    try:
        informant = Informant(name=body.informant.name, contact=body.informant.contact)
    except ValueError:
        raise invalid("body.informant", "leave out characters that cannot be seen") from None
    return informant if informant.is_named else None


def _only_district(caller: Caller) -> str | None:
    """The district of an operator who sees one: else nobody there would see what was typed in."""
    districts = caller.visibility.districts or frozenset()
    return next(iter(districts)) if len(districts) == 1 else None


def _new_report(body: ReportBody, city: City, district: str | None, operator: str, now: int) -> NewReport:
    """Raises RequestRefused."""
    site = None if body.site_id is None else city.sites.get(body.site_id)
    if body.site_id is not None and site is None:
        raise invalid("body.site_id", "give the id of a site: GET /api/v1/sites lists them")
    if (body.lat is None) != (body.lon is None):
        raise invalid("body.lat" if body.lat is None else "body.lon", "give both lat and lon, or neither")
    lat, lon = body.lat, body.lon
    if lat is not None and lon is not None and not city.region.covers(lat, lon):
        raise invalid("body.lat", "the position lies outside the city: look at it again, or give an address only")
    if lat is None and site is not None:
        lat, lon = centre_of(site)
    if lat is None and not body.address:
        raise invalid("body.address", "say where it was: a position, a site or an address")
    district = (site.district if site is not None and body.district is None else None) or district
    if body.district is not None and body.district not in _districts(city):
        raise invalid("body.district", "give the id of a district that you may see: GET /api/v1/city lists them")
    values = body.model_dump(include={"category", "text", "address", "plate", "language", "site_id"})
    place = {"lat": lat, "lon": lon, "district": district}
    try:
        return NewReport(
            channel=Channel.HOTLINE,
            seen_at=now if body.seen_at is None else body.seen_at,
            received_at=now,
            received_by=operator,
            **values | place,
        )
    except ValueError as exc:
        raise invalid("body", "address and plate: leave out characters that cannot be seen") from exc


def _districts(city: City) -> set[str]:
    named = {area.id for area in city.districts}
    of_sites = {site.district for site in city.sites.values() if site.district is not None}
    return named | of_sites | {one.district for one in city.devices.values() if one.district is not None}


def _read_cursor(cursor: str) -> int:
    if not cursor.isdecimal() or len(cursor) > 15:
        raise invalid("query.cursor", CURSOR_HINT)
    return int(cursor)
