"""Devices that were heard and are not registered: list them, and adopt one."""

from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.access.auditing import PERSONAL
from api.access.roles import ADMINISTRATORS, VIEWERS
from api.access.visible import Parts
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, invalid, not_found
from api.resources.devices import DevicePath
from devices.access.new_device import UnfitDevice
from devices.city.model import Device, DeviceRole
from devices.readings.ids import DEVICE_ID_PATTERN
from devices.readings.text import ShortText
from ingest.ledger.unregistered import UnregisteredDevice

router = APIRouter(prefix="/unregistered-devices", tags=["intake"], dependencies=[*PERSONAL, *VIEWERS])

MAX_LISTED: Final = 500

Id = Annotated[str, Field(pattern=DEVICE_ID_PATTERN)]


class UnregisteredList(BaseModel):
    """Devices that wait to be registered."""

    items: list[UnregisteredDevice]
    total: int = Field(description="How many there are; `items` has the last heard of them, at most 500")


class AdoptionBody(BaseModel):
    """What the device is."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"role": "truck", "vehicle_id": "v-031", "fleet": "north"}]},
    )

    role: DeviceRole
    vehicle_id: str | None = Field(None, max_length=64, description="Of a truck: the vehicle that carries it")
    site_id: str | None = Field(None, max_length=64, description="Of any other: the site it stands on")
    name: ShortText | None = Field(None, description="Its name for people")
    fleet: Id | None = None
    district: Id | None = None
    report_interval_s: int = Field(60, ge=1, le=86_400, description="Seconds between its reports")
    dialect: Id | None = Field(None, description="The dialect that it speaks; null: in which it was heard last")
    profile: Id | None = Field(None, description="The profile by which its messages are read; null: of the dialect")
    depth_mm: float | None = Field(
        None, gt=0, le=20_000, description="Of a recycling point: depth from its sensor to its floor, mm"
    )


class AdoptedOut(BaseModel):
    """What the adoption did."""

    device: str
    registered: bool = Field(description="false: somebody had registered it before, as it may be otherwise described")
    redriven: int = Field(description="Quarantined readings that were sent through the path again")


_UNREGISTERED: Final[dict[str, Any]] = {
    "device": "truck-031",
    "waiting": 420,
    "first_seen": 1_772_352_000_000,
    "last_seen": 1_772_352_930_900,
    "kinds": ["position"],
    "dialect": "native",
    "lat": 35.491,
    "lon": 112.852,
}


@router.get(
    "",
    dependencies=LARGE,
    summary="Unregistered devices",
    response_model=UnregisteredList,
    responses=answer("Devices, the last heard first", {"items": [_UNREGISTERED], "total": 1})
    | problems(ProblemKind.TOO_BUSY, ProblemKind.UNAUTHORIZED, ProblemKind.UNAVAILABLE),
)
def unregistered_devices(parts: Parts) -> UnregisteredList:
    """Devices that were heard and are not registered. Their readings wait in quarantine; nothing is lost.

    They belong to no district and no haulier yet, so only those who see the whole city see them.
    """
    found = _waiting(parts)
    return UnregisteredList(items=found[:MAX_LISTED], total=len(found))


@router.post(
    "/{device_id}/adopt",
    summary="Adopt an unregistered device",
    response_model=AdoptedOut,
    dependencies=ADMINISTRATORS,
    responses=answer(
        "The device is registered, and its readings go through the path again",
        {"device": "truck-031", "registered": True, "redriven": 420},
    )
    | problems(
        ProblemKind.UNAUTHORIZED,
        ProblemKind.BAD_REQUEST,
        *WRITE_REFUSED,
        ProblemKind.NOT_FOUND,
        ProblemKind.INVALID,
        ProblemKind.TOO_LARGE,
        ProblemKind.UNAVAILABLE,
    ),
)
def adopt_device(parts: Parts, device_id: DevicePath, body: AdoptionBody) -> AdoptedOut:
    """Register a device that was heard, and redrive its quarantined readings, so that they are stored and judged.

    A login at the broker is given with `haulwatch device adopt --secret` or `haulwatch device rotate`.
    """
    heard = next((found for found in _waiting(parts) if found.device == device_id), None)
    if heard is None:
        raise not_found("Unregistered device", device_id, "GET /api/v1/unregistered-devices lists them")
    is_truck = body.role is DeviceRole.TRUCK
    if is_truck and body.vehicle_id is None:
        raise invalid("body.vehicle_id", "name the vehicle that carries the truck's terminal")
    if not is_truck and body.site_id is None:
        raise invalid("body.site_id", f"name the site on which the {body.role.replace('_', ' ')} stands")
    device = Device(
        device_id,
        body.role,
        body.name or "",
        body.vehicle_id,
        body.site_id,
        body.fleet,
        body.district,
        body.report_interval_s,
        dialect=body.dialect or heard.dialect,
        profile=body.profile or "",
        depth_mm=body.depth_mm,
    )
    try:
        adopted = parts.adopt(device)
    except UnfitDevice as exc:
        field = "path.device_id" if exc.field == "id" else f"body.{exc.field}"
        raise invalid(field, str(exc)) from exc
    return AdoptedOut(device=device_id, registered=adopted.registered, redriven=adopted.redriven)


def _waiting(parts: Parts) -> list[UnregisteredDevice]:
    registered = parts.city().devices
    return [found for found in parts.unregistered() if found.device not in registered]
