"""Finds jams: several trucks that stand near each other. Then traffic is the cause, not the drivers."""

from dataclasses import dataclass, field
from typing import Final

from devices.geo.geometry import LatLon
from devices.geo.sphere import distance_m
from rules.contract.verdicts import Level, Verdict

_FORGET_MS: Final = 24 * 3_600_000
"""Late readings are judged for so long, and then meet the jams of their time."""
_MOST_JAMS: Final = 1_000


# Checkpoints write the fields of both classes by name: a renamed field loses what it held.
@dataclass(slots=True)
class Jam:
    """Trucks stood here; device time in ms."""

    place: LatLon
    since: int
    until: int


@dataclass(slots=True)
class Jams:
    """Where trucks of the fleet stand now outside sites, and the jams of a day, oldest first."""

    stands: dict[str, LatLon] = field(default_factory=dict)
    """By subject."""
    compared: dict[str, int] = field(default_factory=dict)
    """Onset of the stop of each subject that was compared last, device time in ms."""
    jams: list[Jam] = field(default_factory=list)


def is_alone(verdict: Verdict, memory: Jams, *, within_m: float, over_ms: int) -> bool:
    """True if no other truck is known to stand near, and there was no jam a short while ago."""
    place = verdict.place
    if place is None or _in_a_jam(place, verdict.at, memory, within_m, over_ms):
        return False
    return not any(
        subject != verdict.subject and distance_m(place, other) <= within_m for subject, other in memory.stands.items()
    )


def is_first(verdict: Verdict, memory: Jams) -> bool:
    """True for the first verdict of a stop; it is noted."""
    before = memory.compared.get(verdict.subject)
    memory.compared[verdict.subject] = verdict.onset
    return before != verdict.onset


def passes(verdict: Verdict, memory: Jams, *, trucks: int, within_m: float, over_ms: int) -> bool:
    """Take a verdict into the memory; False if a jam explains it."""
    if verdict.level is Level.CLEAR:
        memory.stands.pop(verdict.subject, None)
        return True
    place = verdict.place
    if place is None:
        return True
    memory.stands[verdict.subject] = place
    if len(memory.stands) >= trucks:
        near = sum(distance_m(place, other) <= within_m for other in memory.stands.values())
        if near >= trucks:
            _note(place, verdict, memory, within_m)
    return not _in_a_jam(place, verdict.at, memory, within_m, over_ms)


def _in_a_jam(place: LatLon, at: int, memory: Jams, within_m: float, over_ms: int) -> bool:
    return any(
        jam.since <= at <= jam.until + over_ms and distance_m(place, jam.place) <= within_m for jam in memory.jams
    )


def _note(place: LatLon, verdict: Verdict, memory: Jams, within_m: float) -> None:
    """Note a jam from the time on at which this truck stands there, or let one go on."""
    memory.jams = [jam for jam in memory.jams if verdict.at - jam.until <= _FORGET_MS]
    for jam in memory.jams:
        if verdict.onset <= jam.until and jam.since <= verdict.at and distance_m(place, jam.place) <= within_m:
            jam.since, jam.until = min(jam.since, verdict.onset), max(jam.until, verdict.at)
            return
    memory.jams = [*memory.jams[1 - _MOST_JAMS :], Jam(place, verdict.onset, verdict.at)]
