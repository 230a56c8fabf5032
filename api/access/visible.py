"""What a caller may see: the parts behind the API, narrowed to the caller's districts and hauliers, in one place.

Routes take `Parts` and ask no further: what the caller may not see is not there. An id of it is unknown, as one that
never existed.
"""

from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request

from api.access.authentication import CurrentCaller, MaybeCaller, identified_again
from api.access.caller import Caller
from api.access.narrowed_attachments import NarrowedAttachments
from api.access.narrowed_cases import NarrowedCases
from api.access.narrowed_deposits import NarrowedDeposits
from api.access.narrowed_manifests import NarrowedManifests
from api.access.narrowed_programme import NarrowedProgramme
from api.access.narrowed_reports import NarrowedReports
from api.access.narrowed_stores import (
    NarrowedCommands,
    NarrowedDeadLetters,
    NarrowedJournal,
    NarrowedShelves,
    NarrowedSuspectedSites,
)
from api.access.narrowed_weighings import NarrowedWeighingSessions
from api.http.problems import ProblemKind, RequestRefused
from api.ports import Adopted, ApiParts, Sees, WholeParts
from devices.city.model import City, Device
from devices.city.part import part_of
from devices.people.model import Role, Visibility
from rules.attachments.model import OwnerKind
from rules.cases.model import CaseScope

_MAX_HELD = 64
"""Different visibilities whose parts of the city are kept; a part of 3,000 devices takes 2 ms to make."""


class PartsOfCity:
    """The parts of the current city that callers may see, each made once."""

    def __init__(self) -> None:
        self._held: tuple[City | None, dict[Visibility, City]] = (None, {})

    def of(self, city: City, visibility: Visibility) -> City:
        if visibility.is_whole:
            return city
        whole, held = self._held
        if whole is not city or len(held) >= _MAX_HELD:
            held = {}
            self._held = (city, held)
        part = held.get(visibility)
        if part is None:
            part = held[visibility] = part_of(city, visibility.sees, visibility.districts)
        return part


async def visible_parts(request: Request, parts: WholeParts, caller: CurrentCaller) -> ApiParts:
    """The parts as the caller may see them."""
    return _narrowed(request, parts, caller)


Parts = Annotated[ApiParts, Depends(visible_parts)]


async def map_parts(request: Request, parts: WholeParts, caller: MaybeCaller) -> ApiParts:
    """The parts for the layers that may be public: then nobody in particular sees all of their sites and corridors."""
    return parts if caller is None else _narrowed(request, parts, caller)


MapParts = Annotated[ApiParts, Depends(map_parts)]


async def whole_city(caller: CurrentCaller) -> None:
    """Dependency of what cannot be narrowed. Raises RequestRefused."""
    if not caller.visibility.is_whole:
        detail = "These are figures of the whole city, and you may see a part of it."
        raise RequestRefused(ProblemKind.FORBIDDEN, detail)


async def seen_now(request: Request) -> Sees | None:
    """Which devices the caller of an open stream may see now, by id; None: not signed in any more.

    Raises DatabaseError.
    """
    caller = await identified_again(request)
    return None if caller is None else _sees(request, caller)


def _sees(request: Request, caller: Caller) -> Sees:
    if caller.visibility.is_whole:
        return lambda device_id: True
    city = _city_of(request, request.app.state.parts, caller.visibility)
    return lambda device_id: device_id in city.devices


def _city_of(request: Request, parts: ApiParts, visibility: Visibility) -> City:
    cities: PartsOfCity = request.app.state.parts_of_city
    return cities.of(parts.city(), visibility)


def _refused(device: Device) -> Adopted:
    raise LookupError(f"{device.id} belongs to no district and no haulier yet: only who sees all may adopt it")


def may_read_reports(caller: Caller) -> bool:
    """Whether the caller sees cases of public reports, of the whole city or of a part of it."""
    return caller.visibility.hauliers is None and caller.role.covers(Role.OPERATOR)


def _narrowed(request: Request, parts: ApiParts, caller: Caller) -> ApiParts:
    visibility, reads_reports = caller.visibility, may_read_reports(caller)
    if visibility.is_whole:
        if reads_reports:
            return parts
        everywhere = CaseScope(None, None, is_of_haulier=False, reads_reports=False)
        return replace(parts, cases=NarrowedCases(parts.cases, parts.journal, lambda: everywhere))

    def city() -> City:
        return _city_of(request, parts, visibility)

    def sees(device_id: str) -> bool:
        return device_id in city().devices

    def scope() -> CaseScope:
        devices = frozenset(city().devices)
        return CaseScope(devices, visibility.districts, visibility.hauliers is not None, reads_reports)

    reports = NarrowedReports(parts.public_reports.reports, visibility)
    journal = NarrowedJournal(parts.journal, lambda: city().devices)
    cases = NarrowedCases(parts.cases, journal, scope)
    dead_letters = NarrowedDeadLetters(parts.dead_letters, lambda: city().devices, parts.redrive, parts.redrive_all)
    return replace(
        parts,
        city=city,
        journal=journal,
        attachments=NarrowedAttachments(
            parts.attachments,
            {
                OwnerKind.ALERT: lambda id_: journal.alert(id_) is not None,
                OwnerKind.CASE: lambda number: cases.case(number, parts.now()) is not None,
                OwnerKind.REPORT: reports.sees,
            },
        ),
        cases=cases,
        manifests=NarrowedManifests(parts.manifests, city),
        deposits=NarrowedDeposits(parts.deposits, lambda: city().devices),
        programme=NarrowedProgramme(parts.programme, city),
        shelves=NarrowedShelves(parts.shelves, sees),
        commands=NarrowedCommands(parts.commands, sees),
        ledger=lambda: parts.ledger().of_devices(city().devices),
        lag=dict,  # what waits in the raw log is of all devices
        dead_letters=dead_letters,
        redrive=dead_letters.redrive,
        redrive_all=dead_letters.redrive_all,
        unregistered=lambda: (),
        adopt=_refused,
        suspected_sites=NarrowedSuspectedSites(parts.suspected_sites, sees),
        weighing_sessions=NarrowedWeighingSessions(parts.weighing_sessions, lambda: frozenset(city().vehicles)),
        public_reports=replace(parts.public_reports, reports=reports),
        over_limit=lambda: {device_id: limits for device_id, limits in parts.over_limit().items() if sees(device_id)},
    )
