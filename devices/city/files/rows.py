"""Rows of a city's files, read and checked one row at a time by the models of `devices.city.files.fields`."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from devices.city.files.fields import PARTIAL, CityRow, Row, ValidRow, write_of
from devices.city.files.problems import WHOLE, Problems, Where
from devices.city.files.sources import CSV, DATUM_MEMBER, Files
from devices.city.files.tables import row_of_cells
from devices.geo.geometry import Datum
from devices.readings.streams import STREAM_NAMES
from devices.spelling import did_you_mean

_MISSPELT: Final = 0.85
"""One letter of six is wrong, not one of five: `radius` is another property, `valid_untill` is not."""
_QUOTED: Final = re.compile("'([^']+)'")
"""The choices in pydantic's message about an enum: `'wgs84' or 'gcj02'`."""

RowT = TypeVar("RowT", bound=Row)
ValidRowT = TypeVar("ValidRowT", bound=ValidRow)


@dataclass(frozen=True, slots=True)
class Entry(Generic[RowT]):
    """A row and its location, as problems name it: file and id."""

    where: Where
    row: RowT
    faulty: frozenset[str]
    """Fields that are None because they are faulty. The row is read on, so that one run finds its other faults."""

    def knows(self, *names: str) -> bool:
        return self.faulty.isdisjoint(names)


@dataclass(frozen=True, slots=True)
class Feature(Entry[ValidRowT]):
    """A row with a shape."""

    geometry: object
    datum: Datum | None
    """None: faulty."""


class Head(NamedTuple):
    """What could be read of city.yaml."""

    row: CityRow | None
    """None: it has a fault."""
    zone: ZoneInfo | None
    centre: object
    datum: Datum | None


def read_head(files: Files, problems: Problems) -> Head:
    """Read city.yaml. After a fault the other files are checked with what could be read of it."""
    content = files.content("city.yaml", problems)
    if content is None:
        return Head(None, None, None, None)
    row, faulty = _row(CityRow, content, Where("city.yaml"), problems)
    if row is None:
        return Head(None, None, None, None)
    return Head(None if faulty else row, row.timezone, row.centre, row.datum)


def read_rows(files: Files, name: str, model: type[RowT], problems: Problems) -> list[Entry[RowT]]:
    """Read the rows of a list in YAML or CSV; the faults of faulty ones are added to the problems."""
    rows = files.content(name, problems)
    if rows is None:
        return []
    if not isinstance(rows, list):
        problems.add_unreadable(name, WHOLE, "not a list: begin each entry with `- id: …`")
        return []
    entries = []
    for number, raw in enumerate(rows):
        cells = row_of_cells(model, raw) if name.endswith(CSV) else raw
        where = _where(name, "entry", number, cells)
        row, faulty = _row(model, cells, where, problems)
        if row is None or "id" in faulty:
            problems.note_unknown_id(name, cells)
        if row is not None:
            entries.append(Entry(where, row, faulty))
    return entries


def read_features(files: Files, name: str, model: type[ValidRowT], problems: Problems) -> list[Feature[ValidRowT]]:
    """Read the features of a GeoJSON file; the faults of faulty ones are added to the problems."""
    collection = files.content(name, problems)
    if collection is None:
        return []
    if not isinstance(collection, dict) or not isinstance(collection.get("features"), list):
        problems.add_unreadable(name, "features", "missing: write a GeoJSON FeatureCollection (docs/city.md)")
        return []
    features = []
    for number, raw in enumerate(collection["features"]):
        properties = raw.get("properties") if isinstance(raw, dict) else None
        where = _where(name, "feature", number, properties)
        row, faulty = _row(model, properties, where, problems)
        _check_misspelt(model, properties, where, problems)
        if row is None or "id" in faulty:
            problems.note_unknown_id(name, properties)
        if row is not None:
            datum = _datum(collection, properties, where, problems)
            features.append(Feature(where, row, faulty, raw.get("geometry"), datum))
    return features


def _datum(collection: dict[str, Any], properties: object, where: Where, problems: Problems) -> Datum | None:
    name = (properties.get("datum") if isinstance(properties, dict) else None) or collection.get(DATUM_MEMBER)
    if isinstance(name, str) and name in set(Datum):
        return Datum(name)
    fault = "missing" if name is None else f"{name!r} is not supported"
    hint = "write wgs84 or gcj02 for the file, or as property `datum` of the feature; it is never guessed"
    problems.add(where, DATUM_MEMBER, f"{fault}: {hint}")
    return None


def _row(model: type[RowT], raw: object, where: Where, problems: Problems) -> tuple[RowT | None, frozenset[str]]:
    """Read a row, and name the fields that are None because they are faulty. No row: it is no mapping of fields."""
    try:
        return model.model_validate(raw), frozenset()
    except ValidationError as exc:
        errors = exc.errors(include_url=False)
    if not isinstance(raw, dict):
        problems.add(where, "entry", f"{raw!r:.60} is not a set of fields: write `{next(iter(model.model_fields))}: …`")
        return None, frozenset()
    for error in errors:
        problems.add(where, ".".join(map(str, error["loc"])), _fault(model, error))
    fields = {name: raw.get(name) for name, info in model.model_fields.items() if info.is_required() or name in raw}
    return model.model_validate(fields, context=PARTIAL), frozenset(str(error["loc"][0]) for error in errors)


def _check_misspelt(model: type[Row], properties: object, where: Where, problems: Problems) -> None:
    """Other properties of a feature are ignored, except a misspelt field: `valid_untill` would mean no end."""
    for name in properties if isinstance(properties, dict) else ():
        guess = "" if name in model.model_fields else did_you_mean(name, model.model_fields, similarity=_MISSPELT)
        if guess:
            problems.add(where, name, f"no such field: {guess}")


def _fault(model: type[Row], error: ErrorDetails) -> str:
    """What is wrong with a field, and what to write."""
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
        fields = ", ".join(model.model_fields)
        return f"no such field: {did_you_mean(name, model.model_fields) or f'remove it; the fields are {fields}'}"
    write = write_of(model, name)
    if error["type"] == "missing":
        return f"missing: write {write}"
    found = error["input"]
    guess = did_you_mean(found, _choices(name, error)) if isinstance(found, str) else ""
    return f"{found!r:.60} does not fit: {guess or f'write {write}'}"


def _choices(name: str, error: ErrorDetails) -> Collection[str]:
    """The values of a field that takes only some."""
    if error["type"] == "enum":
        return _QUOTED.findall(error["ctx"]["expected"])
    if name == "streams" and len(error["loc"]) > 1:
        return STREAM_NAMES
    return available_timezones() if name == "timezone" else ()


def _where(file: str, noun: str, number: int, raw: object) -> Where:
    """`number`: from 0."""
    entry_id = raw.get("id") if isinstance(raw, dict) else None
    return Where(file, entry_id if isinstance(entry_id, str) else f"{noun} {number + 1}", number)
