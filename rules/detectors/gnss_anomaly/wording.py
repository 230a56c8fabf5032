"""Titles, findings and ruled-out sentences of `gnss_anomaly`, in English and Chinese."""

from collections.abc import Mapping
from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration, length

_TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "teleport": ("its position leaps", "定位跳变"),
    "frozen": ("its wheels turn and its position stands still", "车轮转动但定位不变"),
    "alarm": ("its terminal reports a fault of antenna or receiver", "终端上报天线或定位模块故障"),
}
ANTENNA_OPEN: Final = Text(en="antenna open", zh="天线开路")
ANTENNA_SHORT: Final = Text(en="antenna short", zh="天线短路")
RECEIVER: Final = Text(en="receiver at fault", zh="定位模块故障")
NOT_A_SPIKE: Final = Text(en="Not a single spike", zh="非单点跳变")
NOT_CARRIED: Final = Text(
    en="Not a silence or a tunnel in which it could have come so far", zh="非离线或隧道期间的正常移动"
)
NOT_STANDING: Final = Text(en="Not a truck that stands: its wheels turn", zh="非停车：车轮在转动")
NOT_JUDGED: Final = Text(
    en="Not judged meanwhile, as its place is not known: routes, fences and dumping",
    zh="期间位置未知，无法研判：线路、围栏和倾倒",
)
ALL_GOOD: Final = Text(en="The fixes of all these trucks are good again", zh="上述车辆定位均已恢复正常")
NOT_ONE_TRUCK: Final = Text(
    en="Not one terminal, and not a driver: the trucks were near one another", zh="非个别终端或驾驶员所致：车辆彼此邻近"
)


def title(truck: Text, reason: str, place: Text) -> Text:
    en, zh = _TITLES[reason]
    return Text(en=f"{truck.en}: {en}, {place.en}", zh=f"{truck.zh}：{zh}，{place.zh}")


def leaped(distance_m: float, took_ms: int, kmh: float, fixes: int) -> Text:
    return Text(
        en=f"It leaped {length(distance_m)} in {duration(took_ms)}, which is {kmh:.0f} km/h; {fixes} fixes bear it out",
        zh=f"{duration(took_ms, zh=True)}内跳变{length(distance_m, zh=True)}，折合时速{kmh:.0f}公里；{fixes}次定位为证",
    )


def frozen(turned_ms: int, readings: int) -> Text:
    return Text(
        en=f"It gave the very same place for {duration(turned_ms)} and {readings} readings while its wheels turned",
        zh=f"车轮转动{duration(turned_ms, zh=True)}、{readings}条数据期间位置完全相同",
    )


def odometer(driven_m: float) -> Text:
    return Text(
        en=f"Its odometer counted {length(driven_m)} meanwhile", zh=f"期间里程表增加{length(driven_m, zh=True)}"
    )


def speed(kmh: float) -> Text:
    return Text(en=f"It reported up to {kmh:.1f} km/h", zh=f"上报时速最高{kmh:.1f}公里")


def alarm(lasted_ms: int, readings: int, antenna: Text) -> Text:
    return Text(
        en=f"For {duration(lasted_ms)} and {readings} readings in a row: {antenna.en}",
        zh=f"持续{duration(lasted_ms, zh=True)}，连续{readings}条数据：{antenna.zh}",
    )


def good_again(good_ms: int) -> Text:
    return Text(
        en=f"Its fixes have been good for {duration(good_ms)}", zh=f"定位已恢复正常{duration(good_ms, zh=True)}"
    )


def area_title(trucks: int, place: Text) -> Text:
    return Text(
        en=f"Positions of {trucks} trucks are disturbed, {place.en}: interference of the area",
        zh=f"{trucks}辆车定位受扰，{place.zh}：区域干扰",
    )


def area(trucks: int, names: str, names_zh: str, over_ms: int) -> Text:
    return Text(
        en=f"{trucks} trucks within {duration(over_ms)} of one another: {names}",
        zh=f"{trucks}辆车先后相隔{duration(over_ms, zh=True)}以内：{names_zh}",
    )


def excused(trucks: int) -> Text:
    return Text(
        en=f"{trucks} trucks nearby have the same: an interference of the area, and not the driver's",
        zh=f"附近{trucks}辆车同样异常：属区域干扰，与驾驶员无关",
    )
