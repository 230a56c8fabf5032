"""Who hauls, with what and by which right: hauliers, drivers, vehicles, permits and licences, in versions that hold
for an interval of time.

Values only; `devices.city.model.City` holds them and says which version holds when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from devices.city.hours import Hours
from devices.city.sites import ALWAYS, Validity


class VehicleKind(StrEnum):
    """Kinds of vehicle, by what they are built to haul. A rule set may judge each by its own parameters."""

    CONSTRUCTION_WASTE = "construction_waste"
    """Muck truck 渣土车."""
    COMPACTOR = "compactor"
    """压缩式垃圾车."""
    SLUDGE_TANKER = "sludge_tanker"
    DESILTING = "desilting"
    KITCHEN_WASTE = "kitchen_waste"
    HAZARDOUS_WASTE = "hazardous_waste"
    MEDICAL_WASTE = "medical_waste"
    HOUSEHOLD_WASTE = "household_waste"
    OTHER = "other"


class LoadUnit(StrEnum):
    """Unit in which a terminal states the load; the native format has kilograms."""

    KILOGRAM = "kg"
    TEN_KILOGRAMS = "10kg"
    TONNE = "t"


KG_OF_UNIT: Final[Mapping[str, float]] = {
    LoadUnit.KILOGRAM: 1.0,
    LoadUnit.TEN_KILOGRAMS: 10.0,
    LoadUnit.TONNE: 1_000.0,
}


@dataclass(frozen=True, slots=True)
class Haulier:
    """One version of a company that runs vehicles 运输企业."""

    id: str
    name: str
    name_zh: str
    fleet: str | None = None
    """The fleet of its devices; limits and filters of people name it."""
    validity: Validity = ALWAYS
    version: int = 1


@dataclass(frozen=True, slots=True)
class Driver:
    """One version of a person who drives. Personal data: no record of the raw log and no store holds it."""

    id: str
    name: str
    haulier_id: str | None = None
    validity: Validity = ALWAYS
    version: int = 1


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One version of a truck, as registered."""

    id: str
    plate: str
    carrier: str = ""
    """Name of the company that runs it."""
    tare_kg: float | None = None
    """Registered tare."""
    payload_kg: float | None = None
    """Rated payload: the permitted load."""
    validity: Validity = ALWAYS
    kind: VehicleKind = VehicleKind.CONSTRUCTION_WASTE
    compartments: int = 1
    """For loads that are kept apart."""
    version: int = 1
    """Increases when what is registered changes; the validity intervals of the versions do not overlap."""
    haulier_id: str | None = None
    lift_inverted: bool = False
    """Its lift switch is wired the other way round: it reports the bed down where it is up."""
    cover_inverted: bool = False
    """Its cover switch likewise."""
    load_unit: LoadUnit = LoadUnit.KILOGRAM
    """Unit in which its terminal states the load."""
    tags: tuple[str, ...] = ()
    """Numbers of the RFID tags that are fixed to it."""

    @property
    def has_plain_sensors(self) -> bool:
        """True if its switches and its load sensor report as the native format has it."""
        return not (self.lift_inverted or self.cover_inverted) and self.load_unit is LoadUnit.KILOGRAM


@dataclass(frozen=True, slots=True)
class Permit:
    """One version of the right of a vehicle to haul on some routes to some sites."""

    id: str
    vehicle_id: str
    route_ids: tuple[str, ...] = ()
    site_ids: tuple[str, ...] = ()
    """Sites where it may tip; empty: every site whose kind allows tipping."""
    validity: Validity = ALWAYS
    hours: tuple[Hours, ...] = ()
    """When it may haul; empty: at any time."""
    area_ids: tuple[str, ...] = ()
    """Permitted areas in which it may collect; empty: anywhere."""
    version: int = 1
    source_ids: tuple[str, ...] = ()
    """Sites whose waste it may haul; empty: of any."""
    haulier_id: str | None = None
    """The company that holds it; None: not stated."""
    streams: tuple[str, ...] = ()
    """Waste streams that it covers, as `devices.readings.streams` has them; empty: every stream."""
    quantity_t: float | None = None
    """Tonnes that may be hauled by it in all; None: no limit."""


@dataclass(frozen=True, slots=True)
class Licence:
    """One version of the right of a haulier to collect in some areas 许可区域."""

    id: str
    haulier_id: str
    area_ids: tuple[str, ...]
    """Permitted areas (`devices.city.sites.ZoneKind`)."""
    streams: tuple[str, ...] = ()
    """Waste streams that it covers; empty: every stream."""
    validity: Validity = ALWAYS
    version: int = 1
