"""Which manifest of its truck a weighing belongs to, and what it says of it."""

from typing import Final

from devices.city.model import City, Device, Vehicle
from devices.city.sites import Site
from devices.geo.geometry import XY
from devices.readings.models import Weighing
from devices.readings.tickets import CORRECTED_WITHIN_MS, REPEATED_WITHIN_MS, ticket_number
from rules.manifests.machine import Event
from rules.manifests.model import WEIGHED_MS, Manifest, ManifestState, Trigger
from rules.tracking.load import is_believed
from rules.tracking.load import ticket_net_kg as net_kg_of
from rules.tracking.manifest_book import KEPT_TICKETS, ManifestBook, Weighed
from rules.tracking.reach import may_have_been_at
from rules.weighing.truck_visits import visits_of

_PAPER_AFTER_MS: Final = 600_000
"""So long after a load was weighed at its source its manifest may be issued: no truck tips and loads again so fast."""
_TO_BE_LOADED: Final = frozenset({ManifestState.DRAFT, ManifestState.SOURCE_CONFIRMED})
_TO_BE_WEIGHED: Final = frozenset(
    {ManifestState.IN_TRANSIT, ManifestState.OVERDUE, ManifestState.ARRIVED, ManifestState.DISPOSAL_CONFIRMED}
)


def weighed_of(
    book: ManifestBook, ticket: Weighing, device: Device, vehicle: Vehicle | None, city: City, clock_off_ms: int
) -> Weighed | None:
    """What a ticket about the truck says of its load; None if it is not to be believed, or of no site.

    The ticket is kept: with those before, it makes a session of gross and tare.
    """
    bridge = city.devices.get(ticket.device_id)
    site: Site | None = None if bridge is None else city.site_of(bridge, ticket.ts - clock_off_ms)
    if site is None or not is_believed(ticket, city):
        return None
    others = [one for one in book.tickets if (one.device_id, one.ts) != (ticket.device_id, ticket.ts)]
    book.tickets = (*others[1 - KEPT_TICKETS :], ticket)
    return Weighed(
        ticket.device_id,
        site.id,
        ticket.ts - clock_off_ms,
        _net_kg(book, ticket, device, vehicle, city),
        ticket.direction == "out",
        ticket_number(ticket.ticket),
        "" if ticket.corrects is None else ticket_number(ticket.corrects),
        ticket.manifest or "",
        f"ticket {ticket.ticket} of {ticket.device_id} {ticket.ts}",
    )


def _net_kg(book: ManifestBook, ticket: Weighing, device: Device, vehicle: Vehicle | None, city: City) -> float | None:
    """The net weight of the visit that the ticket is of, by its scales: a registered tare is not weighed."""
    if ticket.tare_kg is not None or ticket.net_kg is not None:
        return net_kg_of(ticket, vehicle)
    for visit in visits_of(book.tickets, device.vehicle_id, device.id, city):
        if (ticket.device_id, ticket.ts) in visit.weighings:
            return visit.net_kg if visit.is_weighed else None
    return None


def weighed_events(book: ManifestBook, weighed: Weighed, city: City) -> list[tuple[str, Event]]:
    """What a weighing is to the manifests of its truck."""
    for manifest in book.manifests.values():
        if _is_ticket_of(manifest, weighed):
            return _at_destination(book, manifest, weighed)
        if _is_source_ticket_of(manifest, weighed):
            return _at_source(manifest, weighed)
    if weighed.manifest in book.manifests:
        return _of_named(book, book.manifests[weighed.manifest], weighed)
    if _is_contradicted(book, weighed, city):
        return []
    if weighed.manifest:
        book.loose = weighed
        return []
    return _of_load(book, weighed)


def _of_load(book: ManifestBook, weighed: Weighed) -> list[tuple[str, Event]]:
    """A ticket that names no manifest: of the load that its source sends out, else of the one on the truck."""
    to_load = book.next_loaded(weighed.site_id)
    if to_load is not None and to_load.stage not in _TO_BE_LOADED:
        to_load = None
    if to_load is not None and weighed.is_out and (found := _at_source(to_load, weighed)):
        return found
    for manifest in book.on_board(weighed.site_id):
        if manifest.terms.destination == weighed.site_id and _may_be_of(book, manifest, weighed):
            return _at_destination(book, manifest, weighed)
    if to_load is not None:
        return _at_source(to_load, weighed)
    book.loose = weighed
    return []


def issued_events(book: ManifestBook, manifest: Manifest, at: int) -> list[tuple[str, Event]]:
    """What the last weighing of no manifest is to one that was issued after it, at `at`: it names it, or the load waits
    at the source for its paper.
    """
    weighed = book.loose
    if weighed is None or weighed.manifest not in {"", manifest.number} or weighed.at > at:
        return []
    found: list[tuple[str, Event]] = []
    if at - weighed.at <= (CORRECTED_WITHIN_MS if weighed.manifest else _PAPER_AFTER_MS):
        if weighed.site_id == manifest.terms.source:
            found = _at_source(manifest, weighed)
        elif weighed.manifest and weighed.site_id == manifest.terms.destination:
            found = [(number, _from(event, at)) for number, event in _at_destination(book, manifest, weighed)]
    if found:
        book.loose = None
    return found


