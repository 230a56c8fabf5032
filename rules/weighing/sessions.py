"""Weighing sessions of a set of weighings: whatever order they arrive in, the same sessions come of the same set. Pure.

    weighings → passages (one a ticket) → pairs of passages on the way in and out → sessions with gross, tare and net

Whether two passages are one visit depends on these two and on what lies between them, so late weighings change only the
sessions around them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from devices.readings.plates import comparable_plate
from devices.readings.tickets import TOLERANCE_KG, TOLERANCE_SHARE, net_kg
from rules.weighing.passages import Passage, in_order, passages_of
from rules.weighing.session import MAX_STAY_MS, Flow, TareSource, WeighingSession
from rules.weighing.site_weighing import SiteWeighing

OTHER_NUMBER: Final = 0.95
"""Confidence in halves with different numbers: one truck in, the same truck out, within a shift."""
BY_REGISTERED_TARE: Final = 0.8
"""Confidence in a net weight with the tare of the registry: tanks, mud and new bodies make 300 kg of difference."""
BY_FORMER_TARES: Final = 0.7
NO_TARE: Final = 0.5
TYPED: Final = 0.9
"""Confidence in weights that a person typed."""


WEIGHED_AGAIN_MS: Final = 300_000
"""A truck that passes again so soon, the same way and with weights of the same kind, is weighed again under another
number: it cannot have fetched another load, or tipped and come back."""
_SAME_LOAD_SHARE: Final = 0.1
"""Halves that differ by more are gross and tare: not even a light truck weighs nine tenths of what it does full."""


class Tare(NamedTuple):
    """A tare that was not weighed on this visit."""

    kg: float
    source: TareSource


TareOf = Callable[[str, int], Tare | None]
"""The tare of a vehicle (its id) at a time, ms, where the visit has none; None if nobody knows it."""


def no_tare(vehicle_id: str, ts: int) -> Tare | None:
    """Know no tare but those weighed."""
    return None


def sessions_of(weighings: Iterable[SiteWeighing], tare_of: TareOf = no_tare) -> list[WeighingSession]:
    """The sessions of these weighings, in order of time."""
    by_truck: dict[tuple[str, str], list[Passage]] = {}
    for passage in passages_of(weighings):
        by_truck.setdefault((passage.counted.site, truck_key(passage)), []).append(passage)
    found = [_session(entered, left, tare_of) for passages in by_truck.values() for entered, left in _visits(passages)]
    return sorted(found, key=lambda one: (one.weighed_at, one.bridge, one.tickets))


def truck_key(passage: Passage) -> str:
    """What the passages of one truck have in common; a passage without a plate has nothing in common with any."""
    if passage.truck.vehicle_id is not None:
        return f"v {passage.truck.vehicle_id}"
    plates = [one.weighing.plate for one in (passage.counted, *passage.members) if one.weighing.plate is not None]
    if plates:
        return f"p {comparable_plate(plates[0])}"
    return f"- {passage.weighing.device_id} {passage.at}"


def _visits(passages: Sequence[Passage]) -> list[tuple[Passage, Passage | None]]:
    """The visits of one truck to one site: a passage, and the one on the way out, if it is another."""
    visits: list[tuple[Passage, Passage | None]] = []
    waiting: Passage | None = None
    for passage in _once(passages):
        if waiting is not None and _is_same_visit(waiting, passage):
            if passage.is_whole:
                passage.absorb(waiting)
                visits.append((passage, None))
            else:
                visits.append((waiting, passage))
            waiting = None
            continue
        if waiting is not None:
            visits.append((waiting, None))
            waiting = None
        if not passage.is_whole and passage.weighing.direction == "in":
            waiting = passage
        else:
            visits.append((passage, None))
    if waiting is not None:
        visits.append((waiting, None))
    return visits


def _once(passages: Sequence[Passage]) -> list[Passage]:
    """Passages of one truck, without those that the next one weighs again: the last weights hold."""
    found: list[Passage] = []
    for passage in passages:
        if found and _is_weighed_again(found[-1], passage):
            passage.absorb(found.pop())
        found.append(passage)
    return found


def _is_weighed_again(first: Passage, again: Passage) -> bool:
    if again.at - first.at > WEIGHED_AGAIN_MS or first.is_whole != again.is_whole:
        return False
    if first.weighing.direction != again.weighing.direction:
        return False
    heavier, lighter = sorted((first.weighing.gross_kg, again.weighing.gross_kg), reverse=True)
    return first.is_whole or heavier - lighter <= _SAME_LOAD_SHARE * heavier


def _is_same_visit(entered: Passage, passage: Passage) -> bool:
    """True if a half on the way in and the next passage of the truck are of one visit."""
    if passage.at - entered.at > MAX_STAY_MS:
        return False
    if not passage.is_whole:
        return passage.weighing.direction == "out"
    whole, kg = passage.weighing, entered.weighing.gross_kg
    tolerance_kg = max(TOLERANCE_KG, TOLERANCE_SHARE * whole.gross_kg)
    tare_kg = whole.gross_kg - (net_kg(whole) or 0.0)
    return min(abs(kg - whole.gross_kg), abs(kg - tare_kg)) <= tolerance_kg


class _Weights(NamedTuple):
    flow: Flow
    gross_kg: float
    tare_kg: float | None
    source: TareSource | None
    confidence: float


def _session(entered: Passage, left: Passage | None, tare_of: TareOf) -> WeighingSession:
    last = left or entered
    members = in_order([*entered.members, *(left.members if left is not None else ())])
    weights = _pair(entered, left) if left is not None else _whole(entered) if entered.is_whole else None
    if weights is None:
        weights = _half(entered, tare_of)
    truck = max(entered.truck, last.truck, key=lambda one: one.confidence)
    typed = TYPED if any(one.counted.weighing.manual_entry for one in (entered, last)) else 1.0
    sure = truck.confidence if truck.vehicle_id is not None else 0.0
    counted = [last.weighing, entered.weighing, *(one.weighing for one in reversed(members))]
    return WeighingSession(
        site=last.counted.site,
        bridge=last.weighing.device_id,
        vehicle=truck.device_id,
        plate=next((one.plate for one in counted if one.plate is not None), ""),
        entered_at=min(members[0].weighing.ts, entered.at),
        left_at=last.at if last.weighing.direction == "out" else None,
        gross_kg=weights.gross_kg,
        tare_kg=weights.tare_kg,
        net_kg=None if weights.tare_kg is None else round(weights.gross_kg - weights.tare_kg, 3),
        tare_source=weights.source,
        tickets=tuple(dict.fromkeys(one.weighing.ticket for one in members)),
        confidence=round(weights.confidence * typed * sure, 4),
        flow=weights.flow,
        weighed_at=last.at,
        vehicle_id=truck.vehicle_id,
        matched_by=truck.by,
        material=next((one.material for one in counted if one.material is not None), None),
        manifest=next((one.manifest for one in counted if one.manifest is not None), None),
        weighings=tuple((one.weighing.device_id, one.weighing.ts) for one in members),
    )


def _pair(entered: Passage, left: Passage) -> _Weights:
    """Two halves: the heavier one is the gross."""
    first, second = entered.weighing.gross_kg, left.weighing.gross_kg
    flow = entered.counted.way or (Flow.IN if first >= second else Flow.OUT)
    same = entered.weighing.ticket == left.weighing.ticket
    return _Weights(flow, max(first, second), min(first, second), TareSource.WEIGHED, 1.0 if same else OTHER_NUMBER)


def _whole(passage: Passage) -> _Weights:
    weighing, net = passage.weighing, net_kg(passage.weighing) or 0.0
    flow = passage.counted.way or passage.seen_before or Flow(weighing.direction)
    gross_kg = weighing.gross_kg
    return _Weights(flow, gross_kg, gross_kg - net, TareSource.WEIGHED, 1.0)


def _half(passage: Passage, tare_of: TareOf) -> _Weights:
    """One weight: what lay on the truck when it passed, as far as its tare is known."""
    weighing, truck = passage.weighing, passage.truck
    flow = passage.counted.way or Flow(weighing.direction)
    if flow is not Flow(weighing.direction):  # the truck is empty this way: nobody knows what it brought or fetched
        return _Weights(flow, weighing.gross_kg, None, None, NO_TARE)
    tare = tare_of(truck.vehicle_id, passage.at) if truck.vehicle_id is not None else None
    if tare is None:
        return _Weights(flow, weighing.gross_kg, None, None, NO_TARE)
    sure = BY_REGISTERED_TARE if tare.source is TareSource.REGISTERED else BY_FORMER_TARES
    return _Weights(flow, weighing.gross_kg, min(tare.kg, weighing.gross_kg), tare.source, sure)
