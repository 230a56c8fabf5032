"""Manifests of a truck: what people did and what the truck is seen to do, in order of time, moves them.

Where the truck is comes from its fixes: it leaves or enters a fence once it is beyond its gate. A weighing at the
disposal site shows the load, and that the truck is there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.city.sites import Site
from devices.readings.models import ManifestAction, Position, Reading, Weighing
from devices.readings.tickets import ticket_number
from rules.manifests import machine
from rules.manifests.machine import Event, Refused
from rules.manifests.model import Manifest, ManifestState, Trigger
from rules.tracking.load import is_believed
from rules.tracking.load import ticket_net_kg as net_kg_of
from rules.tracking.motion import Fix

KEPT_CLOSED: Final = 4
"""Manifests of a truck that are closed or void and that a corrected ticket or a person may still open again here."""
MAX_MANIFESTS: Final = 24
"""Of one truck; the one that was issued first is forgotten beyond it. The desk issues no more than it has open."""
_GATE_M: Final = 20.0
"""A truck this close to a fence may still be in its gate, as `rules.tracking.track` has it."""
_NOWHERE_M: Final = 1e9
_WEIGHED_MS: Final = 180_000
"""So long after a weighing a truck that is seen outside has left: the clocks of bridge and truck differ by 2 min at
most, or are known."""

_POSITION: Final = Position  # compiled, the name of a class that is not is looked up each time, a constant is not
_ACTION: Final = ManifestAction
_AT_SOURCE: Final = frozenset({Trigger.RETURNED, Trigger.LEFT_SOURCE})
_TO_BE_LOADED: Final = frozenset({ManifestState.DRAFT, ManifestState.SOURCE_CONFIRMED})
_TO_BE_WEIGHED: Final = frozenset(
    {ManifestState.IN_TRANSIT, ManifestState.OVERDUE, ManifestState.ARRIVED, ManifestState.DISPOSAL_CONFIRMED}
)


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Presence:
    """Where a truck was seen since a manifest was issued, or since its last leg began."""

    leg: int = 1
    at_source: bool = False
    was_elsewhere: bool = False
    """Outside the disposal site: a truck that is still there from the trip before has not arrived."""
    at_destination: bool = False
    weighed_at: int = 0
    """When it was weighed there last; 0: not yet."""
    gross_kg: float = 0.0
    """Weighed on the way in, where the bridge sends gross and tare apart; 0: not yet."""

    @property
    def is_at_a_site(self) -> bool:
        """By what was seen last, it is at one of its sites."""
        return self.at_source or self.at_destination or self.weighed_at > 0


@dataclass(slots=True)
class ManifestBook:
    """State of one truck: its manifests by number, in the order of their issue."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    open: dict[str, Presence] = field(default_factory=dict)
    """Those that telemetry may still move."""

    def put(self, manifest: Manifest) -> None:
        """Keep a manifest as it is now."""
        number = manifest.number
        self.manifests[number] = manifest
        if not manifest.is_open:
            self.open.pop(number, None)
        elif number not in self.open or self.open[number].leg != manifest.leg:
            self.open[number] = Presence(manifest.leg)

    def forget_old(self) -> None:
        """Forget what is closed for long, and what is too much."""
        closed = [number for number in self.manifests if number not in self.open]
        for number in closed[: max(len(closed) - KEPT_CLOSED, 0)]:
            del self.manifests[number]
        while len(self.manifests) > MAX_MANIFESTS:
            number = next(iter(self.manifests))
            del self.manifests[number]
            self.open.pop(number, None)

    def on_board(self) -> list[Manifest]:
        """The manifests of the load on the truck: those with which it left a source last.

        Who is loaded again has got rid of the load before, whatever became of that. Where it left none, it may be any.
        """
        manifests = [self.manifests[number] for number in self.open]
        left_at = max([one.left_at for one in manifests], default=0)
        return [one for one in manifests if one.left_at == left_at]


class ManifestsMoved(NamedTuple):
    """The reading moved manifests of the truck, or was an action that is refused."""

    numbers: tuple[str, ...]


