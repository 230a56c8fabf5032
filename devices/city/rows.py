"""Rows of a city's files: the fields of each file, read and checked one row at a time."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Generic, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from devices.city.model import DeviceRole
from devices.city.region import DEFAULT_MARGIN_KM
from devices.city.sites import SiteKind, Validity
from devices.geo.geometry import Datum
from devices.readings.ids import DEVICE_ID_PATTERN

DATUM_MEMBER: Final = "haulwatch:datum"
"""Member of a GeoJSON FeatureCollection; the property `datum` of a feature overrides it."""


def _moment(value: object) -> object:
    """Read a date or date-time, as YAML parsed it or as ISO 8601 text; never a bare number."""
    if isinstance(value, str):
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if value is None or isinstance(value, date):
        return value
    raise ValueError("write a date (2020-01-31) or a date-time (2020-01-31T08:00:00+08:00)")


def _zone(value: object) -> object:
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise ValueError("not a name of the time zone database: write one like Asia/Shanghai") from exc


Id = Annotated[str, StringConstraints(pattern=DEVICE_ID_PATTERN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Moment = Annotated[date | datetime | None, BeforeValidator(_moment)]
Version = Annotated[int, Field(ge=1)]


class _Row(BaseModel):
    """A row of a YAML file; an unknown field is a typing error and is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Id


class _ValidRow(_Row):
    valid_from: Moment = None
    valid_until: Moment = None

    def validity(self, zone: ZoneInfo) -> Validity:
        return Validity(_ms(self.valid_from, zone), _ms(self.valid_until, zone))


