"""What an import would do to the city of the registry: entries that are added, changed, ended or left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from devices.city.files.export import Fields, Versioned, entries_of, head_of
from devices.city.model import City, Device
from devices.city.sites import Validity

_NOT_JUDGED: Final = frozenset({"name", "name_zh", "districts", "fleets", "model", "verification", "verified_until"})
"""Fields by which nothing is judged."""


class Deed(StrEnum):
    """What becomes of an entry."""

    ADDED = "added"
    CHANGED = "changed"
    ENDED = "ended"
    """Only its end changes."""
    LEFT_OUT = "left_out"
    """The files do not name it: it stays as it is, since nothing is deleted."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, before and after, as files hold it; None: absent."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class EntryChange:
    """What becomes of one version of an entry."""

    file: str
    """Stem of its file: `sites`, `vehicles`."""
    id: str
    version: int
    deed: Deed
    entry: Fields
    """As the files have it; one that is left out, as the registry has it."""
    fields: tuple[FieldChange, ...] = ()
    """Those that change; of an entry that is added or left out, none."""
    changes_past: bool = False
    """It held already: late readings, and replays of what comes after the import, would be judged by the change."""


def difference(stored: City | None, wanted: City, now: int) -> list[EntryChange]:
    """The changes that an import of `wanted` makes, in the order of files, ids and versions.

    `stored`: the city of the registry, None before the first import; `now`: wall clock, ms.
    """
    before = {} if stored is None else _by_key(stored)
    after = _by_key(wanted)
    intervals = {} if stored is None else _intervals(stored)
    wanted_intervals = _intervals(wanted)
    changes = []
    for key in sorted(before.keys() | after.keys()):
        file, id_, version = key
        if key not in before:
            past = stored is not None and _has_begun(wanted_intervals.get(key), now)
            changes.append(EntryChange(file, id_, version, Deed.ADDED, after[key], (), past))
        elif key not in after:
            changes.append(EntryChange(file, id_, version, Deed.LEFT_OUT, before[key]))
        elif fields := tuple(changed_fields(before[key], after[key])):
            only_end = {change.field for change in fields} == {"valid_until"}
            deed = Deed.ENDED if only_end and "valid_until" in after[key] else Deed.CHANGED
            past = _changes_past(fields, intervals.get(key), wanted_intervals.get(key), now)
            changes.append(EntryChange(file, id_, version, deed, after[key], fields, past))
    return changes


def changed_fields(before: Fields, after: Fields) -> Iterator[FieldChange]:
    """The fields that differ, in the order of the entry, those that are gone last."""
    for name in [*after, *(name for name in before if name not in after)]:
        if before.get(name) != after.get(name):
            yield FieldChange(name, before.get(name), after.get(name))


def as_text(value: Any) -> str:
    """A value of a field for people; a shape by its kind and number of positions."""
    if value is None:
        return "-"
    if isinstance(value, dict) and "coordinates" in value:
        return f"{value['type']} of {_positions(value['coordinates'])} positions"
    if isinstance(value, list):
        return ", ".join(map(as_text, value))
    return str(value.get("id", value)) if isinstance(value, dict) else str(value)


def _positions(coordinates: Sequence[Any]) -> int:
    if not coordinates or isinstance(coordinates[0], int | float):
        return 1
    return sum(map(_positions, coordinates))


def _by_key(city: City) -> Mapping[tuple[str, str, int], Fields]:
    entries = {"city": [head_of(city)], **entries_of(city)}
    return {(file, entry["id"], entry.get("version", 1)): entry for file, found in entries.items() for entry in found}


def _intervals(city: City) -> Mapping[tuple[str, str, int], Validity]:
    versioned: Mapping[str, Sequence[Versioned | Device]] = {
        "sites": (*city.sites.values(), *city.past_sites),
        "routes": city.routes,
        "zones": city.zones,
        "gates": city.gates,
        "vehicles": (*city.vehicles.values(), *city.past_vehicles),
        "permits": city.permits,
        "hauliers": city.hauliers,
        "drivers": city.drivers,
        "licences": city.licences,
        "devices": tuple(city.devices.values()),
    }
    return {
        (file, one.id, getattr(one, "version", 1)): one.validity for file, found in versioned.items() for one in found
    }


def _changes_past(fields: Sequence[FieldChange], before: Validity | None, after: Validity | None, now: int) -> bool:
    """True if readings of before `now` are judged by the change; None: city.yaml, which always held."""
    names = {change.field for change in fields}
    if before is None or after is None:
        return not names <= _NOT_JUDGED
    if names == {"valid_until"}:
        return any(one.end_ms is not None and one.end_ms < now for one in (before, after))
    return not names <= _NOT_JUDGED and (_has_begun(before, now) or _has_begun(after, now))


def _has_begun(validity: Validity | None, now: int) -> bool:
    return validity is not None and (validity.start_ms is None or validity.start_ms <= now)