class Weighed(NamedTuple):
    """What a weighing says of a load. One place makes it of a ticket; a weighing session would enter there."""

    site_id: str
    at: int
    gross_kg: float
    net_kg: float | None
    """None: only half of it is weighed; the truck is there."""
    is_out: bool
    """On the way out."""
    ticket: str
    corrects: str
    manifest: str
    evidence: str


class ManifestTracker:
    """Follows the manifests of trucks. Comes after `TruckTracker`, of whose fix it makes use."""

    name: ClassVar[str] = "manifests"
    roles: ClassVar[frozenset[DeviceRole]] = frozenset({DeviceRole.TRUCK})
    state: ClassVar[type[ManifestBook]] = ManifestBook

    def follow(
        self,
        state: ManifestBook,
        reading: Reading,
        device: Device,
        vehicle: Vehicle | None,
        city: City,
        clock_off_ms: int,
        facts: Sequence[Any] = (),
    ) -> ManifestsMoved | None:
        """Take an action, a ticket or a fix."""
        if type(reading) is _POSITION:
            return _take_fix(state, facts, clock_off_ms) if state.open else None
        if type(reading) is _ACTION:
            return _take_action(state, reading)
        if type(reading) is Weighing and state.manifests:
            weighed = weighed_of(reading, vehicle, city, clock_off_ms)
            return None if weighed is None else _moved(state, _weighed_events(state, weighed))
        return None


def _take_action(book: ManifestBook, action: ManifestAction) -> ManifestsMoved | None:
    event = machine.event_of(action)
    manifest = book.manifests.get(action.number)
    try:
        after = machine.issue(action.number, event) if manifest is None else machine.step(manifest, event)
    except Refused as exc:
        if manifest is None:
            return None  # the desk issues before anything else, so its record was lost with a part of the log
        after = machine.refused(manifest, event, str(exc))
    if after == manifest:
        return None
    book.put(after)
    book.forget_old()
    return ManifestsMoved((action.number,))


def _take_fix(book: ManifestBook, facts: Sequence[Any], clock_off_ms: int) -> ManifestsMoved | None:
    for fact in facts:
        if isinstance(fact, Fix):
            return _moved(book, _fix_events(book, fact, fact.ts - clock_off_ms)) if fact.usable else None
    return None


def _fix_events(book: ManifestBook, fix: Fix, at: int) -> list[tuple[str, Event]]:
    found: list[tuple[str, Event]] = []
    outside_m = _GATE_M + fix.outside_m()
    for number, presence in book.open.items():
        if not fix.sites and presence.was_elsewhere and not presence.is_at_a_site:
            continue  # on the road
        terms = book.manifests[number].terms
        source_m = destination_m = _NOWHERE_M
        for site, distance_m in fix.sites:
            if site.id == terms.source:
                source_m = distance_m
            if site.id == terms.destination:
                destination_m = distance_m
        found += [
            (number, Event(trigger, at, evidence=f"position {fix.ts}"))
            for trigger in _seen(presence, source_m, destination_m, outside_m, at)
        ]
    if found:
        on_board = [one.number for one in book.on_board()]
        return [(number, event) for number, event in found if number in on_board or event.trigger in _AT_SOURCE]
    return found


def _seen(presence: Presence, source_m: float, destination_m: float, outside_m: float, at: int) -> Iterator[Trigger]:
    """What a fix at these distances from both fences means. A truck that was weighed was there, seen or not."""
    if source_m == 0:
        if not presence.at_source:
            presence.at_source = True
            yield Trigger.RETURNED
    elif presence.at_source and source_m > outside_m:
        presence.at_source = False
        yield Trigger.LEFT_SOURCE
    if destination_m > outside_m:
        presence.was_elsewhere = True
        if presence.at_destination or 0 < presence.weighed_at < at - _WEIGHED_MS:
            presence.at_destination, presence.weighed_at = False, 0
            yield Trigger.LEFT_DESTINATION
    elif destination_m == 0 and presence.was_elsewhere and not presence.at_destination:
        presence.at_destination = True
        yield Trigger.ENTERED_DESTINATION


