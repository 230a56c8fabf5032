"""Titles, findings and ruled-out sentences of `bin_fire`, in English and Chinese."""

from typing import Final

from devices.readings.streams import stream_name
from rules.alerts.model import Text
from rules.contract.wording import duration
from rules.detectors.bin_fire.parameters import BinFireParameters

NOT_ONE: Final = Text(en="Not one reading alone", zh="非单次读数")
MAY_BE_STUCK: Final = Text(
    en="The probe shows exactly the same value each time: it may be broken", zh="探头各次读数完全相同，可能已损坏"
)
FIRST_SMOKE: Final = Text(
    en="The next reading bears it out, or not: it is told at once because of the danger",
    zh="因危险立即通知，待下次读数核实",
)


def title(point: Text, compartment: str, *, confirmed: bool) -> Text:
    name = stream_name(compartment)
    en, zh = ("is on fire", "起火") if confirmed else ("may be on fire", "疑似起火")
    return Text(en=f"{point.en}: compartment {name.en} {en}", zh=f"{point.zh}：{name.zh}箱{zh}")


def over_title(point: Text) -> Text:
    return Text(en=f"{point.en}: the fire is over", zh=f"{point.zh}：火情解除")


def hot(limits: BinFireParameters, peak_c: float) -> Text:
    return Text(
        en=f"At {limits.fire_c:g} °C or more in {limits.fire_readings} readings in a row, {peak_c:g} °C at most",
        zh=f"连续{limits.fire_readings}次读数不低于{limits.fire_c:g}°C，最高{peak_c:g}°C",
    )


def rising(from_c: float, to_c: float, rise_ms: int) -> Text:
    return Text(
        en=f"The temperature rose from {from_c:g} °C to {to_c:g} °C in {duration(rise_ms)}",
        zh=f"温度由{from_c:g}°C升至{to_c:g}°C，历时{duration(rise_ms, zh=True)}",
    )


def smoke(readings: int) -> Text:
    return Text(
        en=f"Its smoke sensor reports smoke, in readings: {readings}", zh=f"烟雾传感器报警，读数次数：{readings}"
    )


def calm(limits: BinFireParameters) -> Text:
    calm_ms = limits.calm_s * 1000
    return Text(
        en=f"Below {limits.calm_c:g} °C and without smoke for {duration(calm_ms)}",
        zh=f"低于{limits.calm_c:g}°C且无烟雾已持续{duration(calm_ms, zh=True)}",
    )
