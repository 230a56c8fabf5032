"""Fields of a city's files: one model for each file, each field with its type, what to write and what it means.

`devices.city.rows` reads files by these models. `devices.city.reference` makes docs/city.md of them, and a fault names
what to write from the same text.
"""

import re
from datetime import date, datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from devices.city.hours import DAY_MIN, Hours
from devices.city.model import MAX_CLOCK_CORRECTION_S, DeviceRole, VehicleKind
from devices.city.region import DEFAULT_MARGIN_KM
from devices.city.sites import SiteKind, Validity, ZoneKind
from devices.geo.geometry import Datum
from devices.readings.ids import DEVICE_ID_PATTERN
from devices.readings.streams import STREAM_NAMES

PARTIAL: Final = {"partial": True}
"""The context of a validation after which every faulty field is None. Such a row serves to find further faults only."""

_HOURS_TEXT: Final = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")
_REQUIRED: Final[Any] = ...
_ID: Final = "an id: 1-64 letters, digits, `_`, `.`, `-`, no `_.-` first; a number in quotes"
_IDS: Final = "a list of ids"
_AREAS: Final = "a list; each entry an id, or `id`, `name` and `name_zh`"
_MOMENT: Final = "a date (2020-01-31: midnight in the city) or a date-time (2020-01-31T08:00:00+08:00)"
_HOURS: Final = 'a list of hours in quotes such as "06:00-22:00", or "22:00-06:00" past midnight'
_STREAMS: Final = "a list of " + ", ".join(f"`{word}`" for word in STREAM_NAMES)
_NAME: Final = "text of 1 to 120 characters"
_TEXT: Final = "text"
_DATUM: Final = "`wgs84` or `gcj02`"


def _field(write: str, meaning: str, default: Any = _REQUIRED, **bounds: Any) -> Any:
    """A field; `write`: what its value looks like, `meaning`: what it is for. Both are shown to people."""
    return Field(default, description=meaning, json_schema_extra={"write": write}, **bounds)


def _one_of(values: type[SiteKind | DeviceRole | VehicleKind | ZoneKind]) -> str:
    return "one of " + ", ".join(f"`{value}`" for value in values)


def hours_of_day(value: object) -> Hours:
    """Read hours of the day: `22:00-06:00`. Raises ValueError."""
    if isinstance(value, Hours):
        return value
    found = _HOURS_TEXT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("no hours")
    start_h, start_m, end_h, end_m = map(int, found.groups())
    start, end = start_h * 60 + start_m, end_h * 60 + end_m
    if start >= DAY_MIN or end > DAY_MIN or start == end:
        raise ValueError("no hours")
    return Hours(start, end)


def _stream(value: object) -> object:
    """Read the word of a waste stream. Raises ValueError."""
    if not isinstance(value, str) or value not in STREAM_NAMES:
        raise ValueError("no stream")
    return value


def minute_of_day(text: str) -> int:
    """Read a time of the day: `22:30`. Raises ValueError."""
    return hours_of_day(f"{text}-{'00:01' if text == '00:00' else '00:00'}").start_min


def _moment(value: object) -> object:
    """Read a date or date-time, as YAML parsed it or as ISO 8601 text; never a bare number."""
    if isinstance(value, str):
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if value is None or isinstance(value, date):
        return value
    raise ValueError("no date")


def zone_of(value: object) -> ZoneInfo:
    """The time zone of that name. Raises ValueError."""
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, OSError, ValueError) as exc:
        raise ValueError("no time zone") from exc


