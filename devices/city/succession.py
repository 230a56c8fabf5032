"""Changes that begin at an instant: what held before stays in a version of its own, so that the past keeps it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from devices.city.columns import Row, Values, city_of, rows_of
from devices.city.model import City
from devices.city.sites import Validity
from devices.errors import OperatorError
from devices.readings.models import MAX_TS_MS, MIN_TS_MS

VERSIONED: Final = ("haulier", "driver", "vehicle", "site", "gate", "route", "zone", "permit", "licence")
"""Tables whose rows have versions."""
_OF_A_VERSION: Final = frozenset({"version", "valid_from_ms", "valid_until_ms"})
_MAY_OVERLAP: Final = frozenset({"route"})
"""Two versions of a route may be approved at one time, as in the files (`devices.city.files.checks`)."""
_MOST_NAMED: Final = 20


class VersionsRefused(OperatorError):
    """The versions that an import asks for contradict each other or those that are stored; nothing was changed."""


class Clash(NamedTuple):
    """Two versions of an entry that would hold at one time."""

    table: str
    entry_id: str
    versions: tuple[int, int]
    """In the order in which they begin."""
    from_ms: int | None
    """The first instant of both; None: always."""


def from_instant(stored: City, wanted: City, from_ms: int) -> City:
    """The wanted city, with what changes as new versions that are valid from `from_ms` on (device time, ms).

    A wanted version that is equal to the stored one of its number is no change. Else it succeeds the version that holds
    at that instant, unless it begins later: then it is that version's own correction. A new entry begins at the
    instant, unless it names its own beginning.

    Raises VersionsRefused: a change would reach back before the instant.
    """
    before, after = rows_of(stored), rows_of(wanted)
    zone = ZoneInfo(wanted.timezone)
    rows = {
        table: _from_instant(table, before[table], found, from_ms, zone) if table in VERSIONED else found
        for table, found in after.items()
    }
    return city_of(rows, wanted.revision)


def _from_instant(
    table: str, stored: Sequence[Row], wanted: Sequence[Row], from_ms: int, zone: ZoneInfo
) -> list[Values]:
    held, named = _by_id(stored), _by_id(wanted)
    rows: list[Values] = []
    for entry_id, found in named.items():
        try:
            rows += _entry_from(held.get(entry_id, ()), found, from_ms)
        except ValueError as exc:
            moment = _text(from_ms, zone)
            raise VersionsRefused(f"{table} {entry_id!r} cannot change from {moment} on: {exc}") from exc
    return rows


def _entry_from(stored: Sequence[Row], wanted: Sequence[Row], from_ms: int) -> list[Values]:
    """All versions of an entry. Raises ValueError: what to do."""
    before = {row["version"]: row for row in stored}
    versions: list[Values] = [dict(row) for row in stored]
    held = next((row["version"] for row in stored if _validity(row).covers(from_ms)), None)
    names = {row["version"] for row in wanted}
    for row in sorted(wanted, key=_by_version):
        own = before.get(row["version"])
        if own is not None and dict(own) == dict(row):
            continue
        if own is not None and _begins_after(own, from_ms):
            corrected = _corrected(own, row, from_ms)
            versions = [corrected if one["version"] == row["version"] else one for one in versions]
            continue
        if own is not None and row["version"] != held and held in names:
            raise ValueError(
                f"version {row['version']} is over by then and the files name version {held} as well: change that one, "
                "or leave --from out"
            )
        versions = _with_change(versions, own, row, from_ms)
    return sorted(versions, key=_by_version)


def _corrected(own: Row, row: Row, from_ms: int) -> Values:
    """A version that begins after the instant, with other fields. Raises ValueError."""
    begins = row["valid_from_ms"]
    if begins is not None and begins < from_ms:
        raise ValueError(f"version {row['version']} begins later, by the files before it: leave --from out")
    return dict(row) | {"valid_from_ms": own["valid_from_ms"] if begins is None else begins}


def _with_change(versions: list[Values], own: Row | None, row: Row, from_ms: int) -> list[Values]:
    """All versions with the one that is wanted from the instant on, or later. Raises ValueError."""
    begins = row["valid_from_ms"]
    if row["valid_until_ms"] is not None and row["valid_until_ms"] <= from_ms:
        raise ValueError(
            f"valid_until of version {row['version']} is not after it: write a later end, or leave --from out"
        )
    if own is None and begins is not None and begins > from_ms:
        return [*versions, dict(row)]
    if not versions:
        return [dict(row) | {"valid_from_ms": from_ms if begins is None else begins}]
    if begins not in {None, from_ms} and (own is None or begins != own["valid_from_ms"]):
        raise ValueError(f"valid_from of version {row['version']} is before it: leave --from out")
    if any(_validity(one).covers(from_ms) for one in versions):
        return successors(versions, row, from_ms)
    return [*versions, _numbered(versions, row, from_ms, _end_of(versions, row, from_ms))]


def successors(stored: Sequence[Row], row: Row, from_ms: int) -> list[Values]:
    """All versions of an entry after it has the fields of `row` from an instant on; some version holds at it.

    The new version ends where `row` does, or where a later one begins.
    """
    held = max((one for one in stored if _validity(one).covers(from_ms)), key=_by_version)
    others = [dict(one) for one in stored if one is not held]
    until = _end_of(others, row, from_ms)
    if not _differs(held, row):
        is_same = row["version"] == held["version"]
        changed = [dict(held) | ({"valid_until_ms": until} if is_same else {})]
    elif held["valid_from_ms"] == from_ms:
        changed = [dict(row) | {"version": held["version"], "valid_from_ms": from_ms, "valid_until_ms": until}]
    else:
        changed = [dict(held) | {"valid_until_ms": from_ms}, _numbered(stored, row, from_ms, until)]
    return sorted((*others, *changed), key=_by_version)


def clashes(stored: City | None, wanted: City) -> list[Clash]:
    """The versions that would hold at one time after an import of `wanted`; of those that it adds or changes.

    `stored`: the city of the registry, None before the first import.
    """
    before: Mapping[str, Sequence[Row]] = {} if stored is None else rows_of(stored)
    after = rows_of(wanted)
    found: list[Clash] = []
    for table in (*VERSIONED, "device"):
        if table in _MAY_OVERLAP:
            continue
        held = {_key(row): row for row in before.get(table, ())}
        named = {_key(row): row for row in after[table]}
        new = {key for key, row in named.items() if held.get(key) != row}
        if not new:
            continue
        by_name: dict[str, list[Row]] = {}
        for row in (held | named).values():
            name = row["vehicle_id"] if table == "device" else row["id"]
            if name is not None and not _validity(row).is_empty:
                by_name.setdefault(name, []).append(row)
        for name, rows in by_name.items():
            pairs = combinations(sorted(rows, key=_by_beginning), 2) if len(rows) > 1 else ()
            found += (_clash(table, name, pair) for pair in pairs if _meet(*pair) and new & set(map(_key, pair)))
    return found


def check_clashes(stored: City | None, wanted: City) -> None:
    """Raises VersionsRefused: two versions of an entry would hold at one time after an import of `wanted`."""
    found = clashes(stored, wanted)
    if not found:
        return
    zone = ZoneInfo(wanted.timezone)
    lines = [_clash_text(one, zone) for one in found[:_MOST_NAMED]]
    if len(found) > _MOST_NAMED:
        lines.append(f"and {len(found) - _MOST_NAMED} more")
    remedy = (
        "import with --from, so that the change becomes a new version; or write all versions with valid_from and "
        "valid_until, as `haulwatch city export` does"
    )
    raise VersionsRefused("\n  ".join(["nothing was changed: of what would be in the registry,", *lines, remedy]))


def _clash_text(clash: Clash, zone: ZoneInfo) -> str:
    since = "always"
    if clash.from_ms is not None:
        since = f"from {_text(clash.from_ms, zone)} on"
    if clash.table == "device":
        return f"vehicle {clash.entry_id!r} would have two terminals at one time, {since}"
    first, second = clash.versions
    return f"{clash.table} {clash.entry_id!r} would have versions {first} and {second} at one time, {since}"


def _text(ms: int, zone: ZoneInfo) -> str:
    """An instant for people; those of a registry may lie beyond the calendar."""
    return datetime.fromtimestamp(min(max(ms, MIN_TS_MS), MAX_TS_MS) / 1000, zone).isoformat()


def _clash(table: str, name: str, pair: tuple[Row, Row]) -> Clash:
    first, second = pair
    return Clash(table, name, (first.get("version", 1), second.get("version", 1)), second["valid_from_ms"])


def _meet(first: Row, second: Row) -> bool:
    return _validity(first).overlaps(_validity(second))


def _key(row: Row) -> tuple[str, int]:
    return row["id"], row.get("version", 1)


def _by_id(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(row)
    return found


def _end_of(others: Sequence[Row], row: Row, from_ms: int) -> int | None:
    """Where a version ends that begins at an instant: where `row` does, or where a later one begins."""
    later = [one["valid_from_ms"] for one in others if _begins_after(one, from_ms)]
    return min((end for end in (row["valid_until_ms"], *later) if end is not None), default=None)


def _numbered(versions: Sequence[Row], row: Row, from_ms: int, until: int | None) -> Values:
    """The row as a new version, with its own number if that is free and the highest."""
    highest = max(one["version"] for one in versions)
    number = row["version"] if row["version"] > highest else highest + 1
    return dict(row) | {"version": number, "valid_from_ms": from_ms, "valid_until_ms": until}


def _begins_after(row: Row, from_ms: int) -> bool:
    return row["valid_from_ms"] is not None and row["valid_from_ms"] > from_ms


def _validity(row: Row) -> Validity:
    return Validity(row["valid_from_ms"], row["valid_until_ms"])


def _by_version(row: Row) -> tuple[str, int]:
    return row["id"], row["version"]


def _by_beginning(row: Row) -> float:
    return float("-inf") if row["valid_from_ms"] is None else float(row["valid_from_ms"])


def _differs(held: Row, row: Row) -> bool:
    return any(held[name] != value for name, value in row.items() if name not in _OF_A_VERSION)
