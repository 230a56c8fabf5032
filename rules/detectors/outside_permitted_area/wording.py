"""Titles, findings and ruled-out sentences of `outside_permitted_area`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration, length
from rules.detectors.outside_permitted_area.parameters import OutsidePermittedAreaParameters

FREE: Final = Text(en="Its permits no longer restrict where it collects", zh="其许可已不限制收集区域")
BACK: Final = Text(en="It is inside its permitted area again", zh="已回到许可区域内")
FILLED: Final = Text(
    en="Its terminal reported it empty before, and not empty afterwards", zh="终端此前上报空载，其后上报非空载"
)
NO_PERMIT: Final = Text(en="No valid permit of it names another area, or none", zh="无其他有效许可准许在该处收集")


def title(truck: Text, areas: Text, place: Text, *, confirmed: bool) -> Text:
    done, done_zh = ("collected", "收集") if confirmed else ("may have collected", "疑似收集")
    return Text(
        en=f"{truck.en} {done} outside its permitted area {areas.en}, {place.en}",
        zh=f"{truck.zh}在许可区域{areas.zh}之外{done_zh}，{place.zh}",
    )


def stood(stood_ms: int, outside_m: float) -> Text:
    """`outside_m`: how far the first stop was from the area."""
    return Text(
        en=f"It stood for {duration(stood_ms)} in all, {length(outside_m)} outside its area at the first stop",
        zh=f"累计停留{duration(stood_ms, zh=True)}，首次停留处距许可区域{length(outside_m, zh=True)}",
    )


def at_sources(names: Text, limits: OutsidePermittedAreaParameters) -> Text:
    stay_ms = limits.stay_s * 1000
    return Text(
        en=f"It stood for {duration(stay_ms)} or longer beside: {names.en}",
        zh=f"停留达{duration(stay_ms, zh=True)}的收集点：{names.zh}",
    )


def rose(rise_kg: float, from_kg: float) -> Text:
    return Text(
        en=f"Its load rose by {rise_kg:.0f} kg, from {from_kg:.0f} kg",
        zh=f"载重增加{rise_kg:.0f}公斤，起始{from_kg:.0f}公斤",
    )


def ruled_out(limits: OutsidePermittedAreaParameters) -> tuple[Text, ...]:
    return (
        Text(
            en=f"Not near the border: farther than {length(limits.margin_m)} and the accuracy of the fix",
            zh=f"并非在边界附近：超出{length(limits.margin_m, zh=True)}及定位精度",
        ),
        Text(
            en="Not driving through, and not at a site where trucks tip, park or are washed",
            zh="并非途经，亦非在可卸载、停放或清洗车辆的场地内",
        ),
        NO_PERMIT,
    )


def quiet(quiet_ms: int) -> Text:
    return Text(
        en=f"It has not collected there for {duration(quiet_ms)}", zh=f"已{duration(quiet_ms, zh=True)}未在该处收集"
    )
