"""Finds outages: many devices that fall silent together are the network or the platform, and one alert stands for them.

An outage is bounded:

- in time: it takes in devices that fell silent within minutes of its beginning, and stands for them for an hour;
- in area: it has the narrowest area (`areas`) outside of which nothing unusual happens;
- in cause: a loaded truck has its alerts all the same, since somebody may have silenced it.

Verdicts come in the order of device time over all devices. Their levels mean: CLEAR heard, CANDIDATE overdue, CONFIRMED
silent, UNKNOWN shut down by itself. A silent device has a CONFIRMED verdict again and again until every outage that may
stand for it is over (`judgement`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from devices.city.model import City
from rules.alerts.model import Evidence, Severity, Text
from rules.contract.verdicts import Level, Verdict
from rules.detectors.silent_device import wording
from rules.detectors.silent_device.areas import CITY, TRUCKS, AreaCounts, share_pct
from rules.detectors.silent_device.parameters import SilentDeviceParameters

SYSTEM: Final = "system"
"""Subject of the alerts that stand for many."""
_NOT_KNOWN: Final = -1
"""Onset of a silence in the row of a former version."""


# Checkpoints write the fields by name: a renamed field loses what it held.
@dataclass(slots=True)
class Outage:
    """Devices that fell silent together. Times are device time, ms."""

    area: str
    part: str
    """Its area when it began: the alert stays the same when the area grows."""
    since: int
    silent: dict[str, int] = field(default_factory=dict)
    """By device that has not been heard since: the onset of its silence."""
    most: int = 0
    """Most devices that were silent at once."""
    most_of: int = 0
    """Devices in service in the area then."""


@dataclass(slots=True)
class Outages:
    """Silences of the whole fleet. Devices are named by id."""

    awaited: set[str] = field(default_factory=set)
    """Devices that were heard and did not shut down."""
    told: set[str] = field(default_factory=set)
    """Silent devices with an alert of their own. Named as in checkpoints."""
    fallen: dict[str, int] = field(default_factory=dict)
    """By device that is overdue, without an alert or an outage: the onset of its silence, ms."""
    running: list[Outage] = field(default_factory=list)
    released: dict[str, int] = field(default_factory=dict)
    """By device that outlasted an outage and has no alert yet: the onset of the outage, ms."""
    # The fields below are of rows that a former version wrote; `_take_over` empties them.
    overdue: set[str] = field(default_factory=set)
    since: int = 0
    covered: dict[str, Verdict] = field(default_factory=dict)


class OutageWatch:
    """Passes a silence on, or lets the alert of an outage stand for it."""

    def __init__(self, parameters: SilentDeviceParameters) -> None:
        self._limits = parameters
        self._memory: Outages | None = None
        self._counts: AreaCounts | None = None
        """Counted from the memory and the city of the last verdict; nothing else is in it."""

    def compare(self, verdict: Verdict, memory: Outages, city: City) -> Sequence[Verdict]:
        """Return the verdicts that replace this one."""
        counts, subject = self._counts, verdict.subject
        if counts is None or self._memory is not memory or counts.city is not city:
            counts = self._counts = _counted(memory, city, verdict.at)
            self._memory = memory
        match verdict.level:
            case Level.CLEAR | Level.UNKNOWN:
                _note_heard(subject, memory, counts, stays=verdict.level is Level.CLEAR)
                return (verdict, *self._end(verdict.at, memory, counts))
            case Level.CANDIDATE:
                ended = self._end(verdict.at, memory, counts)
                self._note_overdue(verdict, memory, counts)
                return ended
            case Level.CONFIRMED:
                return (*self._end(verdict.at, memory, counts), *self._judge_silence(verdict, memory, counts))
        return (verdict,)

    def _note_overdue(self, verdict: Verdict, memory: Outages, counts: AreaCounts) -> None:
        """Count a device that is overdue, for the outage it belongs to if there is one."""
        subject = verdict.subject
        if _is_counted(subject, memory):
            return
        if subject not in memory.awaited:
            memory.awaited.add(subject)
            counts.add(subject, in_service=1)
        counts.add(subject, silent=1)
        outage = self._outage_of(subject, verdict.onset, memory, counts)
        (memory.fallen if outage is None else outage.silent)[subject] = verdict.onset

    def _judge_silence(self, verdict: Verdict, memory: Outages, counts: AreaCounts) -> Sequence[Verdict]:
        subject, is_loaded = verdict.subject, verdict.severity is not Severity.P4
        self._note_overdue(verdict, memory, counts)
        if subject in memory.fallen:
            self._find(verdict, memory, counts)
        outage = next((outage for outage in memory.running if subject in outage.silent), None)
        if outage is None:
            if subject in memory.told and not is_loaded:
                return ()
            since = memory.released.pop(subject, 0)
            if memory.fallen.pop(subject, None) is not None:
                counts.add(subject, in_service=-1, silent=-1)
            memory.told.add(subject)
            return (_with_finding(verdict, wording.OUTLASTED) if since else verdict,)
        alert = self._alert(outage, verdict.at, counts)
        deaf = counts.silent_pct(TRUCKS) >= self._limits.outage_deaf_share_pct
        if not is_loaded or (deaf and verdict.severity is Severity.P3):
            return (alert,)
        memory.told.add(subject)
        finding = wording.amid_outage(len(outage.silent), counts.in_service[outage.area])
        return (alert, _with_finding(verdict, finding))

    def _find(self, verdict: Verdict, memory: Outages, counts: AreaCounts) -> None:
        """Let an outage begin or grow if so many devices fell silent together with this one."""
        subject, since = verdict.subject, verdict.onset
        areas = counts.areas(subject)
        if not any(self._is_many(area, counts.silent[area], counts) for area in areas):
            return
        together = [one for one, onset in memory.fallen.items() if self._fits(one, onset, since, counts)]
        for outage in memory.running:
            if self._fits(subject, since, outage.since, counts):
                area = self._area_of([*together, *outage.silent], areas, counts)
                if area is not None and all(area in counts.areas(one) for one in outage.silent):
                    outage.area = area
                    self._take_in(outage, together, memory, counts)
                    return
        area = self._area_of(together, areas, counts)
        if area is None:
            return
        for outage in memory.running:
            if outage.area in {CITY, area} or outage.part == area:
                self._take_in(outage, together, memory, counts)
                return
        outage = Outage(area, area, since)
        memory.running.append(outage)
        self._take_in(outage, together, memory, counts)

    def _take_in(self, outage: Outage, devices: Iterable[str], memory: Outages, counts: AreaCounts) -> None:
        for device_id in devices:
            if outage.area in counts.areas(device_id):
                outage.silent[device_id] = memory.fallen.pop(device_id)

    def _area_of(self, devices: Sequence[str], among: Sequence[str], counts: AreaCounts) -> str | None:
        """The area of an outage of these devices, of `among`; None if these areas have none.

        An area that mostly fell silent, while no more than usual did outside of it: the one with the largest share.
        Where there is no such area in the whole city, it is the city, if they are so many.
        """
        limits, whole = self._limits, counts.in_service[CITY]
        by_area = Counter(area for device_id in devices for area in counts.areas(device_id))
        shares: dict[str, float] = {}
        for area, silent in sorted(by_area.items()):
            outside = by_area[CITY] - silent
            outside_pct = share_pct(outside, whole - counts.in_service[area])
            is_calm = outside < limits.outage_devices or outside_pct <= limits.outage_share_pct
            if area != CITY and is_calm and self._is_many(area, silent, counts):
                shares[area] = share_pct(silent, counts.in_service[area])
        if shares:
            return max((area for area in shares if area in among), key=lambda area: shares[area], default=None)
        return CITY if self._is_many(CITY, by_area[CITY], counts) else None

    def _is_many(self, area: str, silent: int, counts: AreaCounts) -> bool:
        limit_pct = self._limits.outage_share_pct if area == CITY else self._limits.outage_area_share_pct
        return silent >= self._limits.outage_devices and share_pct(silent, counts.in_service[area]) > limit_pct

    def _outage_of(self, device_id: str, onset: int, memory: Outages, counts: AreaCounts) -> Outage | None:
        areas = counts.areas(device_id)
        for outage in memory.running:
            if outage.area in areas and self._fits(device_id, onset, outage.since, counts):
                return outage
        return None

    def _fits(self, device_id: str, onset: int, since: int, counts: AreaCounts) -> bool:
        """True if a device may have fallen silent in an outage since then: not heard long after nor due long before."""
        within_ms = self._limits.outage_within_s * 1000
        due = onset + counts.interval_ms(device_id)
        return onset == _NOT_KNOWN or (onset <= since + within_ms and due >= since - within_ms)

    def _end(self, at: int, memory: Outages, counts: AreaCounts) -> Sequence[Verdict]:
        """End outages of which most devices are back, or that lasted too long to stand for anybody."""
        ended: list[Verdict] = []
        for outage in [*memory.running]:
            silent, of = len(outage.silent), counts.in_service[outage.area]
            is_long = at >= outage.since + self._limits.outage_until_s * 1000
            if not is_long and silent > 1 and share_pct(silent, of) > self._limits.outage_over_share_pct:
                continue
            memory.running.remove(outage)
            for device_id in outage.silent:
                counts.add(device_id, in_service=-1, silent=-1)
                if device_id not in memory.told:
                    memory.released[device_id] = outage.since
            ended.append(
                Verdict(
                    SYSTEM,
                    Level.CLEAR,
                    at,
                    outage.since,
                    title=wording.outage_over_title(outage.most, outage.most_of, silent, outage.area, counts.city),
                    evidence=self._evidence(silent, of, wording.STILL_SILENT),
                    part=outage.part,
                )
            )
        return ended

    def _alert(self, outage: Outage, at: int, counts: AreaCounts) -> Verdict:
        """The alert that stands for the devices of an outage, as it is now."""
        silent, of = len(outage.silent), counts.in_service[outage.area]
        if silent > outage.most:
            outage.most, outage.most_of = silent, of
        wide = share_pct(silent, counts.in_service[CITY]) > self._limits.outage_share_pct
        return Verdict(
            subject=SYSTEM,
            level=Level.CONFIRMED,
            at=at,
            onset=outage.since,
            severity=Severity.P2 if wide else Severity.P3,
            title=wording.outage_title(silent, of, outage.area, counts.city),
            evidence=self._evidence(silent, of),
            part=outage.part,
        )

    def _evidence(self, silent: int, of: int, *more: Text) -> Evidence:
        return Evidence(
            parameters=self._limits.model_dump(),
            findings=(wording.outage_share(share_pct(silent, of)), *more),
            measures={"overdue_devices": silent, "awaited_devices": of},
        )


def _with_finding(verdict: Verdict, finding: Text) -> Verdict:
    """Say in the evidence that the device fell silent in an outage, instead of that it did not."""
    evidence = verdict.evidence
    if evidence is None:
        return verdict
    update = {"findings": (*evidence.findings, finding), "ruled_out": (wording.NOT_SHUT_DOWN,)}
    return replace(verdict, evidence=evidence.model_copy(update=update))


def _is_counted(device_id: str, memory: Outages) -> bool:
    """True if its silence is noted somewhere."""
    return (
        device_id in memory.fallen
        or device_id in memory.told
        or device_id in memory.released
        or any(device_id in outage.silent for outage in memory.running)
    )


def _note_heard(device_id: str, memory: Outages, counts: AreaCounts, *, stays: bool) -> None:
    """Count a device as in service, or out of it; it is not silent any more."""
    was_silent = memory.fallen.pop(device_id, None) is not None
    for outage in memory.running:
        was_silent |= outage.silent.pop(device_id, None) is not None
    was_broken = not was_silent and (device_id in memory.told or device_id in memory.released)
    was_in_service = device_id in memory.awaited and not was_broken
    memory.told.discard(device_id)
    memory.released.pop(device_id, None)
    (memory.awaited.add if stays else memory.awaited.discard)(device_id)
    counts.add(device_id, in_service=stays - was_in_service, silent=-was_silent)


def _counted(memory: Outages, city: City, at: int) -> AreaCounts:
    """Count the devices in service and the silent ones anew."""
    _take_over(memory)
    counts = AreaCounts(city, at)
    silent = [*memory.fallen, *(device_id for outage in memory.running for device_id in outage.silent)]
    broken = (memory.told | memory.released.keys()).difference(silent)
    for device_id in memory.awaited - broken:
        counts.add(device_id, in_service=1)
    for device_id in silent:
        counts.add(device_id, silent=1)
    return counts


def _take_over(memory: Outages) -> None:
    """Go on from the row of a former version, which had one outage of the whole city and did not keep onsets."""
    silent = dict.fromkeys(sorted(memory.overdue - memory.told), _NOT_KNOWN)
    if memory.since:
        memory.running.append(Outage(CITY, CITY, memory.since, silent, len(silent), len(memory.awaited)))
    else:
        memory.fallen |= silent
    memory.overdue, memory.since, memory.covered = set(), 0, {}