def weighed_of(ticket: Weighing, vehicle: Vehicle | None, city: City, clock_off_ms: int) -> Weighed | None:
    """What a ticket about the truck says of its load; None if it is not to be believed, or of no site."""
    bridge = city.devices.get(ticket.device_id)
    site: Site | None = None if bridge is None else city.site_of(bridge, ticket.ts - clock_off_ms)
    if site is None or not is_believed(ticket, city):
        return None
    # Gross alone is on the way in, and its tare may follow: that of the registry is not weighed.
    net_kg = None if ticket.tare_kg is None and ticket.net_kg is None else net_kg_of(ticket, vehicle)
    return Weighed(
        site.id,
        ticket.ts - clock_off_ms,
        ticket.gross_kg,
        net_kg,
        ticket.direction == "out",
        ticket_number(ticket.ticket),
        "" if ticket.corrects is None else ticket_number(ticket.corrects),
        ticket.manifest or "",
        f"ticket {ticket.ticket} of {ticket.device_id} {ticket.ts}",
    )


def _weighed_events(book: ManifestBook, weighed: Weighed) -> list[tuple[str, Event]]:
    manifest = _weighed_manifest(book, weighed)
    if manifest is None:
        return _weighed_at_source(book, weighed)
    presence, net_kg = book.open.get(manifest.number), weighed.net_kg
    if presence is not None:
        presence.weighed_at, presence.was_elsewhere = weighed.at, True
        if net_kg is None and not weighed.is_out:
            presence.gross_kg = weighed.gross_kg
        elif net_kg is None and presence.gross_kg > weighed.gross_kg:
            net_kg = presence.gross_kg - weighed.gross_kg
    trigger = Trigger.ENTERED_DESTINATION if net_kg is None else Trigger.WEIGHED
    event = Event(trigger, weighed.at, evidence=weighed.evidence, net_kg=net_kg, ticket=weighed.ticket)
    return [(manifest.number, event)]


def _weighed_at_source(book: ManifestBook, weighed: Weighed) -> list[tuple[str, Event]]:
    """A load that its source weighs on the way out: of the manifest on the ticket, else of the first to be loaded."""
    loaded = [one for one in map(book.manifests.__getitem__, book.open) if one.stage in _TO_BE_LOADED]
    at_site = [one for one in loaded if one.terms.source == weighed.site_id]
    named = [one for one in at_site if weighed.manifest == one.number]
    manifest = next(iter(named or at_site), None)
    if manifest is None or weighed.net_kg is None or not weighed.is_out:
        return []
    event = Event(Trigger.WEIGHED_AT_SOURCE, weighed.at, evidence=weighed.evidence, net_kg=weighed.net_kg)
    return [(manifest.number, event)]


def _weighed_manifest(book: ManifestBook, weighed: Weighed) -> Manifest | None:
    """The manifest of the load: the one whose ticket is corrected, the one that the ticket names, or that of the load
    on the truck, the oldest of several.
    """
    at_site = [one for one in book.manifests.values() if one.terms.destination == weighed.site_id]
    known = weighed.corrects or weighed.ticket
    for manifest in at_site:
        if manifest.ticket and manifest.ticket == known:
            return manifest
    loaded = [one for one in at_site if one.stage in _TO_BE_WEIGHED and not one.departed_at]
    named = [one for one in loaded if weighed.manifest == one.number]
    on_board = [one for one in loaded if one in book.on_board()]
    return next(iter(named or on_board), None)


def _moved(book: ManifestBook, events: Sequence[tuple[str, Event]]) -> ManifestsMoved | None:
    """Take events of telemetry; which of them matter, the state machine decides."""
    numbers: list[str] = []
    for number, event in events:
        before = book.manifests[number]
        after = machine.step(before, event)
        if after != before:
            book.put(after)
            numbers.append(number)
    return ManifestsMoved(tuple(numbers)) if numbers else None
