"""Finds bridges that shifted: the empty trucks of a day weigh more, or less, there than each of them did before.

Then the bridge is the cause of their odd tares, not the drivers. A day's finding is a function of the tares of that
day, whatever order they come in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from devices.city.model import City
from rules.alerts.model import Evidence, ReadingRef, Severity
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import MAX_REFS, who
from rules.detectors.weighbridge_integrity import wording
from rules.detectors.weighbridge_integrity.bands import median_error_kg
from rules.detectors.weighbridge_integrity.findings import left_open
from rules.detectors.weighbridge_integrity.parameters import WeighbridgeIntegrityParameters

SYSTEM: Final = "system"
"""Subject of these alerts: they come of the tickets of trucks, whatever the bridge itself uploads late."""
SHIFT: Final = "shift"
_KEPT_DAYS: Final = 3
"""Late tickets are judged for a day."""
_MAX_TARES: Final = 2_000
"""Of one bridge and day; further ones are not compared."""


# Checkpoints write the fields of these classes by name: a renamed field loses what it held.
@dataclass(slots=True)
class Tare:
    """One tare of a truck, compared with its usual one."""

    subject: str
    off_kg: float
    band_kg: float
    cited: ReadingRef
    finding: Verdict | None = None
    """That it is off its band, where that was given."""


@dataclass(slots=True)
class BridgeDay:
    """Tares of one bridge on one day of the city."""

    start: int
    """Device time, ms."""
    tares: dict[str, Tare] = field(default_factory=dict)
    """By truck and time of the ticket."""
    shifted: bool = False
    """The shift was given."""
    shift_kg: float = 0.0


@dataclass(slots=True)
class BridgeDays:
    """The last days of all bridges, by bridge and day."""

    days: dict[str, BridgeDay] = field(default_factory=dict)


def compare(
    verdict: Verdict, memory: BridgeDays, city: City, limits: WeighbridgeIntegrityParameters
) -> Iterable[Verdict]:
    """Take a verdict about a tare; return those that replace it."""
    key = f"{verdict.subject} {verdict.onset}"
    day = _day_of(verdict, memory, city)
    tare = day.tares.get(key)
    if verdict.level is Level.LEFT_OPEN:
        excused = tare is not None and _is_excused(tare, day)
        return () if excused else (verdict,)
    evidence = verdict.evidence
    if evidence is None or (tare is None and len(day.tares) >= _MAX_TARES):
        return ()
    measures = evidence.measures
    finding = verdict if verdict.level is Level.CONFIRMED else None
    new = Tare(verdict.subject, float(measures["off_kg"]), float(measures["band_kg"]), evidence.readings[0], finding)
    was_excused = {one for one, former in day.tares.items() if _is_excused(former, day)}
    day.tares[key] = new
    changes = [*_judge_day(verdict, day, city, limits)]
    for one, former in day.tares.items():
        if one != key and former.finding is not None and _is_excused(former, day) is not (one in was_excused):
            changes += (
                _excuse(former.finding, verdict.at, day, limits) if one not in was_excused else _restore(former.finding)
            )
    if finding is not None and not _is_excused(new, day):
        changes.append(finding)
    return changes


def _day_of(verdict: Verdict, memory: BridgeDays, city: City) -> BridgeDay:
    """The day of a ticket; days long past are forgotten."""
    local = datetime.fromtimestamp(verdict.onset / 1000, UTC).astimezone(ZoneInfo(city.timezone))
    start = round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    key = f"{verdict.shared} {start}"
    day = memory.days.get(key)
    if day is None:
        oldest = start - _KEPT_DAYS * 86_400_000
        memory.days = {one: former for one, former in memory.days.items() if former.start >= oldest}
        day = memory.days[key] = BridgeDay(start)
    return day


def _is_excused(tare: Tare, day: BridgeDay) -> bool:
    """True if the tare is in its band but for the shift of the bridge."""
    return day.shifted and tare.finding is not None and abs(tare.off_kg - day.shift_kg) <= tare.band_kg


def _judge_day(
    verdict: Verdict, day: BridgeDay, city: City, limits: WeighbridgeIntegrityParameters
) -> Iterator[Verdict]:
    """Judge the tares of a day with the one that came last."""
    last = {tare.subject: tare for tare in sorted(day.tares.values(), key=lambda tare: tare.cited.ts)}
    off_kg = [tare.off_kg for tare in last.values()]
    shift_kg = round(median(off_kg), 1)
    error_kg = round(median_error_kg(off_kg, limits.tare_sigma_kg), 1)
    enough = len(off_kg) >= limits.shift_trucks
    is_shifted = enough and abs(shift_kg) > max(limits.shift_kg, limits.shift_errors * error_kg)
    was_shifted, day.shifted, day.shift_kg = day.shifted, is_shifted, shift_kg
    bridge = city.devices.get(verdict.shared)
    if bridge is None or not (is_shifted or was_shifted):
        return
    part = f"{SHIFT} {bridge.id}"
    if not is_shifted:
        evidence = Evidence(parameters=limits.model_dump(), findings=(wording.no_shift(len(off_kg), shift_kg),))
        yield Verdict(SYSTEM, Level.RETRACTED, verdict.at, day.start, evidence=evidence, part=part)
        return
    cited = sorted((tare.cited for tare in last.values()), key=lambda one: one.ts)
    yield Verdict(
        subject=SYSTEM,
        level=Level.CONFIRMED,
        at=verdict.at,
        onset=day.start,
        severity=Severity.P3,
        place=city.site_centre(bridge),
        title=wording.shift_title(who(bridge, city), shift_kg),
        evidence=Evidence(
            parameters=limits.model_dump(),
            findings=(wording.shift(len(off_kg), shift_kg, error_kg),),
            ruled_out=(wording.NOT_ONE_TRUCK,),
            readings=tuple(cited[-MAX_REFS:]),
            measures={
                "reason": SHIFT,
                "bridge": bridge.id,
                "shift_kg": shift_kg,
                "error_kg": error_kg,
                "trucks": len(off_kg),
            },
        ),
        part=part,
        basis=f"trucks={len(off_kg)}",
    )


def _excuse(finding: Verdict, at: int, day: BridgeDay, limits: WeighbridgeIntegrityParameters) -> Iterator[Verdict]:
    evidence = Evidence(parameters=limits.model_dump(), findings=(wording.bridge_shifted(day.shift_kg),))
    yield Verdict(finding.subject, Level.RETRACTED, at, finding.onset, evidence=evidence, part=finding.part)


def _restore(finding: Verdict) -> Iterator[Verdict]:
    yield finding
    yield left_open(finding)
