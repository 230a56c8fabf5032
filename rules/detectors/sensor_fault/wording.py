"""Titles and findings of `sensor_fault`, in English and Chinese."""

from collections.abc import Mapping
from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration

_TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "lift_chatter": ("its lift switch chatters", "举升开关抖动"),
    "cover_chatter": ("its cover switch chatters", "密闭开关抖动"),
    "lift_stuck": ("its lift switch never shows the bed up", "举升开关始终显示未举升"),
    "cover_stuck": ("its cover switch never shows the cover open", "密闭开关始终显示关闭"),
    "weight_stuck": ("its on-board weight never changes", "车载称重数值不变"),
    "weight_drift": ("its on-board weight does not return to zero", "车载称重零点漂移"),
    "lift_at_speed": ("its lift switch shows the bed up on the road", "长时间行驶中举升开关始终显示举升"),
    "weight_too_high": ("its on-board weight is more than any truck carries", "车载称重超出任何车辆载重"),
}
_SWITCHES: Final[Mapping[str, tuple[str, str]]] = {"lift": ("lift", "举升"), "cover": ("cover", "密闭")}
_POSITIONS: Final[Mapping[str, tuple[str, str]]] = {
    "lift": ("the bed down", "未举升"),
    "cover": ("the cover closed", "关闭"),
}

NO_VOTE: Final = Text(
    en="Rules do not count this switch until it was healthy for 10 min", zh="该开关恢复正常10分钟前不参与研判"
)
NOT_ITS_LOAD: Final = Text(
    en="Not what it carries: tickets or stays at sites show that it was loaded and emptied",
    zh="非载货所致：磅单或进出场地表明车辆已装卸",
)
NOT_ONE_READING: Final = Text(en="Not one reading alone", zh="非单点数据")


def title(truck: Text, reason: str) -> Text:
    en, zh = _TITLES[reason]
    return Text(en=f"{truck.en}: {en}", zh=f"{truck.zh}：{zh}")


def chatters(switch: str, edges: int, over_ms: int) -> Text:
    en, zh = _SWITCHES[switch]
    return Text(
        en=f"The {en} switch changed in {edges} readings within {duration(over_ms)}",
        zh=f"{zh}开关在{duration(over_ms, zh=True)}内{edges}次变化",
    )


def while_driving(edges: int, kmh: float) -> Text:
    return Text(
        en=f"{edges} times from one report at {kmh:g} km/h or more to the next, when nobody moves it",
        zh=f"其中{edges}次前后两次上报时速均在{kmh:g}公里及以上，不可能人为操作",
    )


def never_moved(switch: str, loads: int, reports: int) -> Text:
    (en, zh), (at_en, at_zh) = _SWITCHES[switch], _POSITIONS[switch]
    return Text(
        en=f"Through {loads} emptied loads the {en} switch showed {at_en}; in {reports} reports of the last one",
        zh=f"连续{loads}次装卸中{zh}开关均显示{at_zh}，最近一次共{reports}条数据",
    )


def same_weight(loads: int, lowest_kg: float, highest_kg: float) -> Text:
    return Text(
        en=f"Through {loads} emptied loads the weight stayed; in the last one from {lowest_kg:.1f} kg to"
        f" {highest_kg:.1f} kg",
        zh=f"连续{loads}次装卸中重量不变，最近一次为{lowest_kg:.1f}公斤至{highest_kg:.1f}公斤",
    )


def drifted(loads: int, level_kg: float) -> Text:
    return Text(
        en=f"After {loads} emptyings in a row it showed a load, {level_kg:.1f} kg in the median",
        zh=f"连续{loads}次卸空后仍显示载重，中位数{level_kg:.1f}公斤",
    )


def up_at_speed(up_ms: int, peak_kmh: float) -> Text:
    return Text(
        en=f"It showed the bed up for {duration(up_ms)} of driving at 30 km/h or more, at up to {peak_kmh:.1f} km/h",
        zh=f"时速30公里及以上行驶{duration(up_ms, zh=True)}期间显示举升，最高时速{peak_kmh:.1f}公里",
    )


def too_heavy(kg: float, most_kg: float) -> Text:
    return Text(
        en=f"It showed {kg:.1f} kg; no truck carries more than {most_kg:g} kg",
        zh=f"显示{kg:.1f}公斤；任何车辆载重不超过{most_kg:g}公斤",
    )


def healthy(healthy_ms: int) -> Text:
    return Text(
        en=f"The sensor has been healthy for {duration(healthy_ms)}", zh=f"传感器已正常{duration(healthy_ms, zh=True)}"
    )