def loose_events(book: ManifestBook, manifest: Manifest, at: int) -> list[tuple[str, Event]]:
    """What the last weighing of no manifest is to one whose destination was named after it."""
    weighed = book.loose
    is_its = (
        weighed is not None
        and weighed.site_id == manifest.terms.destination
        and weighed.manifest in {"", manifest.number}
        and manifest.stage in _TO_BE_WEIGHED
        and max(manifest.left_at, at - CORRECTED_WITHIN_MS) < weighed.at <= at
    )
    if weighed is None or not is_its:
        return []
    book.loose = None
    return [(number, _from(event, at)) for number, event in _at_destination(book, manifest, weighed)]


def _from(event: Event, at: int) -> Event:
    """The event, as it counts from a time on."""
    return Event(
        event.trigger, at, evidence=event.evidence, net_kg=event.net_kg, ticket=event.ticket, bridge=event.bridge,
        weighed_at=event.at,
    )  # fmt: skip


def _is_ticket_of(manifest: Manifest, weighed: Weighed) -> bool:
    return (
        _continues(weighed, manifest.ticket, manifest.ticket_of, manifest.ticket_at, manifest.ticket_kg)
        and manifest.terms.destination == weighed.site_id
    )


def _is_source_ticket_of(manifest: Manifest, weighed: Weighed) -> bool:
    return (
        _continues(
            weighed,
            manifest.source_ticket,
            manifest.source_ticket_of,
            manifest.source_ticket_at,
            manifest.source_ticket_kg,
        )
        and manifest.terms.source == weighed.site_id
    )


def _continues(weighed: Weighed, ticket: str, bridge: str, at: int, net_kg: float | None) -> bool:
    """It is that ticket again, or its correction, by the windows of `devices.readings.tickets`."""
    if not ticket or bridge != weighed.bridge:
        return False
    if weighed.corrects:
        return weighed.corrects == ticket
    age_ms = abs(weighed.at - at)
    within_ms = REPEATED_WITHIN_MS if weighed.net_kg == net_kg else CORRECTED_WITHIN_MS
    return weighed.ticket == ticket and age_ms <= within_ms


def _of_named(book: ManifestBook, manifest: Manifest, weighed: Weighed) -> list[tuple[str, Event]]:
    """A ticket that names its manifest is of that one only."""
    if manifest.terms.source == weighed.site_id and manifest.stage in _TO_BE_LOADED:
        return _at_source(manifest, weighed)
    if manifest.terms.destination == weighed.site_id and manifest.stage in _TO_BE_WEIGHED | _TO_BE_LOADED:
        return _at_destination(book, manifest, weighed)
    book.loose = weighed
    return []


def _may_be_of(book: ManifestBook, manifest: Manifest, weighed: Weighed) -> bool:
    """The load on the truck may be weighed there now. Of a draft only what left its source."""
    if manifest.stage is ManifestState.DRAFT and not manifest.left_at:
        return False
    presence = book.open.get(manifest.number)
    is_there = not manifest.departed_at or weighed.at - manifest.departed_at <= WEIGHED_MS
    stages = _TO_BE_WEIGHED | {ManifestState.DRAFT}
    return manifest.stage in stages and is_there and not (presence is not None and presence.is_gone)


def _is_contradicted(book: ManifestBook, weighed: Weighed, city: City) -> bool:
    """The truck was seen too far away to have been on the bridge, where a copy of its plate may have been."""
    if not book.seen_at:
        return False
    seen = XY(book.seen_x_m, book.seen_y_m)
    return not may_have_been_at(weighed.site_id, weighed.at, seen, book.seen_at, city)


def _at_destination(book: ManifestBook, manifest: Manifest, weighed: Weighed) -> list[tuple[str, Event]]:
    net_kg = weighed.net_kg
    book.note_weighed(manifest.number, weighed.at)
    trigger = Trigger.ENTERED_DESTINATION if net_kg is None else Trigger.WEIGHED
    return [(manifest.number, _event(trigger, weighed, net_kg))]


def _at_source(manifest: Manifest, weighed: Weighed) -> list[tuple[str, Event]]:
    """A load that its source weighs on the way out."""
    if weighed.net_kg is None or not (weighed.is_out or weighed.corrects):
        return []
    return [(manifest.number, _event(Trigger.WEIGHED_AT_SOURCE, weighed, weighed.net_kg))]


def _event(trigger: Trigger, weighed: Weighed, net_kg: float | None) -> Event:
    return Event(
        trigger, weighed.at, evidence=weighed.evidence, net_kg=net_kg, ticket=weighed.ticket, bridge=weighed.bridge,
        corrects=bool(weighed.corrects),
    )  # fmt: skip
