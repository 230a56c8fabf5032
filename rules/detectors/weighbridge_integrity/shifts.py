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
from devices.readings.models import Kind
from rules.alerts.model import Evidence, ReadingRef, Severity
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import MAX_REFS, who
from rules.detectors.weighbridge_integrity import wording
from rules.detectors.weighbridge_integrity.findings import for_people
from rules.detectors.weighbridge_integrity.parameters import WeighbridgeIntegrityParameters
from rules.weighing.bands import median_error_kg

SYSTEM: Final = "system"
"""Subject of these alerts: they come of the tickets of trucks, whatever the bridge itself uploads late."""
SHIFT: Final = "shift"
_DAY_MS: Final = 86_400_000
"""Late tickets are judged for a day, and then meet the tares of their own day: of two days each tare is kept."""
_HOUR_MS: Final = 3_600_000
"""Where clocks are set forward and back, a day may be longer."""
_MAX_TRUCKS: Final = 1_000
"""Of one bridge and day; further ones are not compared."""
_MAX_ODD: Final = 100


# Checkpoints write the fields of these classes by name: a renamed field loses what it held.
@dataclass(slots=True)
class Tare:
    """The last tare of a truck on a day."""

    ts: int
    """Of its ticket, device time in ms."""
    ticket: str
    tare_kg: float
    off_kg: float
    """From its usual one at its first tare of the day."""
    first_ts: int = 0
    """Of that first tare,"""
    usual_kg: float = 0.0
    """and what it usually weighed then: later in the day the shift itself becomes usual."""


@dataclass(slots=True)
class OddTare:
    """A tare that was given as off its band."""

    off_kg: float
    band_kg: float
    finding: Verdict


@dataclass(slots=True)
class BridgeDay:
    """Tares of one bridge on one day of the city."""

    start: int
    """Device time, ms."""
    tares: dict[str, Tare] = field(default_factory=dict)
    """By truck."""
    odd: dict[str, OddTare] = field(default_factory=dict)
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
    day, key = _day_of(verdict, memory, city), f"{verdict.subject} {verdict.onset}"
    evidence = verdict.evidence
    if evidence is None:  # it is left to people
        odd = day.odd.get(key)
        return () if odd is not None and _is_excused(odd, day) else (verdict,)
    measures = evidence.measures
    off_kg = float(measures["off_kg"])
    excused = {one for one, odd in day.odd.items() if _is_excused(odd, day)}
    day.odd.pop(key, None)
    is_odd = verdict.level is Level.CONFIRMED and len(day.odd) < _MAX_ODD
    if is_odd:
        day.odd[key] = OddTare(off_kg, float(measures["band_kg"]), verdict)
    changes: list[Verdict] = []
    last = day.tares.get(verdict.subject)
    if last is not None or len(day.tares) < _MAX_TRUCKS:
        now = day.tares[verdict.subject] = _with_tare(last, verdict, evidence)
        changes += _judge_day(verdict, day, city, limits) if now != last else ()
    for one, odd in day.odd.items():
        if one != key and _is_excused(odd, day) is not (one in excused):
            again = one in excused
            changes += for_people(odd.finding) if again else (_excuse(odd.finding, verdict.at, day, limits),)
    if verdict.level is Level.CONFIRMED and not (is_odd and _is_excused(day.odd[key], day)):
        changes.append(verdict)
    return changes


def _with_tare(last: Tare | None, verdict: Verdict, evidence: Evidence) -> Tare:
    """The last tare of a truck's day with one more, compared with what it usually weighed at the first one."""
    measures, ts = evidence.measures, verdict.onset
    usual_kg, tare_kg = float(measures["usual_tare_kg"]), float(evidence.readings[0].values["tare_kg"])
    first_ts = ts
    if last is not None and 0 < last.first_ts < ts:
        first_ts, usual_kg = last.first_ts, last.usual_kg
    if last is not None and last.ts > ts:
        return Tare(last.ts, last.ticket, last.tare_kg, round(last.tare_kg - usual_kg, 1), first_ts, usual_kg)
    return Tare(ts, str(measures["ticket"]), tare_kg, round(tare_kg - usual_kg, 1), first_ts, usual_kg)


def _day_of(verdict: Verdict, memory: BridgeDays, city: City) -> BridgeDay:
    """The day of a ticket; days long past are forgotten."""
    local = datetime.fromtimestamp(verdict.onset / 1000, UTC).astimezone(ZoneInfo(city.timezone))
    start = round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    key = f"{verdict.shared} {start}"
    day = memory.days.get(key)
    if day is None:
        memory.days = {one: former for one, former in memory.days.items() if former.start >= start - _DAY_MS - _HOUR_MS}
        day = memory.days[key] = BridgeDay(start)
    return day


def _is_excused(odd: OddTare, day: BridgeDay) -> bool:
    """True if the tare is in its band but for the shift of the bridge."""
    return day.shifted and abs(odd.off_kg - day.shift_kg) <= odd.band_kg


def _judge_day(
    verdict: Verdict, day: BridgeDay, city: City, limits: WeighbridgeIntegrityParameters
) -> Iterator[Verdict]:
    """Judge the tares of a day with the one that came last."""
    off_kg = [tare.off_kg for tare in day.tares.values()]
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
    cited = sorted(day.tares.values(), key=lambda tare: tare.ts)[-MAX_REFS:]
    yield Verdict(
        subject=SYSTEM,
        level=Level.CONFIRMED,
        at=verdict.at,
        onset=day.start,
        severity=Severity.P3,
        place=city.site_centre(bridge, verdict.at),
        title=wording.shift_title(who(bridge, city, verdict.at), shift_kg),
        evidence=Evidence(
            parameters=limits.model_dump(),
            findings=(wording.shift(len(off_kg), shift_kg, error_kg),),
            ruled_out=(wording.NOT_ONE_TRUCK,),
            readings=tuple(_cite(tare, bridge.id) for tare in cited),
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


def _cite(tare: Tare, bridge_id: str) -> ReadingRef:
    values = {"ticket": tare.ticket, "tare_kg": tare.tare_kg}
    return ReadingRef(device_id=bridge_id, kind=Kind.WEIGHING, ts=tare.ts, values=values)


def _excuse(finding: Verdict, at: int, day: BridgeDay, limits: WeighbridgeIntegrityParameters) -> Verdict:
    evidence = Evidence(parameters=limits.model_dump(), findings=(wording.bridge_shifted(day.shift_kg),))
    return Verdict(finding.subject, Level.RETRACTED, at, finding.onset, evidence=evidence, part=finding.part)
