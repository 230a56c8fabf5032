"""Manifests of a truck: what people did and what the truck is seen to do, in order of time, moves them.

Where the truck is comes from its fixes: it leaves or enters a fence once it is beyond its gate. A weighing at the
disposal site shows the load, and that the truck is there (`manifest_weighings`).
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.readings.manifests import ManifestDeed
from devices.readings.models import ManifestAction, Position, Reading, Weighing
from rules.manifests import machine
from rules.manifests.machine import Event, Refused
from rules.manifests.model import WEIGHED_MS, Manifest, Trigger, TruckManifest
from rules.tracking.manifest_book import ManifestBook, Presence
from rules.tracking.manifest_weighings import issued_events, loose_events, weighed_events, weighed_of
from rules.tracking.motion import Fix

_GATE_M: Final = 20.0
"""A truck this close to a fence may still be in its gate, as `rules.tracking.track` has it."""
_NOWHERE_M: Final = 1e9

_POSITION: Final = Position  # compiled, the name of a class that is not is looked up each time, a constant is not
_ACTION: Final = ManifestAction


class ManifestsMoved(NamedTuple):
    """The reading moved manifests of the truck, or was an action that is refused."""

    numbers: tuple[str, ...]
    weighed: tuple[str, ...] = ()
    """Those whose weight is another one."""
    forgotten: tuple[Manifest, ...] = ()
    """Those that are not kept any more, as they were found last: readings that came late may have moved them."""


class MovedManifests:
    """Which manifests moved since somebody asked: those of some trucks, and those that trackers forgot meanwhile."""

    def __init__(self) -> None:
        self.devices: set[str] = set()
        """Devices whose manifests may have moved."""
        self.forgotten: dict[str, TruckManifest] = {}
        """By number: those that are not kept any more, as they were found last."""

    def note(self, device_id: str, facts: Sequence[Any], *, again: bool) -> None:
        """`again`: of a second judgement, which may refute what moved."""
        if again:
            self.devices.add(device_id)
        for fact in facts:
            if type(fact) is ManifestsMoved:
                self.devices.add(device_id)
                for one in fact.forgotten:
                    self.forgotten[one.number] = TruckManifest(device_id, one)


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
        if type(reading) is Weighing:
            weighed = weighed_of(state, reading, device, vehicle, city, clock_off_ms)
            return None if weighed is None else _moved(state, weighed_events(state, weighed, city))
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
    if action.weight is not None and not action.weight.leaves:
        book.note_weighed(action.number, event.at)
    if action.deed is ManifestDeed.ISSUE:
        _moved(book, issued_events(book, after, event.at))
    if action.deed is ManifestDeed.REROUTE:
        _moved(book, loose_events(book, after, event.at))
    forgotten = book.forget_old(action.number)
    moved = _moved_from([] if manifest is None else [manifest], book, [action.number])
    return ManifestsMoved(moved.numbers, moved.weighed, tuple(forgotten))


def _take_fix(book: ManifestBook, facts: Sequence[Any], clock_off_ms: int) -> ManifestsMoved | None:
    for fact in facts:
        if isinstance(fact, Fix):
            if not fact.usable:
                return None
            at = fact.ts - clock_off_ms
            book.seen_at, book.seen_x_m, book.seen_y_m = at, fact.xy.x, fact.xy.y
            return _moved(book, _fix_events(book, fact, at))
    return None


def _fix_events(book: ManifestBook, fix: Fix, at: int) -> list[tuple[str, Event]]:
    found: list[tuple[str, Event]] = []
    error_m = 0.0 if fix.moving else fix.outside_m()  # a fence may be no wider than the error of a truck that stands
    outside_m = _GATE_M + fix.outside_m()
    for number, presence in book.open.items():
        if not fix.sites and presence.was_elsewhere and not presence.is_at_a_site:
            continue  # on the road
        terms = book.manifests[number].terms
        source_m = destination_m = _NOWHERE_M
        for site, distance_m in fix.sites:
            if site.id == terms.source:
                source_m = distance_m if distance_m > error_m else 0.0
            if site.id == terms.destination:
                destination_m = distance_m if distance_m > error_m else 0.0
        found += [
            (number, Event(trigger, at, evidence=f"position {fix.ts}"))
            for trigger in _seen(presence, source_m, destination_m, outside_m, at)
        ]
    return [one for one in found if _is_of_load(book, *one)] if found else found


def _is_of_load(book: ManifestBook, number: str, event: Event) -> bool:
    """What was seen is about this manifest: a load leaves its source and arrives with one."""
    if event.trigger is Trigger.LEFT_SOURCE:
        loaded = book.next_loaded(book.manifests[number].terms.source)
        return loaded is not None and loaded.number == number
    if event.trigger is Trigger.RETURNED:
        book.open[number].is_gone |= book.manifests[number].departed_at > 0
        return True
    on_board = book.on_board(book.manifests[number].terms.destination)
    return not book.open[number].is_gone and any(one.number == number for one in on_board)


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
        if presence.at_destination or 0 < presence.weighed_at < at - WEIGHED_MS:
            presence.at_destination, presence.weighed_at = False, 0
            yield Trigger.LEFT_DESTINATION
    elif destination_m == 0 and presence.was_elsewhere and not presence.at_destination:
        presence.at_destination = True
        yield Trigger.ENTERED_DESTINATION


def _moved(book: ManifestBook, events: Sequence[tuple[str, Event]]) -> ManifestsMoved | None:
    """Take events of telemetry; which of them matter, the state machine decides."""
    moved: list[Manifest] = []
    for number, event in events:
        before = book.manifests[number]
        after = machine.step(before, event)
        if after != before:
            book.put(after)
            moved.append(before)
    return _moved_from(moved, book, [one.number for one in moved]) if moved else None


def _moved_from(before: Sequence[Manifest], book: ManifestBook, numbers: Sequence[str]) -> ManifestsMoved:
    weighed = [one.number for one in before if one.gained_kg != book.manifests[one.number].gained_kg]
    return ManifestsMoved(tuple(numbers), tuple(weighed))
