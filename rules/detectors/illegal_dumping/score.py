"""Scores one stop: evidence for a load tipped there, and against it. Scores are log-odds, the start value included."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from devices.geo.geometry import XY
from rules.alerts.model import ReadingRef
from rules.detectors.illegal_dumping.afterwards import Afterwards
from rules.detectors.illegal_dumping.parameters import IllegalDumpingParameters
from rules.tracking import LoadState
from rules.tracking.load import STEADY_KG


class Term(StrEnum):
    """One observation about a stop."""

    LIFT_STANDING = "lift_standing"
    WEIGHT_DROP = "weight_drop"
    LOADED_TO_EMPTY = "loaded_to_empty"
    STAY = "stay"
    LONG_STAY = "long_stay"
    COVER_OPENED = "cover_opened"
    OFF_CORRIDOR = "off_corridor"
    KNOWN_HOTSPOT = "known_hotspot"
    CREEPING = "creeping"
    DATA_GAP = "data_gap"
    TURNED_BACK = "turned_back"
    MANIFEST_ENDED = "manifest_ended"
    MANIFEST_OVERDUE = "manifest_overdue"
    MANIFEST_SHORT = "manifest_short"
    LIFT_SHORT = "lift_short"
    WEIGHT_UNCHANGED = "weight_unchanged"
    ALREADY_EMPTY = "already_empty"
    DEPOT_OR_WASH = "depot_or_wash"


class Family(StrEnum):
    """Groups of sensors that fail independently of each other. Position is no family: every term uses it."""

    LIFT = "lift"
    LOAD = "load"
    """On-board scale and the terminal's load bits: most terminals take the bits from the scale."""
    COVER = "cover"


FAMILIES: Final[Mapping[Term, Family]] = {
    Term.LIFT_STANDING: Family.LIFT,
    Term.WEIGHT_DROP: Family.LOAD,
    Term.LOADED_TO_EMPTY: Family.LOAD,
    Term.COVER_OPENED: Family.COVER,
}


@dataclass(slots=True)
class Stop:
    """One stop outside every permitted site, or one lift of the bed there. Times are device time, ms.

    Checkpoints write the fields by name: a renamed field loses what it held.
    """

    onset: int
    place: XY
    place_en: str
    place_zh: str
    load: LoadState
    """Load state before the stop."""
    before_kg: float | None
    """Steady on-board weight before the stop; None where there was none."""
    terminal_loaded: bool
    """The terminal reported LOADED before the stop."""
    depot_or_wash: bool
    off_corridor: bool = False
    data_gap: bool = False
    lift_ms: int = 0
    lift_standing_ms: int = 0
    lift_at: XY | None = None
    lift_down_at: int = 0
    crept_m: float = 0.0
    stay_ms: int = 0
    cover_opened: bool = False
    after_kg: float | None = None
    """Latest steady on-board weight since the stop began."""
    after_down_kg: float | None = None
    """Latest steady on-board weight since the bed came down and the load came to rest."""
    terminal_empty: bool = False
    left_at: int = 0
    """Time at which the truck left; 0 while it is there."""
    suspected: bool = False
    confirmed: bool = False
    refs: list[ReadingRef] = field(default_factory=list)
    last_kg: float | None = None
    """Latest on-board weight since the stop began, steady or not."""
    last_ts: int = 0
    """Time of the reading that gave `last_kg`; 0 without one, as for the two below."""
    after_ts: int = 0
    before_ts: int = 0
    hotspot: str = ""
    """Id of the known dump it is in; empty outside all of them."""
    unsensed: bool = False
    """The truck has neither lift nor load sensor."""
    manifest_overdue: bool = False
    """The manifest of its load was overdue."""
    manifest_short_pct: float = 0.0
    """By how much less of this load arrived than was sent; 0 while nothing is known of it."""
    after: Afterwards = field(default_factory=Afterwards)
    """Where it went afterwards; followed of an unsensed truck."""


