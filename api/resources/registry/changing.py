"""Changes of single entries: what begins at an instant is a new version; nothing is deleted."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from api.http.problems import Fault, ProblemKind, RequestRefused, invalid, not_found
from devices.city.columns import Row, Values
from devices.city.files import CityFileError
from devices.city.files.export import Fields
from devices.city.files.single import KINDS, fields_of, row_of
from devices.city.model import City
from devices.city.sites import Validity, ZoneKind
from devices.city.succession import successors

Change = Callable[[Sequence[Row], Row], Sequence[Values]]

_BACK: Final = (
    "lies in the past: late readings since then would be judged without it; set `changes_past` to true if that is meant"
)
_OF_A_VERSION: Final = ("id", "version", "valid_from")
"""Fields that the API sets."""


def tag_of(versions: Sequence[Fields]) -> str:
    """The ETag of an entry: another one as soon as anything of any version changes."""
    text = json.dumps(versions, ensure_ascii=False, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def put(
    stem: str, entry_id: str, fields: Fields, from_ms: int, city: City, if_match: str | None, if_none_match: str | None
) -> Change:
    """Give an entry other fields from an instant on, or add it. `city`: what it may refer to."""
    for name in _OF_A_VERSION:
        if name in fields:
            raise invalid(f"body.entry.{name}", "leave it out: `from` of the body says when the change begins")

    def change(stored: Sequence[Row], head: Row) -> Sequence[Values]:
        _check_tag(stem, entry_id, stored, head, if_match, if_none_match)
        if not KINDS[stem].has_versions:
            return [_wanted(stem, entry_id, fields, city)]
        held = next((row for row in stored if _validity(row).covers(from_ms)), None)
        version = held["version"] if held is not None else max((row["version"] for row in stored), default=0) + 1
        wanted = _wanted(stem, entry_id, fields | {"version": version}, city)
        if held is not None:
            rows = successors(stored, wanted | {"valid_from_ms": held["valid_from_ms"]}, from_ms)
        else:
            later = [row["valid_from_ms"] for row in stored if (row["valid_from_ms"] or 0) > from_ms]
            until = min((end for end in (wanted["valid_until_ms"], *later) if end is not None), default=None)
            rows = [*map(dict, stored), wanted | {"valid_from_ms": from_ms, "valid_until_ms": until}]
        if any(_validity(row).is_empty for row in rows):
            raise invalid("body.entry.valid_until", "not after the beginning: it is the first moment no longer covered")
        return rows

    return change


def end(stem: str, entry_id: str, at_ms: int, if_match: str | None, now: int, *, changes_past: bool) -> Change:
    """End the validity of an entry; before `now` (wall clock, ms) only where the past is to change."""

    def change(stored: Sequence[Row], head: Row) -> Sequence[Values]:
        if not stored:
            raise no_such_entry(stem, entry_id)
        _check_tag(stem, entry_id, stored, head, if_match, None)
        if at_ms < now and not changes_past:
            raise invalid("body.at", f"{_BACK}, or leave it out to end it now")
        later = [row["version"] for row in stored if (row["valid_from_ms"] or 0) >= at_ms]
        if later:
            raise invalid("body.at", f"version {later[0]} begins at that time or later: end it after it began")
        holding = [row for row in stored if _validity(row).covers(at_ms)]
        if not holding:
            raise invalid("body.at", "it is over by then: GET the entry for its versions")
        return [dict(row) | ({"valid_until_ms": at_ms} if row is holding[0] else {}) for row in stored]

    return change


def no_such_entry(stem: str, entry_id: str) -> RequestRefused:
    return not_found("Entry", entry_id, f"GET /api/v1/registry?kind={stem} lists them")


def _wanted(stem: str, entry_id: str, fields: Fields, city: City) -> Values:
    """The row that is asked for. Raises RequestRefused."""
    try:
        wanted = row_of(stem, fields | {"id": entry_id}, city)
    except CityFileError as exc:
        raise _refused(exc) from exc
    _check_named(stem, entry_id, wanted, city)
    return wanted


def _check_named(stem: str, entry_id: str, wanted: Row, city: City) -> None:
    """Raises RequestRefused: what names a zone as a permitted area, or a profile of its dialect, would name another."""
    for device in city.devices.values() if stem == "profiles" else ():
        if device.profile == entry_id and device.dialect != wanted["dialect"]:
            hint = f"device {device.id!r} names it and speaks {device.dialect}: keep that, or change the device first"
            raise invalid("body.entry.dialect", hint)
    if stem != "zones" or wanted["kind"] == ZoneKind.PERMITTED_AREA:
        return
    for noun, rights in (("permit", city.permits), ("licence", city.licences)):
        named = next((right.id for right in rights if entry_id in right.area_ids), None)
        if named is not None:
            hint = f"{noun} {named!r} names it as a permitted area: keep permitted_area, or change the {noun} first"
            raise invalid("body.entry.kind", hint)


def _check_tag(
    stem: str, entry_id: str, stored: Sequence[Row], head: Row, if_match: str | None, if_none_match: str | None
) -> None:
    """Raises RequestRefused: 428 without a condition, 412 where it does not hold."""
    if not stored:
        if if_match is not None and if_match.strip() == "*":
            detail = f"{entry_id!r} is not there: send `If-None-Match: *` to add it."
            raise RequestRefused(ProblemKind.CHANGED_MEANWHILE, detail)
        if if_match is not None:
            raise no_such_entry(stem, entry_id)
        if if_none_match is None:
            raise RequestRefused(ProblemKind.CONDITION_NEEDED, "Send `If-None-Match: *` to add an entry.")
        return
    if if_none_match is not None:
        detail = f"{entry_id!r} is there already: GET it, and send its ETag as If-Match to change it."
        raise RequestRefused(ProblemKind.CHANGED_MEANWHILE, detail)
    if if_match is None:
        raise RequestRefused(ProblemKind.CONDITION_NEEDED, "GET the entry and send its ETag as If-Match.")
    tags = {tag.strip() for tag in if_match.split(",")}
    if tag_of(fields_of(stem, stored, head)) not in tags and "*" not in tags:
        detail = f"Somebody changed {entry_id!r} meanwhile. GET it again, look at what is different, and try again."
        raise RequestRefused(ProblemKind.CHANGED_MEANWHILE, detail)


def _validity(row: Row) -> Validity:
    return Validity(row["valid_from_ms"], row["valid_until_ms"])


def _refused(error: CityFileError) -> RequestRefused:
    faults: list[Any] = [Fault(field=f"body.entry.{one.field}", hint=one.fault) for one in error.faults]
    return RequestRefused(ProblemKind.INVALID, "The entry has faults.", errors=faults)
