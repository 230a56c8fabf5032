"""Weighings whose truck a person names: each is recorded as an action on the manifest whose load it weighed.

In the transaction of the decision, so a crash loses none. Judgement takes the record as it takes a ticket of the truck,
at the time at which it was weighed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, or_, select

from devices.readings.instants import DAY_MS
from devices.readings.manifests import ManifestDeed, NamedWeight
from rules.manifests.model import WEIGHED_MS, Manifest, ManifestState
from rules.manifests.present import present_of
from rules.manifests.tables import manifest, manifest_action

_ISSUED_BEFORE_MS: Final = 14 * DAY_MS
"""A manifest is issued at most so long before its load is weighed."""
_NOT_ON_ITS_WAY: Final = frozenset({ManifestState.VOID, ManifestState.REJECTED})
_DEEDS: Final = (ManifestDeed.WEIGH.value, ManifestDeed.UNWEIGH.value)


@dataclass(frozen=True, slots=True)
class NamedWeighing:
    """A weighing session of which a person says whose truck it is."""

    vehicle_id: str | None
    """None: of no registered vehicle, or there is no such session any more."""
    site_id: str
    weight: NamedWeight
    manifest: str
    """Number on its ticket; empty: none."""
    actor: str
    reason: str
    at: int
    """Wall clock, ms."""


def pass_on(connection: Connection, named: NamedWeighing) -> str | None:
    """Record the weighing on the manifest that it is of, and take it from the one before, in the caller's transaction.

    Return the number of the manifest; None where the vehicle has none that fits.
    """
    before = _recorded(connection, named)
    number = _manifest_of(connection, named, before)
    for other, weight in before.items():
        if weight is not None and other != number:
            _add(connection, other, ManifestDeed.UNWEIGH, named, weight)
    if number is not None and before.get(number) != named.weight:
        _add(connection, number, ManifestDeed.WEIGH, named, named.weight)
    return number


def _recorded(connection: Connection, named: NamedWeighing) -> dict[str, NamedWeight | None]:
    """By manifest: what is recorded of this session; None: it was taken back."""
    query = (
        select(manifest_action.c.number, manifest_action.c.deed, manifest_action.c.detail)
        .join(manifest, manifest.c.number == manifest_action.c.number)
        .where(_issued(named.weight.at), manifest_action.c.deed.in_(_DEEDS))
        .order_by(manifest_action.c.no)
    )
    found: dict[str, NamedWeight | None] = {}
    for number, deed, detail in connection.execute(query):
        weight = msgspec.convert(detail["weight"], NamedWeight)
        if weight.session == named.weight.session:
            found[number] = weight if deed == ManifestDeed.WEIGH else None
    return found


def _manifest_of(connection: Connection, named: NamedWeighing, before: dict[str, NamedWeight | None]) -> str | None:
    if named.vehicle_id is None:
        return None
    sites = manifest.c.source_id if named.weight.leaves else manifest.c.destination_id
    query = select(manifest).where(
        _issued(named.weight.at),
        manifest.c.vehicle_id == named.vehicle_id,
        or_(sites == named.site_id, manifest.c.number.in_(before)),
    )
    present = present_of(connection, connection.execute(query).mappings().all())
    found = {number: one.manifest for number, one in present.items()}
    for number, weight in before.items():
        if weight is not None and number in found and _is_at(found[number], named):
            return number
    if named.manifest:
        return named.manifest if named.manifest in found else None
    waiting = [one for one in found.values() if _is_at(one, named) and _may_be_of(one, named.weight)]
    return _of_load(waiting, named.weight)


def _is_at(one: Manifest, named: NamedWeighing) -> bool:
    return named.site_id == (one.terms.source if named.weight.leaves else one.terms.destination)


def _may_be_of(one: Manifest, weight: NamedWeight) -> bool:
    """Its load may have been on this scale then, and no other weighing is known to be of it."""
    if one.stage in _NOT_ON_ITS_WAY:
        return False
    if weight.leaves:
        return not one.source_ticket and (not one.left_at or weight.at <= one.left_at + WEIGHED_MS)
    is_there = not one.departed_at or weight.at <= one.departed_at + WEIGHED_MS
    return one.net_kg is None and one.left_at <= weight.at and is_there


def _of_load(waiting: Iterable[Manifest], weight: NamedWeight) -> str | None:
    """The load that left next after it was weighed at its source, or last before it was weighed on arrival."""

    def order(one: Manifest) -> tuple[bool, int, int]:
        left_at = one.left_at if weight.leaves else -one.left_at
        return not one.left_at, left_at, one.terms.depart_at

    found = min(waiting, key=order, default=None)
    return None if found is None else found.number


def _issued(at: int) -> Any:
    return manifest.c.issued_at.between(at - _ISSUED_BEFORE_MS, at + DAY_MS)


def _add(connection: Connection, number: str, deed: ManifestDeed, named: NamedWeighing, weight: NamedWeight) -> None:
    connection.execute(
        insert(manifest_action).values(
            number=number,
            at=named.at,
            actor=named.actor,
            deed=deed.value,
            reason=named.reason,
            detail={"weight": msgspec.to_builtins(weight)},
            appended=False,
        )
    )
