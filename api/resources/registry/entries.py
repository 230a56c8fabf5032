"""Entries of the registry over HTTP: shown with an ETag, changed with If-Match, ended and never deleted."""

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR, acting_name
from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.caller import Caller
from api.access.roles import ADMINISTRATORS, VIEWERS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, invalid
from api.ports import ApiParts
from api.resources.registry.changing import Change, end, no_such_entry, put, tag_of
from devices.city.columns import Row
from devices.city.files.single import KINDS, fields_of
from devices.city.model import City
from devices.db.registry_changes import Author
from devices.people.model import Role
from devices.readings.ids import DEVICE_ID_PATTERN
from devices.readings.text import ShortText

router = APIRouter(prefix="/registry", tags=["registry"], dependencies=[*PERSONAL, *VIEWERS])

MAX_LISTED: Final = 1_000
MAX_REASON: Final = 500


class EntryKind(StrEnum):
    """Kinds of entry, as the city's files are named."""

    SITES = "sites"
    GATES = "gates"
    ROUTES = "routes"
    ZONES = "zones"
    VEHICLES = "vehicles"
    PERMITS = "permits"
    HAULIERS = "hauliers"
    DRIVERS = "drivers"
    LICENCES = "licences"
    PROFILES = "profiles"


class EntryOut(BaseModel):
    """An entry with all its versions, oldest first, each with the fields of its file; a shape is `geometry`, WGS-84."""

    kind: EntryKind
    id: str
    versions: list[dict[str, Any]]


class EntryList(BaseModel):
    """Entries in the order of their ids."""

    items: list[EntryOut]
    after: str | None = Field(description="Give it as `after` for what follows; null: there is no more")


class RegistryChangeOut(BaseModel):
    """One change of one version of an entry."""

    no: int
    at: int = Field(description="Wall clock, ms")
    actor: str
    kind: str
    entry_id: str
    version: int
    revision: int = Field(description="Of the registry, after the change")
    reason: str
    before: dict[str, Any] | None = Field(description="The fields that differ; null: it was added")
    after: dict[str, Any] | None


class RegistryChangeList(BaseModel):
    """Changes, newest first."""

    items: list[RegistryChangeOut]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON, pattern=r"^[^\x00]*$")]
    actor: ShortText | None = Field(None, description=ACTOR)


class EntryBody(_Body):
    """The fields of an entry from an instant on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "entry": {"plate": "晋E·D1001", "kind": "construction_waste", "tare_kg": 12_500.0},
                    "from": "2026-12-01T00:00:00+08:00",
                    "reason": "New body, weighed on the city's bridge",
                }
            ]
        }
    )

    entry: dict[str, Any] = Field(
        description="Its fields as docs/city.md has them, without id, version and valid_from; dates as text; a shape "
        "as `geometry` with `datum`. What is left out has its default"
    )
    begins: Instant | None = Field(None, alias="from", description="When that begins; now by default")


class EntryEndBody(_Body):
    """When an entry ends."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"at": "2026-12-01T00:00:00+08:00", "reason": "Sold"}]})

    at: Instant | None = Field(None, description="First moment at which it is no longer valid; now by default")
    changes_past: bool = Field(False, description="True: `at` may lie in the past, and late readings follow it")


_EXAMPLE: Final = {
    "kind": "vehicles",
    "id": "vehicle-001",
    "versions": [
        {
            "id": "vehicle-001",
            "valid_until": "2026-12-01T00:00:00+08:00",
            "plate": "晋E·D1001",
            "carrier": "Taihang",
            "kind": "construction_waste",
            "tare_kg": 13_000.0,
        },
        {
            "id": "vehicle-001",
            "version": 2,
            "valid_from": "2026-12-01T00:00:00+08:00",
            "plate": "晋E·D1001",
            "carrier": "Taihang",
            "kind": "construction_waste",
            "tare_kg": 12_500.0,
        },
    ],
}
_CHANGE_EXAMPLE: Final = {
    "no": 7,
    "at": 1_796_032_800_000,
    "actor": "li.wei",
    "kind": "vehicles",
    "entry_id": "vehicle-001",
    "version": 1,
    "revision": 12,
    "reason": "New body",
    "before": {"valid_until": None},
    "after": {"valid_until": "2026-12-01T00:00:00+08:00"},
}