def terms_of(stop: Stop, limits: IllegalDumpingParameters) -> dict[Term, float]:
    """The terms that apply, with their scores."""
    dropped_kg = _dropped_kg(stop, stop.after_kg)
    dropped_after_lift_kg = _dropped_kg(stop, stop.after_down_kg)
    before_kg = stop.before_kg or 0.0
    lift_was_short = stop.lift_down_at > 0 and 0 < stop.lift_ms < limits.lift_short_s * 1000
    unchanged_kg = max(limits.weight_unchanged_kg, before_kg * limits.weight_unchanged_pct / 100)
    applies = {
        Term.LIFT_STANDING: (stop.lift_standing_ms >= limits.lift_standing_s * 1000, limits.lift_standing_score),
        Term.WEIGHT_DROP: (
            dropped_kg is not None
            and dropped_kg >= max(limits.weight_drop_kg, before_kg * limits.weight_drop_pct / 100),
            limits.weight_drop_score,
        ),
        Term.LOADED_TO_EMPTY: (stop.terminal_loaded and stop.terminal_empty, limits.loaded_to_empty_score),
        Term.STAY: (limits.stay_s * 1000 <= stop.stay_ms <= limits.long_stay_s * 1000, limits.stay_score),
        Term.LONG_STAY: (stop.stay_ms > limits.long_stay_s * 1000, limits.long_stay_score),
        Term.COVER_OPENED: (stop.cover_opened, limits.cover_opened_score),
        Term.OFF_CORRIDOR: (stop.off_corridor, limits.off_corridor_score),
        Term.KNOWN_HOTSPOT: (bool(stop.hotspot), limits.known_hotspot_score),
        Term.CREEPING: (limits.creeping_min_m <= stop.crept_m <= limits.creeping_max_m, limits.creeping_score),
        Term.DATA_GAP: (stop.data_gap, limits.data_gap_score),
        Term.TURNED_BACK: (
            stop.after.loaded and (stop.after.at_source or stop.after.back_m >= limits.turned_back_m),
            limits.turned_back_score,
        ),
        Term.MANIFEST_ENDED: (
            stop.after.no_manifest >= limits.no_manifest_fixes,
            limits.manifest_ended_score,
        ),
        Term.MANIFEST_OVERDUE: (
            stop.manifest_overdue and not _shows_load(stop, dropped_kg, limits),
            limits.manifest_overdue_score,
        ),
        Term.MANIFEST_SHORT: (
            stop.manifest_short_pct > limits.manifest_short_pct,
            limits.manifest_short_score,
        ),
        Term.LIFT_SHORT: (lift_was_short, limits.lift_short_score),
        Term.WEIGHT_UNCHANGED: (
            dropped_after_lift_kg is not None and dropped_after_lift_kg < unchanged_kg,
            limits.weight_unchanged_score,
        ),
        Term.ALREADY_EMPTY: (stop.load is LoadState.EMPTY, limits.already_empty_score),
        Term.DEPOT_OR_WASH: (stop.depot_or_wash, limits.depot_or_wash_score),
    }
    return {term: round(score, 2) for term, (holds, score) in applies.items() if holds}


def _shows_load(stop: Stop, dropped_kg: float | None, limits: IllegalDumpingParameters) -> bool:
    """True if a sensor of the truck shows that the load is still on it: then it is late, and no more."""
    if dropped_kg is not None:
        return dropped_kg < limits.weight_drop_kg
    return stop.terminal_loaded and not stop.terminal_empty


_NOT_OF_AN_HONEST_HAUL: Final = frozenset(
    {Term.TURNED_BACK, Term.MANIFEST_ENDED, Term.MANIFEST_SHORT, Term.KNOWN_HOTSPOT}
)


def is_suspected(stop: Stop, terms: Mapping[Term, float], score: float, limits: IllegalDumpingParameters) -> bool:
    """True if it is published as a suspected dump. Of an unsensed truck a long stop off its route is not enough."""
    if score >= limits.suspected_score:
        return True
    return stop.unsensed and score >= limits.unsensed_score and not _NOT_OF_AN_HONEST_HAUL.isdisjoint(terms)


def total(terms: Mapping[Term, float], limits: IllegalDumpingParameters) -> float:
    """The score: the start value and the terms, each to two decimals as it is printed."""
    return round(round(limits.start_score, 2) + sum(terms.values()), 2)


def shown_after_kg(stop: Stop, terms: Mapping[Term, float]) -> float | None:
    """The weight after the stop as the cited readings have it; None while it has not come to rest.

    A steady weight comes seconds after the readings that fall: until then it is still the weight of before.
    """
    if stop.after_kg is None or stop.last_kg is None:
        return stop.after_kg
    if stop.last_kg - stop.after_kg > STEADY_KG:
        return stop.after_kg if Term.WEIGHT_DROP in terms else None
    if stop.after_kg - stop.last_kg > STEADY_KG:
        return stop.last_kg if Term.WEIGHT_DROP in terms else None
    return stop.last_kg


def shown_after_ts(stop: Stop, after_kg: float | None) -> int:
    """Time of the reading that gave the weight shown; 0 where none is shown or its time was not kept."""
    if after_kg is None:
        return 0
    return stop.last_ts if after_kg == stop.last_kg else stop.after_ts


def families_of(terms: Mapping[Term, float]) -> set[Family]:
    return {FAMILIES[term] for term in terms if term in FAMILIES}


def _dropped_kg(stop: Stop, after_kg: float | None) -> float | None:
    return None if stop.before_kg is None or after_kg is None else stop.before_kg - after_kg
