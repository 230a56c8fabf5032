"""Titles and findings of `cannot_be_judged`, in English and Chinese."""

from collections.abc import Mapping
from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration

_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "no_fix": ("no usable position", "无有效定位"),
    "no_satellites": ("its receiver reports 0 satellites", "定位终端卫星数恒为0"),
    "no_route": ("it is loaded and has no approved route", "载货行驶但无核准线路"),
    "long_interval": ("it reports too seldom", "上报间隔过长"),
    "no_speed": ("it moves and reports 0 km/h", "位置移动但速度恒为0"),
    "status_only": ("it sends statuses and no measurement", "仅有状态上报，无测量数据"),
    "no_deposits": ("its site has deposit hours and it counts no deposits", "设有投放时段但不上报投放次数"),
    "frozen_fix": ("it drives and its position stands still", "行驶中但位置不变"),
}
_MISSED: Final[Mapping[str, tuple[str, str]]] = {
    "no_fix": ("routes, fences and dumping", "线路、围栏和倾倒"),
    "no_satellites": ("the quality of its positions", "定位质量"),
    "no_route": ("whether it left its route", "是否偏离线路"),
    "long_interval": ("what happens between two readings", "两次上报之间的情况"),
    "no_speed": ("whether it stood or drove so far", "此前停车或行驶"),
    "status_only": ("everything but its silence", "除离线外的全部规则"),
    "no_deposits": ("deposits outside the hours", "超时投放"),
    "frozen_fix": ("routes, fences and dumping", "线路、围栏和倾倒"),
}


def title(device: Text, reason: str) -> Text:
    en, zh = _REASONS[reason]
    return Text(en=f"{device.en} cannot be judged: {en}", zh=f"{device.zh}无法研判：{zh}")


def lasts(reason: str, lasted_ms: int, readings: int) -> Text:
    en, zh = _REASONS[reason]
    return Text(
        en=f"For {duration(lasted_ms)} and {readings} readings: {en}",
        zh=f"持续{duration(lasted_ms, zh=True)}，{readings}条数据：{zh}",
    )


def not_judged(reason: str) -> Text:
    en, zh = _MISSED[reason]
    return Text(en=f"Not judged meanwhile: {en}", zh=f"期间无法研判：{zh}")


def interval(interval_s: float, registered_s: int) -> Text:
    return Text(
        en=f"It reports every {interval_s:.0f} s and is registered with {registered_s} s",
        zh=f"实际上报间隔{interval_s:.0f}秒，登记为{registered_s}秒",
    )