KindPath = Annotated[EntryKind, Path(alias="entry_kind", description="Kind of entry")]
EntryPath = Annotated[
    str, Path(alias="entry_id", pattern=DEVICE_ID_PATTERN, description="Id of the entry", examples=["vehicle-001"])
]
IfMatch = Annotated[str | None, Header(max_length=400, description="ETag of what is changed")]
IfNoneMatch = Annotated[str | None, Header(max_length=400, description="`*` to add an entry")]
_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)
_WRITE: Final = (
    ProblemKind.UNAUTHORIZED, *WRITE_REFUSED, ProblemKind.NOT_FOUND, ProblemKind.INVALID, ProblemKind.CHANGED_MEANWHILE,
    ProblemKind.CONDITION_NEEDED, ProblemKind.BAD_REQUEST, ProblemKind.TOO_LARGE, ProblemKind.UNAVAILABLE,
)  # fmt: skip


@router.get(
    "/changes",
    summary="Who changed what of the registry",
    response_model=RegistryChangeList,
    dependencies=ADMINISTRATORS,
    responses=answer("Changes, newest first", {"items": [_CHANGE_EXAMPLE]}) | problems(*_READ),
)
def registry_changes(
    parts: Parts,
    caller: CurrentCaller,
    kind: Annotated[EntryKind | None, Query(description="Only of this kind")] = None,
    entry_id: Annotated[str | None, Query(max_length=64, description="Only of this entry")] = None,
    before: Annotated[int | None, Query(ge=1, description="Only those with a smaller number")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 100,
) -> RegistryChangeList:
    """Each field before and after, with who, when and why; by imports as well."""
    found = parts.registry.changes(kind, entry_id, limit=limit, before=before)
    return RegistryChangeList(items=[RegistryChangeOut(**asdict(one)) for one in found])


@router.get(
    "",
    summary="Entries of the registry",
    response_model=EntryList,
    responses=answer("Entries with all their versions", {"items": [_EXAMPLE], "after": None}) | problems(*_READ),
)
def entries(
    parts: Parts,
    caller: CurrentCaller,
    kind: Annotated[EntryKind, Query(description="Kind of entry")] = EntryKind.VEHICLES,
    after: Annotated[str | None, Query(max_length=64, description="Only ids after this one")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 100,
) -> EntryList:
    """All versions of each entry, also those that hold no more. Drivers are for operators and above."""
    _check_drivers(caller, kind)
    head, rows = parts.registry.head(), parts.registry.versions(kind)
    sees = _seen(parts.city(), kind, caller)
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        if (after is None or row["id"] > after) and sees(row):
            by_id.setdefault(row["id"], []).append(row)
            if len(by_id) > limit:
                break
    ids = list(by_id)[:limit]
    items = [EntryOut(kind=kind, id=id_, versions=fields_of(kind, by_id[id_], head)) for id_ in ids]
    return EntryList(items=items, after=ids[-1] if len(by_id) > limit else None)


@router.get(
    "/{entry_kind}/{entry_id}",
    summary="One entry of the registry",
    response_model=EntryOut,
    responses=answer("The entry with all its versions, and its ETag", _EXAMPLE)
    | problems(*_READ, ProblemKind.NOT_FOUND),
)
def entry(
    response: Response,
    parts: Parts,
    caller: CurrentCaller,
    kind: KindPath,
    entry_id: EntryPath,
    if_none_match: Annotated[str | None, Header(max_length=400, description="ETags that the caller has")] = None,
) -> Any:
    """All versions of an entry. Its `ETag` is what a change needs as `If-Match`; 304 with that as `If-None-Match`."""
    _check_drivers(caller, kind)
    sees = _seen(parts.city(), kind, caller)
    rows = [row for row in parts.registry.versions(kind, entry_id) if sees(row)]
    if not rows:
        raise no_such_entry(kind, entry_id)
    shown = _shown(response, kind, entry_id, rows, parts.registry.head())
    tag = response.headers["ETag"]
    if if_none_match is not None and tag in {one.strip().removeprefix("W/") for one in if_none_match.split(",")}:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers={"ETag": tag})
    return shown


@router.put(
    "/{entry_kind}/{entry_id}",
    summary="Change or add an entry of the registry",
    response_model=EntryOut,
    dependencies=ADMINISTRATORS,
    responses=answer("The entry with all its versions, and its new ETag", _EXAMPLE) | problems(*_WRITE),
)
def put_entry(  # noqa: PLR0913, PLR0917 - one for each part of the request
    response: Response,
    parts: Parts,
    caller: CurrentCaller,
    kind: KindPath,
    entry_id: EntryPath,
    body: EntryBody,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> EntryOut:
    """Give an entry other fields from an instant on: a new version; the one before ends there and keeps the past.

    With `If-Match`, or `If-None-Match: *` to add one. Recorder and judge take it up within seconds. A profile has no
    versions: the new one reads the messages that come from then on.
    """
    if body.begins is not None and not KINDS[kind].has_versions:
        raise invalid("body.from", "leave it out: it holds for the messages that come after the change")
    begins = parts.now() if body.begins is None else body.begins
    change = put(kind, entry_id, body.entry, begins, _city_of_now(parts), if_match, if_none_match)
    return _changed(response, parts, caller, kind, entry_id, change, body)


@router.post(
    "/{entry_kind}/{entry_id}/end",
    summary="End an entry of the registry",
    response_model=EntryOut,
    dependencies=ADMINISTRATORS,
    responses=answer("The entry with all its versions, and its new ETag", _EXAMPLE) | problems(*_WRITE),
)
def end_entry(
    response: Response,
    parts: Parts,
    caller: CurrentCaller,
    kind: KindPath,
    entry_id: EntryPath,
    body: EntryEndBody,
    if_match: IfMatch = None,
) -> EntryOut:
    """End the validity of an entry, with `If-Match`. It stays, since what it was is judged by it.

    A profile has no end.
    """
    if not KINDS[kind].has_versions:
        raise invalid("path.entry_kind", "a profile has no end: one that no device names does nothing")
    now = parts.now()
    change = end(kind, entry_id, now if body.at is None else body.at, if_match, now, changes_past=body.changes_past)
    return _changed(response, parts, caller, kind, entry_id, change, body)


def _changed(
    response: Response,
    parts: ApiParts,
    caller: Caller,
    kind: EntryKind,
    entry_id: str,
    change: Change,
    body: _Body,
) -> EntryOut:
    author = Author(acting_name(caller, body.actor), parts.now(), body.reason)
    rows = parts.registry.change_entry(kind, entry_id, change, author)
    return _shown(response, kind, entry_id, rows, parts.registry.head())


def _shown(response: Response, kind: EntryKind, entry_id: str, rows: Any, head: Row) -> EntryOut:
    versions = fields_of(kind, rows, head)
    response.headers["ETag"] = tag_of(versions)
    return EntryOut(kind=kind, id=entry_id, versions=versions)


def _city_of_now(parts: ApiParts) -> City:
    """The city with what was added a moment ago, before it is in memory: an entry may refer to it at once."""
    city = parts.city()
    return city if parts.registry.revision() == city.revision else parts.registry.load_city()


def _check_drivers(caller: Caller, kind: EntryKind) -> None:
    if kind is EntryKind.DRIVERS and not caller.role.covers(Role.OPERATOR):
        detail = f"Drivers are people: this needs the role operator; {caller.name} is {caller.role}."
        raise RequestRefused(ProblemKind.FORBIDDEN, detail)


def _seen(city: City, kind: EntryKind, caller: Caller) -> Any:
    """Whether the caller may see a row. `city`: as the caller may see it."""
    if caller.visibility.is_whole:
        return lambda row: True
    hauliers = {haulier.id for haulier in city.hauliers}
    if kind is EntryKind.DRIVERS:
        return lambda row: row["haulier_id"] in hauliers
    shown = {(one.id, getattr(one, "version", 1)) for one in _entries(city, kind)}
    return lambda row: (row["id"], row.get("version", 1)) in shown


def _entries(city: City, kind: EntryKind) -> Any:
    match kind:
        case EntryKind.SITES:
            return (*city.sites.values(), *city.past_sites)
        case EntryKind.VEHICLES:
            return (*city.vehicles.values(), *city.past_vehicles)
        case EntryKind.PROFILES:
            return city.profiles.values()
    return getattr(city, kind)
