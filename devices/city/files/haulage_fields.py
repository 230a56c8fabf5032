"""Fields of the files about who hauls: vehicles, permits, hauliers, drivers and licences."""

from devices.city.files.fields import (
    HOURS,
    ID,
    IDS,
    NAME,
    STREAMS,
    TEXT,
    HoursOfDay,
    Id,
    Name,
    Plate,
    Stream,
    Text,
    VersionedRow,
    field_of,
    one_of,
)
from devices.city.haulage import LoadUnit, VehicleKind
from devices.readings.text import ShortText


class HaulierRow(VersionedRow):
    name: Name = field_of(NAME, "The name in English, or the only one.")
    name_zh: Name | None = field_of(NAME, "The name in Chinese. Absent: `name`.", None)
    fleet: Id | None = field_of(ID, "The fleet of its devices, by which people's views are limited.", None)


class DriverRow(VersionedRow):
    name: Name = field_of(NAME, "The name. It is personal data: it stays in the registry.")
    haulier: Id | None = field_of(ID, "The haulier that employs the driver.", None)


class VehicleRow(VersionedRow):
    plate: Plate = field_of("text of 1 to 32 characters in one line", "Its number plate, however it is written.")
    haulier: Id | None = field_of(ID, "The haulier that runs it.", None)
    carrier: Text = field_of(TEXT, "The name of the company that runs it. Absent: that of its haulier.", "")
    kind: VehicleKind = field_of(
        one_of(VehicleKind),
        "What it is built to haul; rule sets may judge each kind by its own parameters.",
        VehicleKind.CONSTRUCTION_WASTE,
        strict=False,
    )
    tare_kg: float | None = field_of(
        "a number of kg above 0, up to 100,000",
        "Registered tare: the weight of the empty truck.",
        None,
        gt=0,
        le=100_000,
    )
    payload_kg: float | None = field_of(
        "a number of kg above 0, up to 100,000", "Rated payload: the permitted load.", None, gt=0, le=100_000
    )
    compartments: int = field_of(
        "a whole number from 1 to 10",
        "Compartments that keep loads apart; with more than one, streams may differ.",
        1,
        ge=1,
        le=10,
    )
    lift_inverted: bool = field_of(
        "`true` or `false`", "True if its lift switch reports the bed down where it is up.", False
    )
    cover_inverted: bool = field_of(
        "`true` or `false`", "True if its cover switch reports the cover closed where it is open.", False
    )
    load_unit: LoadUnit = field_of(
        one_of(LoadUnit), "The unit in which its terminal states the load.", LoadUnit.KILOGRAM, strict=False
    )
    tags: list[ShortText] = field_of(
        "a list of up to 8 texts of 1 to 64 visible characters",
        "Numbers of the RFID tags that are fixed to it, as readers at weighbridges report them. Absent or empty: none.",
        [],
        max_length=8,
    )


class PermitRow(VersionedRow):
    vehicle: Id = field_of(ID, "The vehicle that may haul.")
    haulier: Id | None = field_of(ID, "The haulier that holds it.", None)
    routes: list[Id] = field_of(IDS, "The routes it may take.")
    sources: list[Id] = field_of(IDS, "The sites whose waste it may haul. Absent or empty: of any.", [])
    sites: list[Id] = field_of(
        IDS, "The sites where it may tip. Absent or empty: every site whose kind allows tipping.", []
    )
    hours: list[HoursOfDay] = field_of(
        HOURS, "When it may haul, each day, by the city's clocks. Absent or empty: at any time.", []
    )
    areas: list[Id] = field_of(
        IDS,
        "The zones of kind `permitted_area` in which it may collect; it may drive anywhere. Absent or empty: collect "
        "anywhere.",
        [],
    )
    streams: list[Stream] = field_of(STREAMS, "The waste streams that it covers. Absent or empty: every stream.", [])
    quantity_t: float | None = field_of(
        "a number of tonnes above 0", "What may be hauled by it in all. Absent: no limit.", None, gt=0, le=100_000_000
    )


class LicenceRow(VersionedRow):
    haulier: Id = field_of(ID, "The haulier that may collect.")
    areas: list[Id] = field_of(
        IDS,
        "The zones of kind `permitted_area` in which its vehicles may collect, unless their permits name areas.",
        min_length=1,
    )
    streams: list[Stream] = field_of(STREAMS, "The waste streams that it covers. Absent or empty: every stream.", [])
