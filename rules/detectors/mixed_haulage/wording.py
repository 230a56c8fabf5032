"""Titles, findings and ruled-out sentences of `mixed_haulage`, in English and Chinese."""

from collections.abc import Sequence
from typing import Final

from devices.readings.streams import stream_name
from rules.alerts.model import Text
from rules.contract.wording import duration

TIPPED: Final = Text(en="It has left a site where trucks tip", zh="已驶离可卸载场地")
EXPIRED: Final = Text(en="What it had collected is older than one shift", zh="此前收集的货物已超过一个班次")
COMPARTMENTS: Final = Text(en="It is registered with several compartments", zh="车辆登记为多厢")
ONE_COMPARTMENT: Final = Text(en="It is registered with one compartment", zh="车辆登记为单厢")
NOT_EMPTIED: Final = Text(en="It was not seen to be emptied between the two", zh="两者之间未见卸空")


def title(truck: Text, first: Text, second: Text, place: Text, *, confirmed: bool) -> Text:
    """`first`, `second`: streams, such as kitchen waste."""
    carries, carries_zh = ("carries", "混装") if confirmed else ("may carry", "疑似混装")
    return Text(
        en=f"{truck.en} {carries} {first.en} and {second.en} in one haul, {place.en}",
        zh=f"{truck.zh}{carries_zh}{first.zh}与{second.zh}，{place.zh}",
    )


def streams(words: Sequence[str]) -> Text:
    """The streams of a source, of which the truck collected at least one."""
    names = [stream_name(word) for word in words]
    return Text(en=" or ".join([name.en for name in names]), zh="或".join([name.zh for name in names]))


def stopped(site: Text, of: Text, stood_ms: int) -> Text:
    return Text(
        en=f"It stood for {duration(stood_ms)} beside {site.en}, a source of {of.en}",
        zh=f"在{site.zh}旁停留{duration(stood_ms, zh=True)}，该处为{of.zh}来源",
    )


def rose(site: Text, rise_kg: float) -> Text:
    return Text(en=f"Its load rose by {rise_kg:.0f} kg beside {site.en}", zh=f"在{site.zh}旁载重增加{rise_kg:.0f}公斤")


def ticket(site: Text, of: Text, number: str) -> Text:
    return Text(en=f"Ticket {number} of {site.en} names {of.en}", zh=f"{site.zh}磅单{number}载明{of.zh}")


def may_not_mix(first: Text, second: Text) -> Text:
    return Text(
        en=f"No group of streams that may share a haul holds {first.en} and {second.en}",
        zh=f"{first.zh}与{second.zh}不在任何可同车运输的组别内",
    )


def emptied(source: Text) -> Text:
    return Text(en=f"It was emptied, according to {source.en}", zh=f"已卸空，依据：{source.zh}")
