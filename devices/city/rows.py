"""Rows of a city's files, read and checked one row at a time by the models of `devices.city.fields`."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from devices.bounded_files import (
    MAX_JSON_BYTES,
    MAX_YAML_BYTES,
    UnboundedFile,
    load_json,
    load_yaml,
    read_bounded,
)
from devices.city.fields import PARTIAL, CityRow, Row, ValidRow, write_of
from devices.geo.geometry import Datum
from devices.readings.streams import STREAM_NAMES
from devices.spelling import did_you_mean

DATUM_MEMBER: Final = "haulwatch:datum"
"""Member of a GeoJSON FeatureCollection; the property `datum` of a feature overrides it."""
MAX_ENTRIES: Final = 50_000
"""Of one file: ten times the largest city that was measured."""
_MISSPELT: Final = 0.85
"""One letter of six is wrong, not one of five: `radius` is another property, `valid_untill` is not."""
_QUOTED: Final = re.compile("'([^']+)'")
"""The choices in pydantic's message about an enum: `'wgs84' or 'gcj02'`."""

RowT = TypeVar("RowT", bound=Row)
ValidRowT = TypeVar("ValidRowT", bound=ValidRow)


@dataclass(slots=True)
class Problems:
    """All faults found so far. Reading goes on after a fault, so that one run names all of them."""

    lines: list[str] = field(default_factory=list)
    faulty_ids: set[str] = field(default_factory=set)
    """Ids that were refused: a reference to them is no second fault."""
    incomplete_files: set[str] = field(default_factory=set)
    """Files of which not every id is known: a reference into them is no second fault either."""

    def add(self, where: str, name: str, fault: str) -> None:
        self.lines.append(f"{where}: {name}: {fault}")

    def add_unreadable(self, path: Path, name: str, fault: str) -> None:
        self.incomplete_files.add(path.name)
        self.add(path.name, name, fault)

    def note_unknown_id(self, path: Path, raw: object) -> None:
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


def read_head(path: Path, problems: Problems) -> Head:
    """Read city.yaml. After a fault the other files are checked with what could be read of it."""
    content = _yaml(path, problems)
    if content is None:
        return Head(None, None, None, None)
    row, faulty = _row(CityRow, content, path.name, problems)
    if row is None:
        return Head(None, None, None, None)
    return Head(None if faulty else row, row.timezone, row.centre, row.datum)


def read_rows(path: Path, model: type[ValidRowT], problems: Problems) -> list[Entry[ValidRowT]]:
    """Read the rows of a YAML list; the faults of faulty ones are added to the problems."""
    rows = _yaml(path, problems)
    if rows is None:
        return []
    if not isinstance(rows, list):
        problems.add_unreadable(path, "file", "not a list: begin each entry with `- id: …`")
        return []
    entries = []
    for number, raw in enumerate(rows, start=1):
        where = _where(path, "entry", number, raw)
        row, faulty = _row(model, raw, where, problems)
        if row is None or "id" in faulty:
            problems.note_unknown_id(path, raw)
        if row is not None:
            entries.append(Entry(where, row, faulty))
    return entries


def read_features(path: Path, model: type[ValidRowT], problems: Problems) -> list[Feature[ValidRowT]]:
    """Read the features of a GeoJSON file; the faults of faulty ones are added to the problems."""
    collection = _json(path, problems)
    if collection is None:
        return []
    if not isinstance(collection, dict) or not isinstance(collection.get("features"), list):
        problems.add_unreadable(path, "features", "missing: write a GeoJSON FeatureCollection (docs/city.md)")
        return []
    features = []
    for number, raw in enumerate(collection["features"], start=1):
        properties = raw.get("properties") if isinstance(raw, dict) else None
        where = _where(path, "feature", number, properties)
        row, faulty = _row(model, properties, where, problems)
        _check_misspelt(model, properties, where, problems)
        if row is None or "id" in faulty:
            problems.note_unknown_id(path, properties)
        if row is not None:
            datum = _datum(collection, properties, where, problems)
            features.append(Feature(where, row, faulty, raw.get("geometry"), datum))
    return features


def _datum(collection: dict[str, Any], properties: object, where: str, problems: Problems) -> Datum | None:
    name = (properties.get("datum") if isinstance(properties, dict) else None) or collection.get(DATUM_MEMBER)
    if isinstance(name, str) and name in set(Datum):
        return Datum(name)
    fault = "missing" if name is None else f"{name!r} is not supported"
    hint = "write wgs84 or gcj02 for the file, or as property `datum` of the feature; it is never guessed"
    problems.add(where, DATUM_MEMBER, f"{fault}: {hint}")
    return None


def _row(model: type[RowT], raw: object, where: str, problems: Problems) -> tuple[RowT | None, frozenset[str]]:
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


def _check_misspelt(model: type[Row], properties: object, where: str, problems: Problems) -> None:
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


def _where(path: Path, noun: str, number: int, raw: object) -> str:
    entry_id = raw.get("id") if isinstance(raw, dict) else None
    return f"{path.name}: {entry_id if isinstance(entry_id, str) else f'{noun} {number}'}"


def _yaml(path: Path, problems: Problems) -> Any:
    return _content(path, problems, load_yaml, MAX_YAML_BYTES)


def _json(path: Path, problems: Problems) -> Any:
    return _content(path, problems, load_json, MAX_JSON_BYTES)


def _content(path: Path, problems: Problems, load: Callable[[bytes], Any], max_bytes: int) -> Any:
    try:
        content = load(read_bounded(path, max_bytes, "remove what is no part of the city"))
    except OSError as exc:
        problems.add_unreadable(path, "file", _unread(exc))
        return None
    except UnboundedFile as exc:
        problems.add_unreadable(path, "file", str(exc))
        return None
    entries = content.get("features") if isinstance(content, dict) else content
    if isinstance(entries, list) and len(entries) > MAX_ENTRIES:
        many = f"has {len(entries):,} entries, more than {MAX_ENTRIES:,}: remove what is no part of the city"
        problems.add_unreadable(path, "file", many)
        return None
    return _present(content, path, problems)


def _unread(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "missing: every city has it (a list may be empty: docs/city.md)"
    return f"cannot be read: {error.strerror}: give this user access to it"


def _present(content: Any, path: Path, problems: Problems) -> Any:
    if content is None:
        problems.add_unreadable(path, "file", "empty: write the entries, or `[]` for none")
    return content
