"""Which truck a weighing is of: by its plate, also one that was misread where one registered plate only fits it, and by
its RFID tag. Pure.

Letters O and I stand on no Chinese plate (GA 36-2018), so they are misread digits wherever they come. Other letters
that look like digits may be right, and of a truck that is not registered: such a plate is a candidate for a person.

A tag is sure of itself and not of its truck: it can be moved to another one, and an antenna may read the truck behind.
So it finds the truck where the plate was not read or is its own, misread; it never overrules a registered plate.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from devices.city.model import City, DeviceRole, Vehicle
from devices.readings.models import Weighing
from devices.readings.plates import comparable_plate
from rules.weighing.session import MatchedBy


class TruckMatch(NamedTuple):
    """The truck of a weighing, and how sure that is."""

    vehicle_id: str | None = None
    device_id: str | None = None
    """Its terminal, if it has one."""
    by: MatchedBy = MatchedBy.NOTHING
    confidence: float = 0.0
    """0 to 1."""


NO_TRUCK: Final = TruckMatch()
_NEVER_ON_PLATES: Final = str.maketrans("OI", "01")
_LOOK_ALIKE: Final = str.maketrans("QDLZSGB", "0012568")
_Form = Callable[[str], str]
EXACT: Final = 1.0


TAG_ALONE: Final = 0.95
TAG_AND_MISREAD_PLATE: Final = 0.98
CONTRADICTED: Final = 0.5
"""Of a registered plate while the tag is that of another vehicle."""


def _without_misread_letters(plate: str) -> str:
    return plate.translate(_NEVER_ON_PLATES)


def _with_digits(plate: str) -> str:
    return _without_misread_letters(plate).translate(_LOOK_ALIKE)


def _without_province(plate: str) -> str:
    """The plate without the Chinese character that it begins with."""
    return plate[1:] if plate and not plate[0].isascii() else plate


_FORMS: Final[tuple[tuple[_Form, bool, float], ...]] = (
    (str, False, EXACT),
    (_without_misread_letters, False, 0.97),
    (str, True, 0.9),
)
"""Ways to compare, the surest first: form, whether the ticket lacks the province character, and confidence. Below 0.9
a plate may be right as it was read, and of a truck that is not registered: a person chooses."""


def forms_of(plate: str) -> frozenset[str]:
    """Forms of a plate by which it is compared, the surest among them: two plates without one in common never match."""
    plate = comparable_plate(plate)
    return frozenset({plate, _without_misread_letters(plate), _without_province(plate)})


def marks_of_vehicle(vehicle: Vehicle) -> frozenset[str]:
    """What tickets about a vehicle may name: a ticket that has none of these in common is never of it."""
    return forms_of(vehicle.plate) | {_tag_mark(tag) for tag in vehicle.tags}


def marks_of_ticket(ticket: Weighing) -> frozenset[str]:
    """What a ticket names of its truck, to be compared with `marks_of_vehicle`."""
    plates = frozenset[str]() if ticket.plate is None else forms_of(ticket.plate)
    return plates if ticket.rfid is None else plates | {_tag_mark(ticket.rfid)}


def _tag_mark(tag: str) -> str:
    return f"tag {comparable_plate(tag)}"


class TruckMatcher:
    """Finds the vehicle of a plate and a tag, among those that a city has registered at the time."""

    def __init__(self, city: City) -> None:
        self._by_form: list[dict[str, list[Vehicle]]] = []
        for form, lacks_province, _ in _FORMS:
            index: dict[str, list[Vehicle]] = {}
            for vehicle in (*city.vehicles.values(), *city.past_vehicles):
                plate = comparable_plate(vehicle.plate)
                key = form(_without_province(plate) if lacks_province else plate)
                index.setdefault(key, []).append(vehicle)
            self._by_form.append(index)
        self._city = city
        self._devices: dict[str, list[str]] = {}
        for device_id, device in sorted(city.devices.items()):
            if device.role is DeviceRole.TRUCK and device.vehicle_id is not None:
                self._devices.setdefault(device.vehicle_id, []).append(device_id)

    def match(self, plate: str | None, ts: int, tag: str | None = None) -> TruckMatch:
        """The truck with this plate or tag at `ts`, ms; none where none fits, several do, or they contradict each other
        and the plate is not registered as it was read.
        """
        found, holder = self._by_plate(plate, ts), self._holder(tag, ts)
        if holder is None or (found.vehicle_id == holder.id and found.by is MatchedBy.PLATE):
            return found
        if found.by is MatchedBy.PLATE:
            return found._replace(confidence=CONTRADICTED)
        if found.vehicle_id not in {None, holder.id} or (plate and not _may_be_misread(plate, holder)):
            return NO_TRUCK
        confidence = TAG_AND_MISREAD_PLATE if plate else TAG_ALONE
        return TruckMatch(holder.id, self.terminal_of(holder.id, ts), MatchedBy.TAG, confidence)

    def contradicting(self, plate: str | None, ts: int, tag: str | None) -> Vehicle | None:
        """The vehicle that has the tag, where the plate was read and is not its own, not even misread."""
        holder = self._holder(tag, ts) if plate else None
        return holder if holder is not None and self.match(plate, ts, tag).vehicle_id != holder.id else None

    def _holder(self, tag: str | None, ts: int) -> Vehicle | None:
        """The vehicle that has this tag at `ts`; None where none has it, or several."""
        holders = {one.id: one for one in self._city.vehicles_of_tag(tag or "") if one.validity.covers(ts)}
        return next(iter(holders.values())) if len(holders) == 1 else None

    def _by_plate(self, plate: str | None, ts: int) -> TruckMatch:
        if not plate:
            return NO_TRUCK
        written = comparable_plate(plate)
        has_province = not written[:1].isascii()
        for (form, lacks_province, confidence), index in zip(_FORMS, self._by_form, strict=True):
            if lacks_province and has_province:
                continue
            plated = self._city.vehicles_of_plate(plate) if confidence == EXACT else index.get(form(written), ())
            fitting = [one for one in plated if one.validity.covers(ts)]
            if len({one.id for one in fitting}) > 1:
                return NO_TRUCK
            if fitting:
                by = MatchedBy.PLATE if confidence == EXACT else MatchedBy.SIMILAR_PLATE
                return TruckMatch(fitting[0].id, self.terminal_of(fitting[0].id, ts), by, confidence)
        return NO_TRUCK

    def candidates(self, plate: str | None, ts: int, most: int = 5) -> Sequence[Vehicle]:
        """Vehicles whose plates differ least from a plate that fits none, for a person to choose from."""
        if not plate:
            return ()
        written = _with_digits(comparable_plate(plate))
        near: list[tuple[int, str, Vehicle]] = []
        for vehicle in (*self._city.vehicles.values(), *self._city.past_vehicles):
            if vehicle.validity.covers(ts):
                off = _edits(written, _with_digits(comparable_plate(vehicle.plate)))
                if off <= _MOST_EDITS:
                    near.append((off, vehicle.id, vehicle))
        return [vehicle for _, _, vehicle in sorted(near, key=lambda one: one[:2])[:most]]

    def terminal_of(self, vehicle_id: str, ts: int) -> str | None:
        """Device id of the first valid terminal of a vehicle."""
        devices = self._city.devices
        return next((one for one in self._devices.get(vehicle_id, ()) if devices[one].validity.covers(ts)), None)


_MOST_EDITS: Final = 2


def _may_be_misread(plate: str, vehicle: Vehicle) -> bool:
    return _edits(_with_digits(comparable_plate(plate)), _with_digits(comparable_plate(vehicle.plate))) <= _MOST_EDITS


_last: list[tuple[City, TruckMatcher]] = []
"""Of the city that was asked about last, at most one."""


def matcher_of(city: City) -> TruckMatcher:
    """The matcher of a city, made once for the city that is judged."""
    for asked, matcher in _last:
        if asked is city:
            return matcher
    matcher = TruckMatcher(city)
    _last[:] = [(city, matcher)]
    return matcher


def _edits(one: str, other: str) -> int:
    """Characters to change, add or leave out to make one of the other (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
