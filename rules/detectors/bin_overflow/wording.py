"""Titles, findings and ruled-out sentences of `bin_overflow`, in English and Chinese."""

from typing import Final

from devices.readings.streams import stream_name
from rules.alerts.model import Text
from rules.contract.wording import duration
from rules.detectors.bin_overflow.parameters import BinOverflowParameters

NOT_COVERED: Final = Text(
    en="Not a covered sensor: the level did not leap while nothing was deposited",
    zh="非传感器遮挡：无投放时满度未突变",
)
NOT_EMPTIED: Final = Text(en="Not emptied since", zh="此后未清运")


def title(point: Text, compartment: str, fill_pct: float, *, full: bool, doubtful: bool = False) -> Text:
    """`doubtful`: full by a sensor that may be covered."""
    state_en, state_zh = ("is full", "已满溢") if full else ("is nearly full", "即将满溢")
    if doubtful:
        state_en, state_zh = "is full or its sensor is covered", "已满溢或传感器被遮挡"
    return _title(point, compartment, Text(en=state_en, zh=state_zh), fill_pct)


def emptied_title(point: Text, compartment: str, fill_pct: float) -> Text:
    return _title(point, compartment, Text(en="was full and has been emptied", zh="满溢后已清运"), fill_pct)


def sunk_title(point: Text, compartment: str, fill_pct: float) -> Text:
    return _title(point, compartment, Text(en="is no longer full", zh="不再满溢"), fill_pct)


def _title(point: Text, compartment: str, state: Text, fill_pct: float) -> Text:
    name = stream_name(compartment)
    return Text(
        en=f"{point.en}: compartment {name.en} {state.en} ({fill_pct:g} %)",
        zh=f"{point.zh}：{name.zh}箱{state.zh}（{fill_pct:g}%）",
    )


def at_level(limits: BinOverflowParameters, *, full: bool) -> Text:
    level_pct, lasting_ms = limits.full_pct if full else limits.warn_pct, limits.lasting_s * 1000
    return Text(
        en=f"At {level_pct:g} % or more in {limits.readings} of the last {limits.of_readings} readings"
        f" or for {duration(lasting_ms)}",
        zh=f"最近{limits.of_readings}次读数中至少{limits.readings}次或持续{duration(lasting_ms, zh=True)}"
        f"不低于{level_pct:g}%",
    )


def one_reading(limits: BinOverflowParameters, interval_s: int) -> Text:
    ms = interval_s * 1000
    return Text(
        en=f"At {limits.warn_pct:g} % or more in one reading; it reports every {duration(ms)}",
        zh=f"一次读数不低于{limits.warn_pct:g}%，该设备每{duration(ms, zh=True)}上报一次",
    )


def deposits(count: int) -> Text:
    return Text(en=f"{count} deposits since it is full", zh=f"满溢后仍有{count}次投放")


def leap(from_pct: float, to_pct: float, count: int, since_ms: int) -> Text:
    """The reason to doubt the sensor; `count`: deposits since the leap."""
    return Text(
        en=f"The level leaped from {from_pct:g} % to {to_pct:g} % without a deposit, {duration(since_ms)} ago;"
        f" {count} deposits since",
        zh=f"{duration(since_ms, zh=True)}前无投放时满度由{from_pct:g}%突变至{to_pct:g}%，此后投放{count}次",
    )


def emptied(from_pct: float, to_pct: float) -> Text:
    return Text(
        en=f"Emptied: the level fell from {from_pct:g} % to {to_pct:g} %",
        zh=f"已清运：满度由{from_pct:g}%降至{to_pct:g}%",
    )


def sunk(limits: BinOverflowParameters, readings: int) -> Text:
    """`readings` in a row were low; one is enough of a device that reports seldom."""
    if readings == 1:
        return Text(
            en=f"Below {limits.leave_pct:g} % in one reading, without an emptying",
            zh=f"一次读数低于{limits.leave_pct:g}%，未见清运",
        )
    return Text(
        en=f"Below {limits.leave_pct:g} % in {readings} readings in a row, without an emptying",
        zh=f"连续{readings}次读数低于{limits.leave_pct:g}%，未见清运",
    )
