"""Titles, findings and ruled-out sentences of `illegal_dumping`, in English and Chinese."""

from collections.abc import Mapping, Sequence
from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import points, whole_seconds
from rules.detectors.illegal_dumping.afterwards import Afterwards
from rules.detectors.illegal_dumping.score import FAMILIES, Stop, Term


def title(truck: Text, place: Text, *, confirmed: bool, unsensed: bool) -> Text:
    """`unsensed`: the truck has neither lift nor load sensor, and is suspected by what it does after the stop."""
    act_en, act_zh = ("tipped its load", "非法倾倒") if confirmed else ("may be tipping its load", "疑似非法倾倒")
    if unsensed:
        act_en = "may have tipped its load"
    return Text(en=f"{truck.en} {act_en} outside permitted sites, {place.en}", zh=f"{truck.zh}{act_zh}，{place.zh}")


def load_still_on(ticket: str | None, net_kg: float) -> Text:
    """The reason to retract an alert after a weighbridge ticket; `ticket` is its number."""
    return Text(
        en=f"Ticket {ticket} of a permitted site shows {net_kg / 1000:.1f} t net afterwards:"
        " the load was still on the truck",
        zh=f"许可消纳场磅单{ticket}显示此后净重{net_kg / 1000:.1f}吨，货物仍在车上",
    )


def start(score: float) -> Text:
    """The sentence for the start value, the first term of the score."""
    return Text(en=f"Before any evidence ({points(score)})", zh=f"无任何证据时的初始值（{points(score)}）")


def finding(term: Term, score: float, stop: Stop, after_kg: float | None) -> Text:
    """The sentence for a term, with its score in log-odds. Its figures are those of the measures."""
    lift_s, stay_s = whole_seconds(stop.lift_ms), whole_seconds(stop.stay_ms)
    stood_s = whole_seconds(stop.lift_standing_ms)
    before_t, after_t = (stop.before_kg or 0) / 1000, (after_kg or 0) / 1000
    en, zh = {
        Term.LIFT_STANDING: (
            f"Bed up {stood_s} s while standing outside every permitted site",
            f"在许可场地外停车举升{stood_s}秒",
        ),
        Term.WEIGHT_DROP: (
            f"On-board weight fell from {before_t:.1f} t to {after_t:.1f} t",
            f"车载称重由{before_t:.1f}吨降至{after_t:.1f}吨",
        ),
        Term.LOADED_TO_EMPTY: ("The terminal's load state went from loaded to empty", "终端载重状态由重车变为空车"),
        Term.STAY: (f"Stood {stay_s} s", f"停留{stay_s}秒"),
        Term.LONG_STAY: (f"Stood {stay_s} s", f"停留{stay_s}秒"),
        Term.COVER_OPENED: ("The cover was opened while it stood", "停车时开启顶盖"),
        Term.OFF_CORRIDOR: ("Off the approved route", "位于核准线路之外"),
        Term.KNOWN_HOTSPOT: (f"In a known unlicensed dump ({stop.hotspot})", f"位于已认定的黑消纳场（{stop.hotspot}）"),
        Term.CREEPING: (f"Crept {stop.crept_m:.0f} m with the bed up", f"举升状态下缓行{stop.crept_m:.0f}米"),
        Term.DATA_GAP: ("Readings are missing around the stop", "停留前后数据缺失"),
        Term.TURNED_BACK: _turned_back(stop.after),
        Term.MANIFEST_ENDED: ("Its manifest ended outside every permitted site", "电子联单在许可场地外结束"),
        Term.MANIFEST_OVERDUE: ("The manifest of its load was overdue", "所载货物的联单已超时"),
        Term.MANIFEST_SHORT: (
            f"Of its load {stop.manifest_short_pct:.0f} % less arrived than was sent",
            f"该批货物到场重量比发出时少{stop.manifest_short_pct:.0f}%",
        ),
        Term.LIFT_SHORT: (f"The bed was up for only {lift_s} s", f"举升仅{lift_s}秒"),
        Term.WEIGHT_UNCHANGED: ("The weight was the same afterwards", "举升后重量未变"),
        Term.ALREADY_EMPTY: ("The truck was empty before", "此前已为空车"),
        Term.DEPOT_OR_WASH: ("In a depot or wash bay", "位于停车场或洗车点"),
    }[term]
    return Text(en=f"{en} ({points(score)})", zh=f"{zh}（{points(score)}）")


def _turned_back(after: Afterwards) -> tuple[str, str]:
    if after.at_source:
        return "It came loaded, and went back to be loaded again", "重车未到消纳场即返回装载点"
    back_m = round(after.back_m)
    return f"It came loaded, and drove {back_m} m back along its route", f"重车沿核准线路折返{back_m}米"


_NOT_AT_A_SITE: Final = Text(
    en="No site where this truck may tip or load is nearer than its fence margin",
    zh="围栏容差范围内无该车可倾倒或装载的场地",
)
_UNSENSED: Final = Text(
    en="No lift or load sensor: only place, time, route and manifest speak, so this is no more than a suspicion",
    zh="无举升和载重传感器：仅依据位置、时间、线路和联单，只能作为疑似线索",
)
_WEIGHT_UNSETTLED: Final = Text(en="The on-board weight has not come to rest yet", zh="车载称重尚未稳定")
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


def ruled_out(
    terms: Mapping[Term, float],
    measured: set[Term],
    unsettled: frozenset[Term] = frozenset(),
    *,
    unsensed: bool = False,
) -> tuple[Text, ...]:
    """The site sentence, then what working sensors did not show, then what no working sensor could show.

    `terms` apply to the stop; `measured` are those whose sensor works; of those `unsettled` it is too early to speak.
    """
    unseen = [_NOT_SEEN[term] for term in FAMILIES if term in measured and term not in terms and term not in unsettled]
    unknown = [_NOT_MEASURED[term] for term in FAMILIES if term not in measured and term not in terms]
    sentences = [_NOT_AT_A_SITE, *((_UNSENSED,) if unsensed else ())]
    if unseen:
        sentences.append(Text(en=f"Not seen: {_listed(unseen).en}", zh=f"未见：{_listed(unseen).zh}"))
    if Term.WEIGHT_DROP in unsettled:
        sentences.append(_WEIGHT_UNSETTLED)
    if unknown:
        sentences.append(
            Text(
                en=f"Not measured: {_listed(unknown).en} (no sensor, or a faulty one)",
                zh=f"无数据：{_listed(unknown).zh}（无传感器或传感器故障）",
            )
        )
    return tuple(sentences)


def _listed(texts: Sequence[Text]) -> Text:
    return Text(en="; ".join(text.en for text in texts), zh="、".join(text.zh for text in texts))
