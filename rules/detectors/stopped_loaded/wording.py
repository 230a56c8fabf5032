"""Titles, findings and ruled-out sentences of `stopped_loaded`, in English and Chinese."""

from rules.alerts.model import Text
from rules.contract.wording import duration, length
from rules.detectors.stopped_loaded.parameters import StoppedLoadedParameters


def title(truck: Text, place: Text, *, off_corridor: bool) -> Text:
    road_en, road_zh = (", off its approved routes,", "，偏离核准线路") if off_corridor else ("", "")
    return Text(
        en=f"{truck.en} stopped loaded outside every site{road_en} {place.en}",
        zh=f"{truck.zh}重车场外停车{road_zh}，{place.zh}",
    )


def stood(stood_ms: int) -> Text:
    return Text(en=f"It stood for {duration(stood_ms)}", zh=f"停车{duration(stood_ms, zh=True)}")


def ruled_out(limits: StoppedLoadedParameters, *, off_corridor: bool) -> tuple[Text, ...]:
    gate_m = limits.gate_m if off_corridor else limits.queue_m
    return (
        Text(en="It is in no site", zh="不在任何场地内"),
        Text(
            en=f"No queue: no gate where it may load or tip is within {length(gate_m)}",
            zh=f"非排队：{length(gate_m, zh=True)}内无其可装载或倾倒的场地",
        ),
        Text(
            en=f"No jam: fewer than {limits.jam_trucks} trucks stand within {length(limits.jam_m)}",
            zh=f"非拥堵：{length(limits.jam_m, zh=True)}内停车的车辆少于{limits.jam_trucks}辆",
        ),
    )


def jam(limits: StoppedLoadedParameters) -> Text:
    """The reason to take an alert back."""
    return Text(
        en=f"{limits.jam_trucks} trucks or more stand within {length(limits.jam_m)}: a jam",
        zh=f"{length(limits.jam_m, zh=True)}内停车的车辆不少于{limits.jam_trucks}辆：交通拥堵",
    )


def left(away_m: float) -> Text:
    """Why it is over: the truck is so far away."""
    return Text(en=f"It has left: it is {length(away_m)} away", zh=f"已驶离：距停车点{length(away_m, zh=True)}")