Id = Annotated[str, StringConstraints(pattern=DEVICE_ID_PATTERN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Stream = Annotated[str, BeforeValidator(_stream)]
HoursOfDay = Annotated[Hours, BeforeValidator(hours_of_day)]
Moment = Annotated[date | datetime | None, BeforeValidator(_moment)]


class Row(BaseModel):
    """A row of a YAML file; an unknown field is a typing error and is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Id = _field(_ID, "Identifies the row; other files, alerts and topics name it by this.")

    @field_validator("*", mode="wrap")
    @classmethod
    def _none_if_faulty(cls, value: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """Check a field; in a partial row, a faulty one is None."""
        try:
            return check(value)
        except ValidationError:
            if info.context is not PARTIAL:
                raise
            return None


class ValidRow(Row):
    """A row with an interval of validity."""

    valid_from: Moment = _field(_MOMENT, "First moment at which it is valid. Absent: always was.", None)
    valid_until: Moment = _field(_MOMENT, "First moment at which it is no longer valid. Absent: no end.", None)

    def validity(self, zone: ZoneInfo) -> Validity:
        return Validity(_ms(self.valid_from, zone), _ms(self.valid_until, zone))


class Properties(ValidRow):
    """Properties of a GeoJSON feature; those that drawing programs add are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    name: Name = _field(_NAME, "The name in English, or the only one.")
    name_zh: Name | None = _field(_NAME, "The name in Chinese. Absent: `name`.", None)
    version: int = _field(
        "a whole number from 1", "Grows when the shape is redrawn; old readings keep theirs.", 1, ge=1
    )
    datum: object = _field(_DATUM, "Datum of this feature, where it differs from the file's `haulwatch:datum`.", None)
    """Checked where the datum of the file is known."""


class AreaRow(Row):
    """A district or a fleet."""

    model_config = ConfigDict(strict=False)  # a strict model takes no mapping as a part of another model

    name: Name | None = None
    name_zh: Name | None = None


def _area(value: object) -> object:
    """An id alone is an area without a name."""
    return {"id": value} if isinstance(value, str) else value


Areas = list[Annotated[AreaRow, BeforeValidator(_area)]]


class CityRow(Row):
    """The content of city.yaml."""

    name: Name = _field(_NAME, "The name in English, or the only one.")
    name_zh: Name | None = _field(_NAME, "The name in Chinese. Absent: `name`.", None)
    timezone: Annotated[ZoneInfo, BeforeValidator(zone_of)] = _field(
        "a name of the time zone database, such as Asia/Shanghai", "Zone of dates without a time, and of permits."
    )
    centre: list[float] = _field(
        "[lon, lat] in degrees", "The middle of the city. No site or route may be further than 300 km from it."
    )
    datum: Datum = _field(_DATUM, "Datum of the centre.", strict=False)
    districts: Areas | None = _field(
        _AREAS,
        "The districts there are, by the names that people read; `district` of a site or device is then one of them. "
        "Absent: any id.",
        None,
    )
    fleets: Areas | None = _field(
        _AREAS, "The fleets there are, likewise; `fleet` of a device is then one of them. Absent: any id.", None
    )
    region_margin_km: float = _field(
        "a number of km from 1 to 1,000",
        "How far trucks may be beyond the outermost sites and routes; a position further out counts as no fix.",
        DEFAULT_MARGIN_KM,
        ge=1,
        le=1_000,
    )


class SiteRow(Properties):
    kind: SiteKind = _field(
        _one_of(SiteKind),
        "What it is. Trucks may tip at transfer stations, sorting centres, plants, disposal sites, landfills.",
        strict=False,
    )
    district: Id | None = _field(_ID, "The district it lies in.", None)
    radius_m: float | None = _field(
        "a number of metres above 0, up to 5,000",
        "Distance from a Point to its fence. Only for a Point: a Polygon is its own fence.",
        None,
        gt=0,
        le=5000,
    )
    deposit_hours: list[HoursOfDay] = _field(
        _HOURS,
        "When people may deposit, each day, by the city's clocks. Only for a `recycling_point`. Absent or empty: at "
        "any time.",
        [],
    )
    streams: list[Stream] = _field(
        _STREAMS,
        "The waste streams that trucks collect there. Only for a `construction_site` or a `recycling_point`. Absent or "
        "empty: not known.",
        [],
    )


class RouteRow(Properties):
    origin: Id = _field(_ID, "The site where the route begins.")
    destination: Id = _field(_ID, "The site where it ends. It is driven both ways.")
    corridor_m: float | None = _field(
        "a number of metres from 20 to 1,000",
        "How far beside its line a truck is still on it, for all rules. Absent: as their parameters say (60 m).",
        None,
        ge=20,
        le=1000,
    )
    limit_kmh: float | None = _field(
        "a number of km/h above 0, up to 120",
        "The highest speed a truck may drive on it. Absent: the limit of the rule `speeding` for all roads.",
        None,
        gt=0,
        le=120,
    )


class ZoneRow(Properties):
    kind: ZoneKind = _field(
        _one_of(ZoneKind),
        "What it means to trucks: they may not be in a forbidden zone, nor leave all areas of jurisdiction, but on an "
        "approved route; those whose permits name permitted areas may collect in these only.",
        strict=False,
    )
    radius_m: float | None = _field(
        "a number of metres above 0, up to 50,000",
        "Distance from a Point to its fence. Only for a Point: a Polygon is its own fence.",
        None,
        gt=0,
        le=50_000,
    )


class DeviceRow(ValidRow):
    role: DeviceRole = _field(_one_of(DeviceRole), "What the device is mounted on.", strict=False)
    name: str = _field(_TEXT, "Its name for people.", "")
    vehicle: Id | None = _field(_ID, "The vehicle that carries it. Required for a truck.", None)
    site: Id | None = _field(_ID, "The site it stands on. Required for every other role.", None)
    fleet: Id | None = _field(_ID, "Its fleet.", None)
    district: Id | None = _field(_ID, "Its district.", None)
    report_interval_s: int = _field(
        "a whole number of seconds from 1 to 86,400",
        "Time between two reports when nothing happens; silence is measured in these intervals.",
        ge=1,
        le=86_400,
    )
    datum: Datum = _field(_DATUM, "Datum of the positions it sends.", Datum.WGS84, strict=False)
    clock_correction_s: int = _field(
        f"a whole number of seconds from -{MAX_CLOCK_CORRECTION_S:,} to {MAX_CLOCK_CORRECTION_S:,}, 20 years",
        "Added to every time that the device sends: 28800 where its clock is 8 h behind, -28800 where it is 8 h ahead.",
        0,
        ge=-MAX_CLOCK_CORRECTION_S,
        le=MAX_CLOCK_CORRECTION_S,
    )
    overflow_at_pct: float | None = _field(
        "a number of percent from 30 to 120",
        "The level at which its compartments are full. Only for a `recycling_point`. Absent: `full_pct` of the rule "
        "`bin_overflow`.",
        None,
        ge=30,
        le=120,
    )
    model: str = _field("text of up to 120 characters", "Its make and type, as on its plate.", "", max_length=120)
    verification: str = _field(
        "text of up to 120 characters",
        "Number of the certificate of its last verification; evidence packs name it.",
        "",
        max_length=120,
    )
    verified_until: Moment = _field(
        _MOMENT, "First moment at which that verification no longer holds. Absent: not known.", None
    )

    def verified_until_ms(self, zone: ZoneInfo) -> int | None:
        return _ms(self.verified_until, zone)


class VehicleRow(ValidRow):
    plate: str = _field(
        "text of 1 to 32 characters", "Its number plate, however it is written.", min_length=1, max_length=32
    )
    carrier: str = _field(_TEXT, "The company that runs it.", "")
    kind: VehicleKind = _field(
        _one_of(VehicleKind),
        "What it is built to haul; rule sets may judge each kind by its own parameters.",
        VehicleKind.CONSTRUCTION_WASTE,
        strict=False,
    )
    tare_kg: float | None = _field(
        "a number of kg above 0, up to 100,000", "Weight of the empty truck.", None, gt=0, le=100_000
    )
    payload_kg: float | None = _field(
        "a number of kg above 0, up to 100,000", "Permitted load.", None, gt=0, le=100_000
    )
    compartments: int = _field(
        "a whole number from 1 to 10",
        "Compartments that keep loads apart; with more than one, streams may differ.",
        1,
        ge=1,
        le=10,
    )


class PermitRow(ValidRow):
    vehicle: Id = _field(_ID, "The vehicle that may haul.")
    routes: list[Id] = _field(_IDS, "The routes it may take.")
    sites: list[Id] = _field(
        _IDS, "The sites where it may tip. Absent or empty: every site whose kind allows tipping.", []
    )
    hours: list[HoursOfDay] = _field(
        _HOURS, "When it may haul, each day, by the city's clocks. Absent or empty: at any time.", []
    )
    areas: list[Id] = _field(
        _IDS,
        "The zones of kind `permitted_area` in which it may collect; it may drive anywhere. Absent or empty: collect "
        "anywhere.",
        [],
    )


def write_of(model: type[Row], name: str) -> str | None:
    """What to write into a field; None if there is no such field."""
    info = model.model_fields.get(name)
    extra = info.json_schema_extra if info is not None else None
    return str(extra["write"]) if isinstance(extra, dict) else None


def _ms(moment: date | datetime | None, zone: ZoneInfo) -> int | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=zone)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)
