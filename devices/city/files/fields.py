"""Fields of a city's files: one model for each file, each field with its type, what to write and what it means; those
of vehicles, permits, hauliers, drivers and licences are in `devices.city.files.haulage_fields`.

`devices.city.files.rows` reads files by these models. `devices.city.files.reference` makes docs/city.md of them, and a
fault names what to write from the same text.
"""

from datetime import date, datetime
from enum import StrEnum
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

from devices.bounded_files import plain_json
from devices.city.haulage import VehicleKind
from devices.city.hours import Hours, hours_of_day
from devices.city.model import MAX_CLOCK_CORRECTION_S, DeviceRole
from devices.city.region import DEFAULT_MARGIN_KM
from devices.city.sites import GateUse, SiteKind, Validity, ZoneKind
from devices.geo.geometry import Datum
from devices.readings.decoding import NATIVE_DIALECT
from devices.readings.ids import DEVICE_ID_PATTERN
from devices.readings.streams import STREAM_NAMES

PARTIAL: Final = {"partial": True}
"""The context of a validation after which every faulty field is None. Such a row serves to find further faults only."""

_REQUIRED: Final[Any] = ...
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2100
"""As devices may date readings (`devices.readings.models.MIN_TS_MS`); the last one for its first hours, by zone."""
_ONE_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
"""Without control characters: PostgreSQL takes no NUL, and lists, logs and messages have a line for each."""
ID: Final = "an id: 1-64 letters, digits, `_`, `.`, `-`, no `_.-` first; a number in quotes"
IDS: Final = "a list of ids"
_AREAS: Final = "a list; each entry an id, or `id`, `name` and `name_zh`"
_MOMENT: Final = "a date (2020-01-31: midnight in the city) or a date-time (2020-01-31T08:00:00+08:00), 2000 to 2099"
HOURS: Final = 'a list of hours in quotes such as "06:00-22:00", or "22:00-06:00" past midnight'
STREAMS: Final = "a list of " + ", ".join(f"`{word}`" for word in STREAM_NAMES)
NAME: Final = "text of 1 to 120 characters in one line"
TEXT: Final = "text in one line"
_TEXT_120: Final = "text of up to 120 characters in one line"
_DATUM: Final = "`wgs84` or `gcj02`"
_DIALECT: Final = "the name of a dialect, as docs/devices.md has it"
_SETTINGS: Final = "a mapping, up to 8 deep: keys are text; values text, numbers, true, false, lists and mappings"


def field_of(write: str, meaning: str, default: Any = _REQUIRED, **bounds: Any) -> Any:
    """A field; `write`: what its value looks like, `meaning`: what it is for. Both are shown to people."""
    return Field(default, description=meaning, json_schema_extra={"write": write}, **bounds)


def one_of(values: type[StrEnum]) -> str:
    return "one of " + ", ".join(f"`{value}`" for value in values)


def _stream(value: object) -> object:
    """Read the word of a waste stream. Raises ValueError."""
    if not isinstance(value, str) or value not in STREAM_NAMES:
        raise ValueError("no stream")
    return value


def _moment(value: object) -> object:
    """Read a date or date-time, as YAML parsed it or as ISO 8601 text; never a bare number. Raises ValueError."""
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if value is not None and not isinstance(value, date):
        raise ValueError("no date")
    if value is not None and not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError("an end that is none is left out")
    return value


def zone_of(value: object) -> ZoneInfo:
    """The time zone of that name. Raises ValueError."""
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, OSError, ValueError) as exc:
        raise ValueError("no time zone") from exc


Id = Annotated[str, StringConstraints(pattern=DEVICE_ID_PATTERN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=_ONE_LINE)]
Plate = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=_ONE_LINE)]
Text = Annotated[str, StringConstraints(pattern=_ONE_LINE)]
Stream = Annotated[str, BeforeValidator(_stream)]
KindOfVehicle = Annotated[VehicleKind, Field(strict=False)]
Settings = Annotated[dict[str, Any], BeforeValidator(plain_json)]
HoursOfDay = Annotated[Hours, BeforeValidator(hours_of_day)]
Moment = Annotated[date | datetime | None, BeforeValidator(_moment)]


