"""Titles, findings and ruled-out sentences of `bin_overflow`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration
from rules.detectors.bin_overflow.parameters import BinOverflowParameters

RULED_OUT: Final = (
    Text(
        en="Not a covered sensor: the level did not leap while nothing was deposited",
        zh="非传感器遮挡：无投放时满度未突变",
    ),
    Text(en="Not emptied since", zh="此后未清运"),
)


def title(point: Text, compartment: str, fill_pct: float, *, full: bool) -> Text:
    state_en, state_zh = ("is full", "已满溢") if full else ("is nearly full", "即将满溢")
    return Text(
        en=f"{point.en}: compartment {compartment} {state_en} ({fill_pct:.0f} %)",
        zh=f"{point.zh}：{compartment}箱{state_zh}（{fill_pct:.0f}%）",
    )


def findings(limits: BinOverflowParameters, *, full: bool, deposits_while_full: int) -> tuple[Text, ...]:
    level_pct, lasting_ms = limits.full_pct if full else limits.warn_pct, limits.lasting_s * 1000
    level = Text(
        en=f"At {level_pct:.0f} % or more in {limits.readings} of the last {limits.of_readings} readings"
        f" or for {duration(lasting_ms)}",
        zh=f"最近{limits.of_readings}次读数中至少{limits.readings}次或持续{duration(lasting_ms, zh=True)}"
        f"不低于{level_pct:.0f}%",
    )
    if not (full and deposits_while_full):
        return (level,)
    deposits = Text(en=f"{deposits_while_full} deposits since it is full", zh=f"满溢后仍有{deposits_while_full}次投放")
    return level, deposits
