"""Titles, findings and ruled-out sentences of `route_deviation`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration, length, load_source
from rules.detectors.route_deviation.parameters import RouteDeviationParameters
from rules.tracking import LoadSource, LoadState

STOPPED: Final = Text(en="It stopped off the corridor", zh="在走廊外停车")
REPORTED: Final = Text(en="Its terminal reported by itself that it left its route", zh="车载终端自身也报告了偏离路线")
LOAD_UNKNOWN: Final = Text(en="It is not known whether it is loaded", zh="载货状态未知")
BAD_FIXES: Final = Text(en="Bad fixes and single spikes were not used", zh="未采用劣质定位和单点跳变")


def title(truck: Text, route: Text, place: Text, *, loaded: bool) -> Text:
    load_en, load_zh = (", loaded,", "载货") if loaded else ("", "")
    return Text(
        en=f"{truck.en}{load_en} left its approved route {route.en}, {place.en}",
        zh=f"{truck.zh}{load_zh}偏离核准线路“{route.zh}”（{place.zh}）",
    )


def beyond_corridor(off_ms: int, driven_m: float, peak_m: float) -> Text:
    """Time and distance driven beyond the corridor; `peak_m`: the largest distance from the route."""
    return Text(
        en=f"For {duration(off_ms)} and {length(driven_m)} it drove beyond the corridor, at most"
        f" {length(peak_m)} from the route after the error of the receiver was taken off",
        zh=f"驶出走廊{duration(off_ms, zh=True)}、{length(driven_m, zh=True)}，"
        f"扣除定位误差后最远偏离{length(peak_m, zh=True)}",
    )


def seen(*, stopped: bool, reported: bool) -> tuple[Text, ...]:
    """What else was seen beyond the corridor."""
    return (STOPPED,) * stopped + (REPORTED,) * reported


def load_finding(state: LoadState, source: LoadSource) -> Text | None:
    """The sentence about the load; None for a truck that is empty or part loaded."""
    if state is LoadState.UNKNOWN:
        return LOAD_UNKNOWN
    if state is not LoadState.LOADED:
        return None
    by = load_source(source)
    return Text(en=f"It is loaded, according to {by.en}", zh=f"车辆载货，依据：{by.zh}")


def ruled_out(limits: RouteDeviationParameters) -> tuple[Text, ...]:
    return (
        BAD_FIXES,
        Text(
            en=f"It is not within {length(limits.ends_m)} of origin or destination",
            zh=f"不在起讫点{length(limits.ends_m, zh=True)}范围内",
        ),
        Text(
            en=f"Fewer than {limits.closure_trucks} trucks left this route here within"
            f" {limits.closure_min} min: no sign of a closed road",
            zh=f"{limits.closure_min}分钟内在此处驶离该线路的车辆少于{limits.closure_trucks}辆，无封路迹象",
        ),
    )


def road_closed(trucks: int) -> Text:
    """The reason to retract: so many trucks left at one place."""
    return Text(
        en=f"{trucks} trucks left this route at the same place: the road is probably closed",
        zh=f"{trucks}辆车在同一地点驶离该线路，道路可能封闭",
    )


def unseen_title(truck: Text, place: Text, *, loaded: bool) -> Text:
    load_en, load_zh = (", loaded,", "载货") if loaded else ("", "")
    return Text(
        en=f"{truck.en}{load_en} drove a way between two fixes that was not along its route, {place.en}",
        zh=f"{truck.zh}{load_zh}两次定位之间的行程不在线路上（{place.zh}）",
    )


def unseen(gap_ms: int, driven_m: float, along_m: float) -> Text:
    """What the odometer says of a gap, and what the route would have taken."""
    return Text(
        en=f"In {duration(gap_ms)} without a fix its odometer counted {length(driven_m)};"
        f" along its route it came {length(along_m)}",
        zh=f"{duration(gap_ms, zh=True)}无定位期间里程表增加{length(driven_m, zh=True)}，"
        f"沿线路仅前进{length(along_m, zh=True)}",
    )


def turned_on_the_route() -> Text:
    return Text(
        en="It is not ruled out that it turned and drove on its route back and forth",
        zh="不能排除其在线路上掉头往返",
    )
