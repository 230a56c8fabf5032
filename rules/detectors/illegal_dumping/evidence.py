"""What the evidence about a stop rests on: readings, weights, and which sensors could show something."""

from typing import Final

from devices.readings.models import Kind
from rules.alerts.model import ReadingRef
from rules.contract.wording import with_one_more
from rules.detectors.illegal_dumping.score import Stop, Term, shown_after_kg, shown_after_ts
from rules.tracking import Track

WEIGHT_STEP_KG: Final = 1_000.0
"""A weight after the stop that is so far from the one published is a better one; less is the scale's wandering."""


def basis_of(stop: Stop, terms: dict[Term, float]) -> str:
    """The terms that hold, and the weight after them in steps. A stay grows by itself and is no better evidence."""
    after_kg = shown_after_kg(stop, terms)
    weight = "" if after_kg is None else f"{after_kg / WEIGHT_STEP_KG:.0f}"
    return " ".join([*(term for term in terms if term not in {Term.STAY, Term.LONG_STAY}), weight])


def cited_readings(device_id: str, stop: Stop, after_kg: float | None) -> tuple[ReadingRef, ...]:
    """The readings of the stop, and those that gave the weights before and after it."""
    refs: tuple[ReadingRef, ...] = tuple(stop.refs)
    for ts, kg in ((stop.before_ts, stop.before_kg), (shown_after_ts(stop, after_kg), after_kg)):
        if ts and kg is not None:
            weighed = ReadingRef(device_id=device_id, kind=Kind.POSITION, ts=ts, values={"load_kg": kg})
            refs = with_one_more(refs, weighed)
    return refs


def measured_of(track: Track | None, stop: Stop, ts: int) -> set[Term]:
    """The terms that the truck's sensors could show: a missing, silent or chattering sensor shows nothing."""
    if track is None:
        return set()
    sensor_works = {
        Term.LIFT_STANDING: track.lift.on is not None and not track.lift.faulty(ts),
        Term.WEIGHT_DROP: stop.before_kg is not None,
        Term.LOADED_TO_EMPTY: track.load.terminal_ts > 0,
        Term.COVER_OPENED: track.cover.on is not None and not track.cover.faulty(ts),
    }
    return {term for term, works in sensor_works.items() if works}


def weights_of(before_kg: float | None, after_kg: float | None) -> dict[str, float | int | str | bool]:
    weights = {"before_kg": before_kg, "after_kg": after_kg}
    return {name: kg for name, kg in weights.items() if kg is not None}
