"""Finds jams: several trucks that stand near each other at one time. Then traffic is the cause, not the drivers."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from math import cos, floor, radians
from typing import Final

from devices.geo.geometry import LatLon
from devices.geo.sphere import distance_m
from rules.alerts.model import Evidence
from rules.contract.verdicts import Level, Verdict
from rules.detectors.stopped_loaded import wording
from rules.detectors.stopped_loaded.parameters import StoppedLoadedParameters

_FORGET_MS: Final = 26 * 3_600_000
"""Late readings are judged for 25 hours, and then meet the jams of their time."""
_MOST_STANDS: Final = 300
"""Of one truck; beyond it the oldest are forgotten,"""
_MOST_OF_ALL: Final = 20_000
"""and of all, the oldest that ended: a day of 2,000 trucks, some 3 MB in each checkpoint. In a larger city late
readings meet the jams of some hours only."""
_LOOK_EVERY_MS: Final = 3_600_000
"""So often those of all trucks are looked through for what may be forgotten."""
_CELL_DEG: Final = 0.01
"""Side of the cells by which stands near a place are found: about 1 km."""
_M_PER_DEGREE: Final = 111_195.0
_NOT_YET: Final = 1 << 60
"""End of a stand that goes on: no device time, ms, is later."""


# Checkpoints write the fields of both classes by name: a renamed field loses what it held.
@dataclass(slots=True)
class Stand:
    """A truck stood here, loaded or not, for two minutes at least. Times are device time, ms."""

    subject: str
    onset: int
    place: LatLon
    at: int
    """When that was found."""
    too_long_at: int = 0
    """When it had stood too long for a loaded truck; 0 if it did not."""
    last_at: int = 0
    """When it did so last."""
    ended_at: int = 0
    """0 while it stands."""
    excused: bool = False
    excused_until: int = 0
    """Until then a jam explains it, by what is known so far."""
    run_over: bool = False
    """The clock of its truck stepped since: nothing of it changes any more."""


@dataclass(slots=True)
class Jams:
    """Where trucks of the fleet stood within a day, and stand."""

    stands: dict[str, list[Stand]] = field(default_factory=dict)
    """By subject, in the order in which they became known."""
    cells: dict[str, list[str]] = field(default_factory=dict)
    """The subjects that stood in each cell."""
    looked_at: int = 0
    """When what may be forgotten was forgotten last."""
    noted: int = 0
    """Stands noted since."""


def note(verdict: Verdict, memory: Jams) -> list[Stand]:
    """Note that a truck stands, or has left; return the stands that changed in a way that matters."""
    at, stand = verdict.at, _find(verdict, memory)
    if verdict.level is Level.CLEAR:
        if stand is None or stand.ended_at:
            return []
        stand.ended_at = at
        return [stand]
    if verdict.place is None:
        return []
    changed = list[Stand]()
    if stand is None:
        stand = Stand(verdict.subject, verdict.onset, verdict.place, at)
        _forget_old(at, memory)
        former = memory.stands.get(stand.subject, [])
        changed = [*_end_former(stand, former), stand]
        memory.stands[stand.subject] = [*former[1 - _MOST_STANDS :], stand]
        memory.noted += 1
        _enter(stand, memory)
    if verdict.level is Level.CONFIRMED:
        stand.last_at = at
        if not stand.too_long_at:
            stand.too_long_at = at
            return changed or [stand]
        if stand.excused and at > stand.excused_until:
            return [stand]
    return changed


def forget_since(subject: str, since: int, memory: Jams) -> list[Stand]:
    """Forget what was found of a truck after this device time, ms; return the stands that changed by it."""
    stands = memory.stands.get(subject, [])
    changed = [one for one in stands if not one.run_over and max(one.at, one.last_at, one.ended_at) > since]
    for one in changed:
        if one.ended_at > since:
            one.ended_at = 0
        if one.too_long_at > since:
            one.too_long_at = one.last_at = 0
        one.last_at = min(one.last_at, since)
    if changed:
        memory.stands[subject] = [one for one in stands if one.run_over or one.at <= since]
    return changed


def is_excused(verdict: Verdict, memory: Jams) -> bool:
    stand = _find(verdict, memory)
    return stand is not None and stand.excused


def is_alone(verdict: Verdict, memory: Jams, limits: StoppedLoadedParameters) -> bool:
    """True if no other truck is known to stand near, and there was no jam a short while ago."""
    place = verdict.place
    if place is None:
        return False
    go_on = _near(place, limits.jam_m, memory, since=_NOT_YET)
    if any(one.subject != verdict.subject for one in go_on):
        return False
    return _Search(memory, limits, but=verdict.subject).excused_until(place, verdict.at, verdict.at) == 0


def settle(changed: Collection[Stand], at: int, memory: Jams, limits: StoppedLoadedParameters) -> Iterator[Verdict]:
    """Say of the stands near those that changed whether a jam excuses them now, if that is new."""
    settled, search = dict[int, Stand](), _Search(memory, limits)
    for one in changed:
        for stand in _near(one.place, 2 * limits.jam_m, memory):
            is_concerned = one is stand or one.onset <= stand.last_at
            if is_concerned and (stand.too_long_at or stand.excused) and id(stand) not in settled:
                settled[id(stand)] = stand
                yield from _settle(stand, at, search)


def excuses_of(subject: str, at: int, memory: Jams, limits: StoppedLoadedParameters) -> Iterator[Verdict]:
    """Say of all stands of a truck whether they are excused."""
    for stand in memory.stands.get(subject, []):
        if stand.too_long_at and not stand.run_over:
            yield _decision(stand, at, limits)


def end_run(subject: str, memory: Jams) -> None:
    for stand in memory.stands.get(subject, []):
        if not stand.run_over:
            stand.ended_at = stand.ended_at or max(stand.at, stand.last_at)
            stand.run_over = True


def _near(place: LatLon, within_m: float, memory: Jams, since: int = 0, until: int = _NOT_YET) -> list[Stand]:
    """The stands that are no farther from a place, and were there between two times, device time in ms."""
    north = within_m / _M_PER_DEGREE
    east = north / max(cos(radians(place.lat)), 0.01)
    subjects = dict.fromkeys(
        subject
        for row in range(floor((place.lat - north) / _CELL_DEG), floor((place.lat + north) / _CELL_DEG) + 1)
        for column in range(floor((place.lon - east) / _CELL_DEG), floor((place.lon + east) / _CELL_DEG) + 1)
        for subject in memory.cells.get(f"{row} {column}", ())
    )
    return [
        stand
        for subject in subjects
        for stand in memory.stands.get(subject, ())
        if stand.onset <= until and (stand.ended_at or _NOT_YET) >= since and distance_m(place, stand.place) <= within_m
    ]


def _enter(stand: Stand, memory: Jams) -> None:
    """Note in which cell it is."""
    cell = f"{floor(stand.place.lat / _CELL_DEG)} {floor(stand.place.lon / _CELL_DEG)}"
    subjects = memory.cells.setdefault(cell, [])
    if stand.subject not in subjects:
        subjects.append(stand.subject)


def _find(verdict: Verdict, memory: Jams) -> Stand | None:
    for one in reversed(memory.stands.get(verdict.subject, [])):
        if one.onset == verdict.onset and not one.run_over:
            return one
    return None


def _forget_old(at: int, memory: Jams) -> None:
    """Forget the stands that ended so long before `at`, device time in ms, that nothing is compared with them."""
    if at - memory.looked_at < _LOOK_EVERY_MS and memory.noted < _MOST_OF_ALL:
        return
    memory.looked_at, memory.noted = at, 0
    ended = sorted([one.ended_at for stands in memory.stands.values() for one in stands if one.ended_at])
    oldest = max([at - _FORGET_MS, *ended[-_MOST_OF_ALL : 1 - _MOST_OF_ALL]])
    kept = {
        subject: [one for one in stands if not one.ended_at or one.ended_at >= oldest]
        for subject, stands in memory.stands.items()
    }
    memory.stands = {subject: stands for subject, stands in kept.items() if stands}
    memory.cells = {}
    for stands in memory.stands.values():
        for one in stands:
            _enter(one, memory)


def _end_former(stand: Stand, former: Iterable[Stand]) -> Iterator[Stand]:
    """End what goes on of the truck: it stands elsewhere now."""
    for one in former:
        if not one.ended_at and not one.run_over and one.onset < stand.onset:
            one.ended_at = stand.onset
            yield one


def _settle(stand: Stand, at: int, search: "_Search") -> Iterator[Verdict]:
    stand.excused_until = (
        search.excused_until(stand.place, stand.too_long_at, stand.last_at) if stand.too_long_at else 0
    )
    excused = 0 < stand.last_at <= stand.excused_until
    if excused is not stand.excused:
        stand.excused = excused
        yield _decision(stand, at, search.limits)


@dataclass(slots=True)
class _JamAround:
    """When enough trucks stood around this one while it stood: spans, each of which ends after the one before."""

    centre: Stand
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


class _Search:
    """Finds jams, around each truck once, while no stand begins or ends. `but`: the truck that is left out."""

    def __init__(self, memory: Jams, limits: StoppedLoadedParameters, but: str = "") -> None:
        self.limits = limits
        self._memory, self._but = memory, but
        self._around: dict[int, _JamAround] = {}

    def excused_until(self, place: LatLon, since: int, until: int) -> int:
        """How long from `since` on, without a break, jams explain that a truck stands here; 0 if they do not.

        There is a jam around each truck near it that stands among enough others, and for `jam_over_s` afterwards.
        """
        over_ms = self.limits.jam_over_s * 1000
        jams = [self._jam(one) for one in self._stands(place, since - over_ms, until)]
        covered, before = 0, -1
        while covered > before:
            before = covered
            for jam in jams:
                latest = bisect_right(jam.starts, min(max(since, covered), until)) - 1
                if latest >= 0 and jam.ends[latest] + over_ms >= since:
                    covered = max(covered, jam.ends[latest] + over_ms)
        return covered

    def _jam(self, centre: Stand) -> _JamAround:
        jam = self._around.get(id(centre))
        if jam is None:
            begins, ends = centre.onset, centre.ended_at or _NOT_YET
            jam = _together(centre, self._stands(centre.place, begins, ends), self.limits.jam_trucks)
            self._around[id(centre)] = jam
        return jam

    def _stands(self, place: LatLon, since: int, until: int) -> list[Stand]:
        near = _near(place, self.limits.jam_m, self._memory, since, until)
        return [one for one in near if one.subject != self._but]


def _together(centre: Stand, around: Collection[Stand], trucks: int) -> _JamAround:
    """When so many trucks stood around this one while it stood."""
    jam = _JamAround(centre)
    begins, ends = centre.onset, centre.ended_at or _NOT_YET
    spans = [(max(one.onset, begins), min(one.ended_at or _NOT_YET, ends), one.subject) for one in around]
    lasts: dict[str, int] = {}
    in_order = list[int]()
    """How long each truck stays that has come, the shortest first."""
    for start, end, subject in sorted(spans):
        last = lasts.get(subject)
        if last is not None:
            if end <= last:
                continue
            del in_order[bisect_left(in_order, last)]
        lasts[subject] = end
        insort(in_order, end)
        if len(in_order) >= trucks:
            until = in_order[-trucks]
            if until >= start and (not jam.ends or until > jam.ends[-1]):
                jam.starts.append(start)
                jam.ends.append(until)
    return jam


def _decision(stand: Stand, at: int, limits: StoppedLoadedParameters) -> Verdict:
    if not stand.excused:
        return Verdict(stand.subject, Level.STANDS, at, stand.onset)
    evidence = Evidence(parameters=limits.model_dump(), findings=(wording.jam(limits),))
    return Verdict(stand.subject, Level.EXCUSED, at, stand.onset, evidence=evidence)