class Row(BaseModel):
    """A row of a YAML file; an unknown field is a typing error and is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Id = field_of(ID, "Identifies the row; other files, alerts and topics name it by this.")

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

    valid_from: Moment = field_of(_MOMENT, "First moment at which it is valid. Absent: always was.", None)
    valid_until: Moment = field_of(_MOMENT, "First moment at which it is no longer valid. Absent: no end.", None)

    def validity(self, zone: ZoneInfo) -> Validity:
        return Validity(_ms(self.valid_from, zone), _ms(self.valid_until, zone))


class VersionedRow(ValidRow):
    """A row in versions; one of each id is valid at a time."""

    version: int = field_of(
        "a whole number from 1 to 1,000,000",
        "Grows when something changes; old readings keep theirs.",
        1,
        ge=1,
        le=1_000_000,
    )


class Properties(VersionedRow):
    """Properties of a GeoJSON feature; those that drawing programs add are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    name: Name = field_of(NAME, "The name in English, or the only one.")
    name_zh: Name | None = field_of(NAME, "The name in Chinese. Absent: `name`.", None)
    datum: object = field_of(_DATUM, "Datum of this feature, where it differs from the file's `haulwatch:datum`.", None)
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

    name: Name = field_of(NAME, "The name in English, or the only one.")
    name_zh: Name | None = field_of(NAME, "The name in Chinese. Absent: `name`.", None)
    timezone: Annotated[ZoneInfo, BeforeValidator(zone_of)] = field_of(
        "a name of the time zone database, such as Asia/Shanghai", "Zone of dates without a time, and of permits."
    )
    centre: list[float] = field_of(
        "[lon, lat] in degrees", "The middle of the city. No site or route may be further than 300 km from it."
    )
    datum: Datum = field_of(_DATUM, "Datum of the centre.", strict=False)
    districts: Areas | None = field_of(
        _AREAS,
        "The districts there are, by the names that people read; `district` of a site or device is then one of them. "
        "Absent: any id.",
        None,
    )
    fleets: Areas | None = field_of(
        _AREAS, "The fleets there are, likewise; `fleet` of a device is then one of them. Absent: any id.", None
    )
    region_margin_km: float = field_of(
        "a number of km from 1 to 1,000",
        "How far trucks may be beyond the outermost sites and routes; a position further out counts as no fix.",
        DEFAULT_MARGIN_KM,
        ge=1,
        le=1_000,
    )


class SiteRow(Properties):
    kind: SiteKind = field_of(
        one_of(SiteKind),
        "What it is. Trucks may tip at transfer stations, sorting centres, plants, disposal sites, landfills.",
        strict=False,
    )
    district: Id | None = field_of(ID, "The district it lies in.", None)
    radius_m: float | None = field_of(
        "a number of metres above 0, up to 5,000",
        "Distance from a Point to its fence. Only for a Point: a Polygon is its own fence.",
        None,
        gt=0,
        le=5000,
    )
    deposit_hours: list[HoursOfDay] = field_of(
        HOURS,
        "When people may deposit, each day, by the city's clocks. Only for a `recycling_point`. Absent or empty: at "
        "any time.",
        [],
    )
    streams: list[Stream] = field_of(
        STREAMS,
        "The waste streams that trucks collect there. Only for a `construction_site` or a `recycling_point`. Absent or "
        "empty: not known.",
        [],
    )


class RouteRow(Properties):
    origin: Id = field_of(ID, "The site where the route begins.")
    destination: Id = field_of(ID, "The site where it ends. It is driven both ways.")
    corridor_m: float | None = field_of(
        "a number of metres from 20 to 1,000",
        "How far beside its line a truck is still on it, for all rules. Absent: as their parameters say (60 m).",
        None,
        ge=20,
        le=1000,
    )
    limit_kmh: float | None = field_of(
        "a number of km/h above 0, up to 120",
        "The highest speed a truck may drive on it. Absent: the limit of the rule `speeding` for all roads.",
        None,
        gt=0,
        le=120,
    )

    hours: list[HoursOfDay] = field_of(
        HOURS,
        "When trucks may take it, each day, by the city's clocks. Absent or empty: at any time.",
        [],
    )
    standing_for: list[KindOfVehicle] = field_of(
        "a list of kinds of vehicle, as vehicles.yaml has them",
        "Kinds of vehicle for which it stands: they may take it without a permit that names it. Absent or empty: none.",
        [],
    )


