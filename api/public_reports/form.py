"""The form for everybody: `/report`, `/report/{site}` from a QR code, and `/report/state`.

It knows nobody, sets no cookie and keeps no address. Served only where a setting turns it on.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from api.http.problems import RETRY_AFTER_S, ProblemKind, RequestRefused
from api.ports import ApiParts, options_of, parts_of
from api.public_reports.fields import Fields, Unreadable, checked, filled_in, read_fields
from api.public_reports.limits import AddressLimit
from api.public_reports.pages import MAX_PHOTOS, Pages
from api.public_reports.tokens import FormTokens
from api.report_ports import ReportOptions, Reports
from devices.city.sites import Site
from devices.db.database import DatabaseError
from devices.errors import OperatorError
from devices.people.sign_in_failures import place_of
from devices.readings.instants import DAY_MS, HOUR_MS, MINUTE_MS
from rules.public_reports.model import NewReport, ReportLanguage, TooManyReports, no_of
from rules.public_reports.store import Receipt, Sealer, Submission

_log = logging.getLogger(__name__)

STATE_FAILURES: Final = 10
"""Wrong codes from one address in 10 minutes; a right one does not count."""
_TRIES_PER_REPORT: Final = 6
"""Attempts to send for each report that one address may send: forms come back with faults."""
_TRIES_OF_PHOTOS: Final = 10
"""For the three photos of one report: a network may fail while one is sent."""
_LONGEST_ASKED: Final = 32
_RETRY_LATER_S: Final = 1_800


async def is_on(request: Request) -> None:
    """Raise RequestRefused, as for a path that is not there, unless the form is switched on."""
    if not options_of(request).reports.form:
        raise RequestRefused(ProblemKind.NOT_FOUND, "There is no such path; /openapi.json lists all of them.")


router: Final = APIRouter(include_in_schema=False, dependencies=[Depends(is_on)])


@dataclass
class PublicForm:
    """What the form remembers, of one process."""

    tokens: FormTokens
    sent: AddressLimit
    tried: AddressLimit
    guessed: AddressLimit
    photos: AddressLimit
    photos_of_report: AddressLimit
    """Tries, kept or not, by number in place of an address."""
    photos_of_all: AddressLimit
    """Those that were kept, of all addresses together, in a day."""
    photos_full: AddressLimit
    """How often it is logged that no more are taken."""
    photos_now: int = 0
    """That are being received."""


def new_form(parts: ApiParts, options: ReportOptions) -> PublicForm:
    per_address = options.per_address
    return PublicForm(
        FormTokens(),
        AddressLimit(per_address, HOUR_MS, parts.now),
        AddressLimit(per_address * _TRIES_PER_REPORT, HOUR_MS, parts.now),
        AddressLimit(STATE_FAILURES, 10 * MINUTE_MS, parts.now),
        AddressLimit(per_address * MAX_PHOTOS, HOUR_MS, parts.now),
        AddressLimit(_TRIES_OF_PHOTOS, DAY_MS, parts.now),
        AddressLimit(options.max_per_day, DAY_MS, parts.now),
        AddressLimit(1, HOUR_MS, parts.now),
    )


async def _language(
    request: Request, lang: Annotated[str, Query(max_length=8, description="en or zh")] = ""
) -> ReportLanguage:
    """The one that the address names, else the first of ours that the browser takes, else Chinese."""
    accepted = request.headers.get("accept-language", "")[:200].lower().split(",")
    wanted = [lang, *(part.split(";")[0].strip()[:2] for part in accepted)]
    return next((ReportLanguage(one) for one in wanted if one in set(ReportLanguage)), ReportLanguage.ZH)


Language = Annotated[ReportLanguage, Depends(_language)]


@router.get("/report")
async def show_form(request: Request, language: Language) -> HTMLResponse:
    """The empty form."""
    return await _fresh_form(request, language, None)


@router.post("/report")
async def send_form(request: Request, language: Language) -> HTMLResponse:
    """Keep a report: its number and secret code, or the form again with what is wrong."""
    return await _sent(request, language, None)


@router.get("/report/state")
async def show_state(request: Request, language: Language) -> HTMLResponse:
    """The question for number and code."""
    return _pages(request, language, None).state()


@router.post("/report/state")
async def ask_state(request: Request, language: Language) -> HTMLResponse:
    """How far a report is, for who has its number and its code."""
    pages, parts, form = _pages(request, language, None), parts_of(request), form_of(request)
    fields = await _fields(request)
    number, code, address = fields["number"][:_LONGEST_ASKED], fields["code"][:_LONGEST_ASKED], address_of(request)
    if not form.guessed.take(address):
        return pages.state(number, problem="too_many_asked", status=429)
    no = no_of(number)
    reports = parts.public_reports.reports
    try:
        found = None if no is None else await asyncio.to_thread(reports.by_code, no, code)
    except DatabaseError as exc:
        return _away(pages, exc)
    if found is None:
        return pages.state(number, problem="state_unknown", status=404)
    form.guessed.give_back(address)
    return pages.state(number, found=found)


@router.get("/report/{site_id}")
async def show_form_of_site(request: Request, language: Language, site_id: str) -> HTMLResponse:
    """The form of a QR code. A code that is not known any more says so, and leads to the form without a site."""
    if (site := _site(request, site_id)) is None:
        return _pages(request, language, None).message("no_site_title", "no_site", 404)
    return await _fresh_form(request, language, site)


@router.post("/report/{site_id}")
async def send_form_of_site(request: Request, language: Language, site_id: str) -> HTMLResponse:
    if (site := _site(request, site_id)) is None:
        return _pages(request, language, None).message("no_site_title", "no_site", 404)
    return await _sent(request, language, site)


async def _fresh_form(request: Request, language: ReportLanguage, site: Site | None) -> HTMLResponse:
    token = form_of(request).tokens.new(parts_of(request).now())
    return _pages(request, language, site, takes_names=await _takes_names(request)).form(token)


async def _sent(request: Request, language: ReportLanguage, site: Site | None) -> HTMLResponse:
    parts, form, options = parts_of(request), form_of(request), options_of(request).reports
    takes_names = await _takes_names(request)
    pages, address, now = _pages(request, language, site, takes_names=takes_names), address_of(request), parts.now()
    if not form.tried.take(address):
        return _too_many(pages)
    fields = await _fields(request)
    token = fields["form"] if form.tokens.is_ours(fields["form"], now) else form.tokens.new(now)
    found = checked(fields, parts.city(), site, language, now)
    sent = None if is_from_elsewhere(request) else form.tokens.sent(fields["form"], filled_in(fields, site), now)
    if sent is None:
        found.faults.append(pages.words("fault_again"))
    if found.informant is not None and not takes_names:
        found.faults.append(pages.words("fault_names"))
    if found.faults or found.report is None or sent is None:
        shown = {**fields, "lat": "", "lon": "", "accuracy": ""} if found.lost_position else fields
        return pages.form(token, shown, found.faults, status=422)
    if not form.sent.take(address):
        return _too_many(pages)
    submission = Submission(sent.id, sent.code, options.max_per_day)
    seal = None if found.informant is None else partial(parts.public_reports.informants.sealer, found.informant)
    try:
        receipt = await asyncio.to_thread(_keep, parts.public_reports.reports, found.report, submission, seal)
    except TooManyReports as exc:
        form.sent.give_back(address)
        _log.warning("public reports: %s", exc)
        return _too_many(pages)
    except OperatorError as exc:  # the database is away, or the key is spoiled
        form.sent.give_back(address)
        return _away(pages, exc)
    return pages.receipt(receipt.report, receipt.code)


def _keep(reports: Reports, new: NewReport, submission: Submission, sealer: "Callable[[], Sealer] | None") -> Receipt:
    return reports.add(new, submission=submission, seal=None if sealer is None else sealer())


async def _fields(request: Request) -> Fields:
    """Raises RequestRefused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind != "application/x-www-form-urlencoded":
            raise Unreadable(f"Content-Type {kind!r}")
        return read_fields(await request.body())
    except Unreadable as exc:
        detail = "Send the form at /report as a browser does: application/x-www-form-urlencoded in UTF-8."
        raise RequestRefused(ProblemKind.BAD_REQUEST, detail) from exc


