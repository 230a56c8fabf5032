"""Checks of a city's files that concern several fields, entries or files."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Final
from zoneinfo import ZoneInfo

from devices.city.files.fields import DeviceRow, ProfileRow, SiteRow
from devices.city.files.problems import Problems
from devices.city.files.rows import Entry, RowT, ValidRowT
from devices.city.model import DeviceRole
from devices.city.sites import SOURCES, SiteKind, ZoneKind
from devices.codecs.codec import ProfiledCodec
from devices.codecs.registry import CODECS
from devices.readings.ids import UNREGISTRABLE_IDS
from devices.spelling import did_you_mean

Named = Mapping[str, tuple[str, Collection[str]]]
"""What entries refer to: of each noun, the name of its file and the ids there are."""

_MOST_GUESSES: Final = 20


class References:
    """Check of references to other entries against the ids that the files define."""

    def __init__(self, named: Named, zone_kinds: Mapping[str, ZoneKind], problems: Problems) -> None:
        """`zone_kinds`: of the zones whose kind is known, by id."""
        self._problems = problems
        self._ids = {noun: ids for noun, (_, ids) in named.items()}
        self._files = {noun: file for noun, (file, _) in named.items()}
        self._other_zones = {id_: kind for id_, kind in zone_kinds.items() if kind is not ZoneKind.PERMITTED_AREA}
        self._guesses = 0

    def check_entries(self, stem: str, entries: Iterable[Entry[Any]]) -> None:
        """Check what the entries of a file refer to; `stem`: of its name."""
        for entry in entries:
            row = entry.row
            match stem:
                case "devices":
                    self.check(entry, "vehicle", [row.vehicle])
                    self.check(entry, "site", [row.site])
                case "routes":
                    self.check(entry, "site", [row.origin], "origin")
                    self.check(entry, "site", [row.destination], "destination")
                case "gates":
                    self.check(entry, "site", [row.site])
                case "permits":
                    self.check(entry, "vehicle", [row.vehicle])
                    self.check(entry, "route", row.routes or (), "routes")
                    self.check(entry, "site", row.sites or (), "sites")
                    self.check(entry, "site", row.sources or (), "sources")
            if stem in {"vehicles", "drivers", "permits", "licences"}:
                self.check(entry, "haulier", [row.haulier])
            if stem in {"permits", "licences"}:
                self.check_areas(entry, row.areas or ())

    def check(self, entry: Entry[ValidRowT], noun: str, ids: Iterable[str | None], name: str | None = None) -> None:
        for referred in ids:
            self.check_among(entry, name or noun, referred, self._ids[noun], self._files[noun])

    def check_areas(self, entry: Entry[ValidRowT], area_ids: Iterable[str]) -> None:
        """The zones that a permit or a licence names are permitted areas."""
        self.check(entry, "zone", area_ids, "areas")
        for area_id in area_ids:
            if (kind := self._other_zones.get(area_id)) is not None:
                fault = f"{area_id!r} is of kind {kind} in zones.geojson: name zones of kind permitted_area"
                self._problems.add(entry.where, "areas", fault)

    def check_among(
        self, entry: Entry[ValidRowT], name: str, referred: str | None, ids: Collection[str], file: str
    ) -> None:
        if referred is None or referred in ids or referred in self._problems.faulty_ids:
            return
        if file in self._problems.incomplete_files:
            return
        self._guesses += 1  # each looks at all ids: a file of wrong references must not take minutes
        guess = did_you_mean(referred, ids) if self._guesses <= _MOST_GUESSES else ""
        remedy = guess or "add it there or correct the name"
        self._problems.add(entry.where, name, f"{referred!r} is not in {file}: {remedy}")


def check_ids(entries: Iterable[Entry[RowT]], key: Callable[[RowT], Hashable], problems: Problems) -> None:
    seen: set[Hashable] = set()
    for entry in entries:
        if entry.knows("id", "version"):
            if key(entry.row) in seen:
                problems.add(
                    entry.where, "id", "used twice in this file: give each entry, or each version of it, its own"
                )
            seen.add(key(entry.row))


def check_entries(
    entries: Sequence[Entry[ValidRowT]], key: Callable[[ValidRowT], Hashable], zone: ZoneInfo | None, problems: Problems
) -> None:
    check_ids(entries, key, problems)
    for entry in entries:
        if zone is not None and entry.row.validity(zone).is_empty:
            problems.add(entry.where, "valid_until", "not after valid_from: it is the first moment no longer covered")


def check_overlaps(
    entries: Sequence[Entry[ValidRowT]],
    key: Callable[[ValidRowT], str | None],
    fault: str,
    zone: ZoneInfo | None,
    problems: Problems,
) -> None:
    if zone is None:
        return
    by_key: dict[str, list[Entry[ValidRowT]]] = {}
    for entry in entries:
        if (value := key(entry.row)) is not None and entry.knows("valid_from", "valid_until"):
            by_key.setdefault(value, []).append(entry)
    for group in by_key.values():
        for first, second in combinations(group, 2):
            is_same = getattr(first.row, "version", 0) == getattr(second.row, "version", 1)  # a fault of its own
            if not is_same and first.row.validity(zone).overlaps(second.row.validity(zone)):
                problems.add(second.where, "valid_from", f"{fault}: end the earlier one with valid_until")


def check_sites(sites: Iterable[Entry[SiteRow]], problems: Problems) -> None:
    """Fields that only some kinds of site have."""
    for feature in sites:
        row = feature.row
        if feature.knows("kind", "deposit_hours") and row.deposit_hours and row.kind is not SiteKind.RECYCLING_POINT:
            fault = f"only a recycling_point has them, this is a {row.kind}: remove them"
            problems.add(feature.where, "deposit_hours", fault)
        if feature.knows("kind", "streams") and row.streams and row.kind not in SOURCES:
            fault = f"only a {' or a '.join(sorted(SOURCES))} has them, this is a {row.kind}: remove them"
            problems.add(feature.where, "streams", fault)


def check_devices(devices: Iterable[Entry[DeviceRow]], problems: Problems) -> None:
    for entry in devices:
        row = entry.row
        if row.id in UNREGISTRABLE_IDS:
            problems.add(entry.where, "id", "reserved for Haulwatch itself: choose another")
        if not entry.knows("role"):
            continue
        if row.role is DeviceRole.TRUCK and row.vehicle is None and entry.knows("vehicle"):
            problems.add(entry.where, "vehicle", "missing: write the vehicle that carries this truck's terminal")
        if row.role is not DeviceRole.TRUCK and row.site is None and entry.knows("site"):
            problems.add(entry.where, "site", f"missing: write the site that this {row.role} stands on")
        if row.overflow_at_pct is not None and row.role is not DeviceRole.RECYCLING_POINT:
            fault = f"only a recycling_point has it, this is a {row.role}: remove it"
            problems.add(entry.where, "overflow_at_pct", fault)
        if row.depth_mm is not None and row.role is not DeviceRole.RECYCLING_POINT:
            fault = f"only a recycling_point has it, this is a {row.role}: remove it"
            problems.add(entry.where, "depth_mm", fault)


def check_profiles(profiles: Iterable[Entry[ProfileRow]], problems: Problems) -> None:
    """Each profile is of a dialect that has profiles, which finds nothing wrong with its settings."""
    for entry in profiles:
        row = entry.row
        if not entry.knows("dialect") or not _is_dialect(entry, row.dialect, problems):
            problems.faulty_ids.add(row.id)
            continue
        codec = CODECS.codec_of(row.dialect)
        if not isinstance(codec, ProfiledCodec):
            problems.add(entry.where, "dialect", f"{row.dialect} has no profiles: remove this entry")
            continue
        if row.id in codec.profiles():
            problems.add(entry.where, "id", f"{row.dialect} itself has a profile of this name: choose another")
        for key, fault in codec.check_settings(row.settings) if entry.knows("settings") else ():
            problems.add(entry.where, f"settings.{key}" if key else "settings", fault)


def check_dialects(
    devices: Iterable[Entry[DeviceRow]], profiles: Mapping[str, str], file: str, problems: Problems
) -> None:
    """Each device speaks a dialect that there is, by a profile of that dialect; `profiles`: dialects, by id."""
    for entry in devices:
        row = entry.row
        if not entry.knows("dialect") or not _is_dialect(entry, row.dialect, problems):
            continue
        if row.profile is None or row.profile in problems.faulty_ids or file in problems.incomplete_files:
            continue
        if fault := fault_of_profile(row.profile, row.dialect, profiles, file):
            problems.add(entry.where, "profile", fault)


def fault_of_dialect(dialect: str) -> str:
    """What is wrong with the name of a dialect; empty: nothing."""
    names = CODECS.dialects
    if dialect in names:
        return ""
    return f"{dialect!r} is no dialect: {did_you_mean(dialect, names) or 'write one of ' + ', '.join(names)}"


def fault_of_profile(profile: str, dialect: str, profiles: Mapping[str, str], file: str) -> str:
    """What is wrong with the profile of a device that speaks a dialect; `profiles`: dialects of the city's, by id."""
    codec = CODECS.codec_of(dialect)
    if not isinstance(codec, ProfiledCodec):
        return f"{dialect} has no profiles: remove it"
    if profile in profiles:
        other = profiles[profile]
        return "" if other == dialect else f"{profile!r} is of the dialect {other}, the device speaks {dialect}"
    own = sorted(codec.profiles())
    if profile in own:
        return ""
    others = f", or write one of {', '.join(own)}" if own else ""
    return f"{profile!r} is not in {file}: {did_you_mean(profile, [*profiles, *own]) or f'add it there{others}'}"


def _is_dialect(entry: Entry[RowT], dialect: str, problems: Problems) -> bool:
    fault = fault_of_dialect(dialect)
    if fault:
        problems.add(entry.where, "dialect", fault)
    return not fault


def check_areas_of_head(
    entries: Mapping[str, Sequence[Entry[Any]]],
    districts: Collection[str] | None,
    fleets: Collection[str] | None,
    references: References,
) -> None:
    """Districts and fleets are those of city.yaml, where it lists them; None: it does not. `entries`: by stem."""
    for stem in ("sites", "devices") if districts is not None else ():
        for entry in entries.get(stem, ()):
            references.check_among(entry, "district", entry.row.district, districts or (), "city.yaml")
    for stem in ("devices", "hauliers") if fleets is not None else ():
        for entry in entries.get(stem, ()):
            references.check_among(entry, "fleet", entry.row.fleet, fleets or (), "city.yaml")
