"""The score of one stop: what speaks for a load tipped on the ground, and what against. Log-odds, from -4."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from devices.geo.geometry import XY
from rules.alerts.model import ReadingRef, Text
from rules.contract.rule import Parameters
from rules.tracking import LoadState


class Term(StrEnum):
    """One observation about a stop."""

    LIFT_STANDING = "lift_standing"
    WEIGHT_DROP = "weight_drop"
    LOADED_TO_EMPTY = "loaded_to_empty"
    STAY = "stay"
    LONG_STAY = "long_stay"
    COVER_OPENED = "cover_opened"
    OFF_CORRIDOR = "off_corridor"
    CREEPING = "creeping"
    DATA_GAP = "data_gap"
    LIFT_SHORT = "lift_short"
    WEIGHT_UNCHANGED = "weight_unchanged"
    ALREADY_EMPTY = "already_empty"
    DEPOT_OR_WASH = "depot_or_wash"


class Family(StrEnum):
    """Sensors that fail apart from each other. Position is none of them: every term rests on it already."""

    LIFT = "lift"
    LOAD = "load"
    """On-board scale and terminal load bits: most terminals take the bits from the scale."""
    COVER = "cover"


FAMILIES: Final[Mapping[Term, Family]] = {
    Term.LIFT_STANDING: Family.LIFT,
    Term.WEIGHT_DROP: Family.LOAD,
    Term.LOADED_TO_EMPTY: Family.LOAD,
    Term.COVER_OPENED: Family.COVER,
}


class IllegalDumpingParameters(Parameters):
    """As the field plans ask; where they are silent the reason is given. Scores are log-odds (natural units)."""

    start_score: float = -4.0
    suspected_score: float = 0.0
    confirmed_score: float = 1.5
    families: int = 2
    """Independent sensor families that must speak for a confirmed dump."""
    lift_standing_score: float = 3.0
    lift_standing_s: float = 8.0
    weight_drop_score: float = 3.5
    weight_drop_kg: float = 3_000.0
    weight_drop_pct: float = 25.0
    weight_drop_within_s: int = 600
    loaded_to_empty_score: float = 2.5
    stay_score: float = 0.7
    stay_s: int = 60
    long_stay_score: float = 1.2
    long_stay_s: int = 180
    cover_opened_score: float = 1.0
    off_corridor_score: float = 1.0
    off_corridor_m: float = 60.0
    creeping_score: float = 0.5
    creeping_min_m: float = 5.0
    creeping_max_m: float = 40.0
    data_gap_score: float = 1.0
    data_gap_s: int = 120
    """Beyond what a street of high houses swallows."""
    lift_short_score: float = -2.0
    lift_short_s: float = 5.0
    weight_unchanged_score: float = -3.0
    weight_unchanged_kg: float = 1_000.0
    weight_unchanged_pct: float = 10.0
    """Less than this, after the bed came down, is what an on-board scale wanders by."""
    settle_s: int = 30
    """After the bed came down, for scale and load to come to rest."""
    already_empty_score: float = -4.0
    depot_or_wash_score: float = -3.0
    fence_m: float = 20.0
    """Beyond a fence by this much and the fix's accuracy (at most 30 m) is outside: a tip 60 m off is seen."""
    away_m: float = 100.0
    linger_s: int = 600
    """How long after a stop its weight may still be found missing."""
    ticket_within_s: int = 7_200
    """A haul across the city takes less; a later ticket may be of another load."""
    ticket_load_pct: float = 80.0
    """Of the load before the stop, found on a disposal site's ticket: nothing was tipped."""
    ticket_min_kg: float = 4_000.0
    """As much where the load before the stop is not known."""


@dataclass(slots=True)
class Stop:
    """One stop outside every permitted site, or one lift there. Times are device time, ms."""

    onset: int
    place: XY
    place_en: str
    place_zh: str
    load: LoadState
    """Before it."""
    before_kg: float | None
    """Steady on-board weight before it."""
    terminal_loaded: bool
    """The terminal said LOADED before it."""
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
    """Steady on-board weight since."""
    after_down_kg: float | None = None
    """Steady on-board weight since the bed came down and all came to rest."""
    terminal_empty: bool = False
    left_at: int = 0
    suspected: bool = False
    confirmed: bool = False
    refs: list[ReadingRef] = field(default_factory=list)