class _Properties(_ValidRow):
    """Properties of a GeoJSON feature; those that drawing programs add are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    name: Name
    name_zh: Name
    version: Version = 1
    datum: Annotated[Datum | None, Field(strict=False)] = None


class CityRow(_Row):
    """The content of city.yaml."""

    name: Name
    name_zh: Name
    timezone: Annotated[ZoneInfo, BeforeValidator(_zone)]
    centre: list[float]
    """[lon, lat]."""
    datum: Annotated[Datum, Field(strict=False)]
    """Datum of the centre."""
    region_margin_km: Annotated[float, Field(ge=1, le=1_000)] = DEFAULT_MARGIN_KM


class SiteRow(_Properties):
    kind: Annotated[SiteKind, Field(strict=False)]
    district: Id | None = None
    radius_m: Annotated[float, Field(gt=0, le=5000)] | None = None


class RouteRow(_Properties):
    origin: Id
    destination: Id


class DeviceRow(_ValidRow):
    role: Annotated[DeviceRole, Field(strict=False)]
    name: str = ""
    vehicle: Id | None = None
    site: Id | None = None
    fleet: Id | None = None
    district: Id | None = None
    report_interval_s: Annotated[int, Field(ge=1, le=86_400)]
    datum: Annotated[Datum, Field(strict=False)] = Datum.WGS84
    """Datum of the positions it sends."""


class VehicleRow(_ValidRow):
    plate: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    carrier: str = ""
    tare_kg: Annotated[float, Field(gt=0, le=100_000)] | None = None
    payload_kg: Annotated[float, Field(gt=0, le=100_000)] | None = None


class PermitRow(_ValidRow):
    vehicle: Id
    routes: list[Id]
    sites: list[Id] = []


RowT = TypeVar("RowT", bound=_Row)
ValidRowT = TypeVar("ValidRowT", bound=_ValidRow)


@dataclass(slots=True)
class Problems:
    """All faults found so far. Reading goes on after a fault, so that one run names all of them."""

    lines: list[str] = field(default_factory=list)
    faulty_ids: set[str] = field(default_factory=set)
    """Ids of entries that were left out as faulty: a reference to them is no second fault."""
    incomplete_files: set[str] = field(default_factory=set)
    """Files that could not be read whole: a reference into them is no second fault either."""

    def add(self, where: str, name: str, fault: str) -> None:
        self.lines.append(f"{where}: {name}: {fault}")

    def add_unreadable(self, path: Path, name: str, fault: str) -> None:
        self.incomplete_files.add(path.name)
        self.add(path.name, name, fault)

    def leave_out(self, path: Path, raw: object) -> None:
        entry_id = raw.get("id") if isinstance(raw, dict) else None
        if isinstance(entry_id, str):
            self.faulty_ids.add(entry_id)
        else:
            self.incomplete_files.add(path.name)


@dataclass(frozen=True, slots=True)
class Entry(Generic[ValidRowT]):
    """A row and its location, as problems name it: file and id."""

    where: str
    row: ValidRowT


@dataclass(frozen=True, slots=True)
class Feature(Entry[ValidRowT]):
    """A row with a shape."""

    geometry: object
    datum: Datum


def read_city_row(path: Path, problems: Problems) -> CityRow | None:
    content = _yaml(path, problems)
    return None if content is None else _row(CityRow, content, path.name, problems)


def read_rows(path: Path, model: type[ValidRowT], problems: Problems) -> list[Entry[ValidRowT]]:
    """Read the rows of a YAML list; faulty ones are left out and added to the problems."""
    rows = _yaml(path, problems)
    if rows is None:
        return []
    if not isinstance(rows, list):
        problems.add_unreadable(path, "file", "not a list: begin each entry with `- id: …`")
        return []
    entries = []
    for number, raw in enumerate(rows, start=1):
        where = _where(path, "entry", number, raw)
        row = _row(model, raw, where, problems)
        if row is not None:
            entries.append(Entry(where, row))
        else:
            problems.leave_out(path, raw)
    return entries


def read_features(path: Path, model: type[ValidRowT], problems: Problems) -> list[Feature[ValidRowT]]:
    """Read the features of a GeoJSON file; faulty ones are left out and added to the problems."""
    collection = _json(path, problems)
    if collection is None:
        return []
    if not isinstance(collection, dict) or not isinstance(collection.get("features"), list):
        problems.add_unreadable(path, "features", "missing: the file is a GeoJSON FeatureCollection")
        return []
    features = []
    for number, raw in enumerate(collection["features"], start=1):
        properties = raw.get("properties") if isinstance(raw, dict) else None
        where = _where(path, "feature", number, properties)
        row = _row(model, properties, where, problems)
        datum = _datum(collection, properties, where, problems)
        if row is not None and datum is not None:
            features.append(Feature(where, row, raw.get("geometry"), datum))
        else:
            problems.leave_out(path, properties)
    return features


def _datum(collection: dict[str, Any], properties: object, where: str, problems: Problems) -> Datum | None:
    name = (properties.get("datum") if isinstance(properties, dict) else None) or collection.get(DATUM_MEMBER)
    if isinstance(name, str) and name in set(Datum):
        return Datum(name)
    fault = "missing" if name is None else f"{name!r} is not supported"
    hint = "write wgs84 or gcj02 for the file, or as property `datum` of the feature; it is never guessed"
    problems.add(where, DATUM_MEMBER, f"{fault}: {hint}")
    return None


def _row(model: type[RowT], raw: object, where: str, problems: Problems) -> RowT | None:
    try:
        return model.model_validate(raw)
    except ValidationError as exc:
        for error in exc.errors(include_url=False):
            value = "" if error["type"] == "missing" else f" (found {error['input']!r:.60})"
            problems.add(where, ".".join(map(str, error["loc"])) or "entry", error["msg"] + value)
        return None


def _where(path: Path, noun: str, number: int, raw: object) -> str:
    entry_id = raw.get("id") if isinstance(raw, dict) else None
    return f"{path.name}: {entry_id if isinstance(entry_id, str) else f'{noun} {number}'}"


def _yaml(path: Path, problems: Problems) -> Any:
    try:
        return _present(yaml.safe_load(path.read_bytes()), path, problems)
    except OSError as exc:
        problems.add_unreadable(path, "file", f"cannot be read: {exc.strerror}")
        return None
    except yaml.YAMLError as exc:
        problems.add_unreadable(path, "file", f"cannot be read: {exc}")
        return None


def _json(path: Path, problems: Problems) -> Any:
    try:
        return _present(json.loads(path.read_bytes()), path, problems)
    except OSError as exc:
        problems.add_unreadable(path, "file", f"cannot be read: {exc.strerror}")
        return None
    except ValueError as exc:
        problems.add_unreadable(path, "file", f"cannot be read: {exc}")
        return None


def _present(content: Any, path: Path, problems: Problems) -> Any:
    if content is None:
        problems.add_unreadable(path, "file", "empty")
    return content


def _ms(moment: date | datetime | None, zone: ZoneInfo) -> int | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=zone)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)