class GateRow(Properties):
    site: Id = field_of(ID, "The site that it belongs to.")
    use: GateUse = field_of(one_of(GateUse), "Which way trucks pass it.", GateUse.BOTH, strict=False)


class ZoneRow(Properties):
    kind: ZoneKind = field_of(
        one_of(ZoneKind),
        "What it means to trucks: they may not be in a forbidden zone, nor leave all areas of jurisdiction, but on an "
        "approved route; those whose permits name permitted areas may collect in these only.",
        strict=False,
    )
    radius_m: float | None = field_of(
        "a number of metres above 0, up to 50,000",
        "Distance from a Point to its fence. Only for a Point: a Polygon is its own fence.",
        None,
        gt=0,
        le=50_000,
    )


class ProfileRow(Row):
    dialect: Id = field_of(_DIALECT, "The dialect of the devices that it reads.")
    settings: Settings = field_of(
        _SETTINGS,
        "What the terminals of a maker mean by what they send; docs/devices.md names the page of each dialect.",
    )


class DeviceRow(ValidRow):
    role: DeviceRole = field_of(one_of(DeviceRole), "What the device is mounted on.", strict=False)
    name: Text = field_of(TEXT, "Its name for people.", "")
    vehicle: Id | None = field_of(ID, "The vehicle that carries it. Required for a truck.", None)
    site: Id | None = field_of(ID, "The site it stands on. Required for every other role.", None)
    fleet: Id | None = field_of(ID, "Its fleet.", None)
    district: Id | None = field_of(ID, "Its district.", None)
    report_interval_s: int = field_of(
        "a whole number of seconds from 1 to 86,400",
        "Time between two reports when nothing happens; silence is measured in these intervals.",
        ge=1,
        le=86_400,
    )
    datum: Datum = field_of(_DATUM, "Datum of the positions it sends.", Datum.WGS84, strict=False)
    clock_correction_s: int = field_of(
        f"a whole number of seconds from -{MAX_CLOCK_CORRECTION_S:,} to {MAX_CLOCK_CORRECTION_S:,}, 20 years",
        "Added to every time that the device sends: 28800 where its clock is 8 h behind, -28800 where it is 8 h ahead.",
        0,
        ge=-MAX_CLOCK_CORRECTION_S,
        le=MAX_CLOCK_CORRECTION_S,
    )
    overflow_at_pct: float | None = field_of(
        "a number of percent from 30 to 120",
        "The level at which its compartments are full. Only for a `recycling_point`. Absent: `full_pct` of the rule "
        "`bin_overflow`.",
        None,
        ge=30,
        le=120,
    )
    model: Text = field_of(_TEXT_120, "Its make and type, as on its plate.", "", max_length=120)
    verification: Text = field_of(
        _TEXT_120,
        "Number of the certificate of its last verification; evidence packs name it.",
        "",
        max_length=120,
    )
    verified_until: Moment = field_of(
        _MOMENT, "First moment at which that verification no longer holds. Absent: not known.", None
    )

    dialect: Id = field_of(
        _DIALECT, "The dialect that it speaks; its messages in another one are refused.", NATIVE_DIALECT
    )
    profile: Id | None = field_of(
        ID,
        "The profile by which its messages are read: an entry of profiles.yaml, or one of the dialect itself. Absent: "
        "the default of the dialect.",
        None,
    )
    depth_mm: float | None = field_of(
        "a number of mm above 0, up to 20,000",
        "Depth of the bin, from its sensor down to its floor: a sensor that measures a distance needs it. Only for a "
        "`recycling_point`.",
        None,
        gt=0,
        le=20_000,
    )

    def verified_until_ms(self, zone: ZoneInfo) -> int | None:
        return _ms(self.verified_until, zone)


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
