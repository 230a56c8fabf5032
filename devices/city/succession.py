"""Changes that begin at an instant: what held before stays in a version of its own, so that the past keeps it."""

from collections.abc import Sequence
from typing import Final

from devices.city.columns import Row, Values, city_of, rows_of
from devices.city.model import City
from devices.city.sites import Validity

VERSIONED: Final = ("haulier", "driver", "vehicle", "site", "gate", "route", "zone", "permit", "licence")
"""Tables whose rows have versions."""
_OF_A_VERSION: Final = frozenset({"version", "valid_from_ms", "valid_until_ms"})


def from_instant(stored: City, wanted: City, from_ms: int) -> City:
    """The wanted city, with what changes as new versions that are valid from `from_ms` on (device time, ms).

    The newest version that is wanted of an entry is compared with the one that holds at that instant; where none does,
    and where its interval alone is another, it changes in place.
    """
    before, after = rows_of(stored), rows_of(wanted)
    rows = {
        table: _from_instant(before[table], found, from_ms) if table in VERSIONED else found
        for table, found in after.items()
    }
    return city_of(rows, wanted.revision)


def _from_instant(stored: Sequence[Row], wanted: Sequence[Row], from_ms: int) -> list[Values]:
    held: dict[str, list[Row]] = {}
    for row in stored:
        held.setdefault(row["id"], []).append(row)
    named: dict[str, list[Row]] = {}
    for row in wanted:
        named.setdefault(row["id"], []).append(row)
    rows = []
    for entry_id, found in named.items():
        *earlier, newest = sorted(found, key=_by_version)
        versions = {row["version"]: row for row in (*held.get(entry_id, ()), *earlier)}
        if any(_validity(row).covers(from_ms) for row in versions.values()):
            rows += successors(list(versions.values()), newest, from_ms)
        else:
            rows += map(dict, (versions | {newest["version"]: newest}).values())
    return sorted(rows, key=_by_version)


def successors(stored: Sequence[Row], row: Row, from_ms: int) -> list[Values]:
    """All versions of an entry after it has the fields of `row` from an instant on; some version holds at it.

    The new version ends where `row` does, or where a later one begins.
    """
    held = max((one for one in stored if _validity(one).covers(from_ms)), key=_by_version)
    others = [dict(one) for one in stored if one is not held]
    later = [one["valid_from_ms"] for one in others if (one["valid_from_ms"] or 0) > from_ms]
    until = min((end for end in (row["valid_until_ms"], *later) if end is not None), default=None)
    if not _differs(held, row):
        is_same = row["version"] == held["version"]
        interval = {"valid_from_ms": row["valid_from_ms"], "valid_until_ms": until}
        changed = [dict(held) | (interval if is_same else {})]
    elif held["valid_from_ms"] == from_ms:
        changed = [dict(row) | {"version": held["version"], "valid_from_ms": from_ms, "valid_until_ms": until}]
    else:
        number = 1 + max(one["version"] for one in (*stored, row))
        changed = [
            dict(held) | {"valid_until_ms": from_ms},
            dict(row) | {"version": number, "valid_from_ms": from_ms, "valid_until_ms": until},
        ]
    return sorted((*others, *changed), key=_by_version)


def _validity(row: Row) -> Validity:
    return Validity(row["valid_from_ms"], row["valid_until_ms"])


def _by_version(row: Row) -> tuple[str, int]:
    return row["id"], row["version"]


def _differs(held: Row, row: Row) -> bool:
    return any(held[name] != value for name, value in row.items() if name not in _OF_A_VERSION)