def terms_of(stop: Stop, limits: IllegalDumpingParameters) -> dict[Term, float]:
    """Every term that applies, with its weight."""
    dropped_kg = _dropped_kg(stop, stop.after_kg)
    left_kg = _dropped_kg(stop, stop.after_down_kg)
    before_kg = stop.before_kg or 0.0
    short = stop.lift_down_at > 0 and 0 < stop.lift_ms < limits.lift_short_s * 1000
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
        Term.CREEPING: (limits.creeping_min_m <= stop.crept_m <= limits.creeping_max_m, limits.creeping_score),
        Term.DATA_GAP: (stop.data_gap, limits.data_gap_score),
        Term.LIFT_SHORT: (short, limits.lift_short_score),
        Term.WEIGHT_UNCHANGED: (left_kg is not None and left_kg < unchanged_kg, limits.weight_unchanged_score),
        Term.ALREADY_EMPTY: (stop.load is LoadState.EMPTY, limits.already_empty_score),
        Term.DEPOT_OR_WASH: (stop.depot_or_wash, limits.depot_or_wash_score),
    }
    return {term: weight for term, (is_so, weight) in applies.items() if is_so}


def families_of(terms: Mapping[Term, float]) -> set[Family]:
    return {FAMILIES[term] for term in terms if term in FAMILIES}


def _dropped_kg(stop: Stop, after_kg: float | None) -> float | None:
    return None if stop.before_kg is None or after_kg is None else stop.before_kg - after_kg


def finding(term: Term, weight: float, stop: Stop) -> Text:
    """A term in words, with its weight."""
    lift_s, stay_s = stop.lift_ms / 1000, stop.stay_ms / 1000
    stood_s = stop.lift_standing_ms / 1000
    before_t, after_t = (stop.before_kg or 0) / 1000, (stop.after_kg or 0) / 1000
    en, zh = {
        Term.LIFT_STANDING: (
            f"Bed up {stood_s:.0f} s while standing outside every permitted site",
            f"在许可场地外停车举升{stood_s:.0f}秒",
        ),
        Term.WEIGHT_DROP: (
            f"On-board weight fell from {before_t:.1f} t to {after_t:.1f} t",
            f"车载称重由{before_t:.1f}吨降至{after_t:.1f}吨",
        ),
        Term.LOADED_TO_EMPTY: ("The terminal's load state went from loaded to empty", "终端载重状态由重车变为空车"),
        Term.STAY: (f"Stood {stay_s:.0f} s", f"停留{stay_s:.0f}秒"),
        Term.LONG_STAY: (f"Stood {stay_s:.0f} s", f"停留{stay_s:.0f}秒"),
        Term.COVER_OPENED: ("The cover was opened while it stood", "停车时开启顶盖"),
        Term.OFF_CORRIDOR: ("Off the approved route", "位于核准线路之外"),
        Term.CREEPING: (f"Crept {stop.crept_m:.0f} m with the bed up", f"举升状态下缓行{stop.crept_m:.0f}米"),
        Term.DATA_GAP: ("Readings are missing around the stop", "停留前后数据缺失"),
        Term.LIFT_SHORT: (f"The bed was up for only {lift_s:.0f} s", f"举升仅{lift_s:.0f}秒"),
        Term.WEIGHT_UNCHANGED: ("The weight was the same afterwards", "举升后重量未变"),
        Term.ALREADY_EMPTY: ("The truck was empty before", "此前已为空车"),
        Term.DEPOT_OR_WASH: ("In a depot or wash bay", "位于停车场或洗车点"),
    }[term]
    return Text(en=f"{en} ({weight:+.1f})", zh=f"{zh}（{weight:+.1f}）")


_NOT_SEEN: Final = {
    Term.LIFT_STANDING: Text(en="the bed raised while standing", zh="停车举升"),
    Term.WEIGHT_DROP: Text(en="a fall of the on-board weight", zh="车载称重骤降"),
    Term.LOADED_TO_EMPTY: Text(en="the load state going from loaded to empty", zh="重车变空车"),
    Term.COVER_OPENED: Text(en="the cover opened while standing", zh="停车开盖"),
}
_NOT_MEASURED: Final = {
    Term.LIFT_STANDING: Text(en="the bed", zh="举升状态"),
    Term.WEIGHT_DROP: Text(en="the on-board weight", zh="车载称重"),
    Term.LOADED_TO_EMPTY: Text(en="the terminal's load state", zh="终端载重状态"),
    Term.COVER_OPENED: Text(en="the cover", zh="顶盖状态"),
}


def not_found(terms: Mapping[Term, float], measured: set[Term]) -> Iterator[Text]:
    """What sensors would have shown and did not; and apart from it, what no sensor could show."""
    unseen = [_NOT_SEEN[term] for term in FAMILIES if term in measured and term not in terms]
    unknown = [_NOT_MEASURED[term] for term in FAMILIES if term not in measured and term not in terms]
    if unseen:
        yield Text(en=f"Not seen: {_listed(unseen).en}", zh=f"未见：{_listed(unseen).zh}")
    if unknown:
        yield Text(
            en=f"Not measured: {_listed(unknown).en} (no sensor, or a faulty one)",
            zh=f"无数据：{_listed(unknown).zh}（无传感器或传感器故障）",
        )


def _listed(texts: Sequence[Text]) -> Text:
    return Text(en="; ".join(text.en for text in texts), zh="、".join(text.zh for text in texts))