def form_of(request: Request) -> PublicForm:
    form: PublicForm = request.app.state.public_form
    return form


def _pages(request: Request, language: ReportLanguage, site: Site | None, *, takes_names: bool = False) -> Pages:
    options, city = options_of(request).reports, parts_of(request).city()
    city_name = city.name_zh if language is ReportLanguage.ZH else city.name
    return Pages(language, options.office or city_name, options.hotline, options.informant_keep_days, takes_names, site)


async def _takes_names(request: Request) -> bool:
    """Whether there is a key that seals names. A spoiled one is for the log: the form goes on without names."""
    try:
        return await asyncio.to_thread(lambda: parts_of(request).public_reports.informants.may_be_kept)
    except (OperatorError, OSError) as exc:
        _log.warning("public reports: names are not taken: %s", exc)
        return False


def _site(request: Request, site_id: str) -> Site | None:
    """The site, while it is one: a sign may outlive its site."""
    parts = parts_of(request)
    site = parts.city().sites.get(site_id)
    return site if site is not None and site.validity.covers(parts.now()) else None


def is_from_elsewhere(request: Request) -> bool:
    """Whether a page of somebody else sent this: else it could let its visitors' browsers send reports, each from an
    address of its own. Browsers say so over https; the header cannot be set by a page.
    """
    return request.headers.get("sec-fetch-site", "same-origin") in {"cross-site", "same-site"}


def address_of(request: Request) -> str:
    return place_of(request.client.host if request.client else "")


def _too_many(pages: Pages) -> HTMLResponse:
    return pages.message("away_title", "too_many", 429, {"Retry-After": str(_RETRY_LATER_S)})


def _away(pages: Pages, exc: OperatorError) -> HTMLResponse:
    _log.warning("public reports: a form is answered with 503: %s", exc)
    return pages.message("away_title", "away", 503, {"Retry-After": str(RETRY_AFTER_S)})
