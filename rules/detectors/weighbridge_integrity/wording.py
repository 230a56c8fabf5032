"""Titles, findings and ruled-out sentences of `weighbridge_integrity`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration, length

NOT_SENT_AGAIN: Final = Text(
    en="Not one ticket sent again or corrected: the numbers differ", zh="非同一磅单重传或更正：磅单号不同"
)
AT_REST: Final = Text(en="The scale was at rest", zh="称重时秤台稳定")
NOT_TYPED: Final = Text(en="The weight came from the scale and was not typed", zh="重量由衡器采集，非人工录入")
NOT_MISREAD: Final = Text(
    en="Not a misread plate: it is that of another registered vehicle, or differs in more than two characters",
    zh="非车牌误读：识别车牌属另一登记车辆，或与标签所属车辆车牌相差两个字符以上",
)
NOT_ONE_TRUCK: Final = Text(
    en="Not one truck: the median of the trucks, each compared with its own earlier tares",
    zh="非个别车辆：取各车与其自身历史皮重之差的中位数",
)


def _kg(weight: float, *, signed: bool = False) -> str:
    """A weight as it stands in the measures, rounded to a tenth."""
    return f"{weight:+.1f}".removesuffix(".0") if signed else f"{weight:.1f}".removesuffix(".0")


def away_title(truck: Text, ticket: str, bridge: Text, away_m: float) -> Text:
    return Text(
        en=f"{truck.en} was {length(away_m)} from {bridge.en} when ticket {ticket} was weighed there",
        zh=f"{truck.zh}在{bridge.zh}过磅（磅单{ticket}）时距该场地{length(away_m, zh=True)}",
    )


def away(away_m: float, clock_s: int) -> Text:
    """`away_m`: from the fence of the site, at the nearest."""
    return Text(
        en=f"Its positions before the ticket and until {clock_s} s after it are {length(away_m)} or more from the site",
        zh=f"磅单前至磅单后{clock_s}秒，车辆定位距场地均不小于{length(away_m, zh=True)}",
    )


def not_clocks(clock_s: int, printed_s: int) -> tuple[Text, ...]:
    return (
        Text(
            en=f"Not the clocks: it cannot have been there within {clock_s} s of the ticket",
            zh=f"非时钟偏差：磅单前后{clock_s}秒内车辆不可能在场",
        ),
        Text(
            en=f"Not printed late: it did not leave the site within {printed_s} s before",
            zh=f"非延迟打印：此前{printed_s}秒内车辆未离开该场地",
        ),
    )


def twice_title(truck: Text, former: str, ticket: str, bridge: Text) -> Text:
    return Text(
        en=f"{truck.en} was weighed twice at {bridge.en} without leaving: tickets {former} and {ticket}",
        zh=f"{truck.zh}未离场在{bridge.zh}重复过磅：磅单{former}与{ticket}",
    )


def twice(apart_ms: int, former_kg: float, net_kg: float) -> Text:
    return Text(
        en=f"Two loads are on record, {duration(apart_ms)} apart: {_kg(former_kg)} kg and {_kg(net_kg)} kg net",
        zh=f"间隔{duration(apart_ms, zh=True)}记录两次载货：净重{_kg(former_kg)}公斤与{_kg(net_kg)}公斤",
    )


def stayed(left_m: float) -> Text:
    return Text(
        en=f"All its positions between them are within {length(left_m)} of the site",
        zh=f"两次过磅之间车辆定位均在场地{length(left_m, zh=True)}以内",
    )


def too_soon(twice_s: int) -> Text:
    return Text(
        en=f"Within {twice_s} s no truck leaves, is loaded and comes back",
        zh=f"{twice_s}秒内车辆不可能离场装货后返回",
    )


def part_axle_title(truck: Text, ticket: str, bridge: Text, weight_kg: float) -> Text:
    return Text(
        en=f"{truck.en} weighed {_kg(weight_kg)} kg at {bridge.en}, less than it does empty (ticket {ticket})",
        zh=f"{truck.zh}在{bridge.zh}称重{_kg(weight_kg)}公斤，低于空车重量（磅单{ticket}）",
    )


def part_axle(weight_kg: float, usual_kg: float, share_pct: float) -> Text:
    return Text(
        en=f"{_kg(weight_kg)} kg is {share_pct:g} % of its usual tare of {_kg(usual_kg)} kg: an axle was off the plate",
        zh=f"{_kg(weight_kg)}公斤为其常用皮重的{share_pct:g}%（{_kg(usual_kg)}公斤）：有车轴未上秤台",
    )


def tare_title(truck: Text, ticket: str, bridge: Text, off_kg: float) -> Text:
    more, more_zh = ("more", "偏重") if off_kg > 0 else ("less", "偏轻")
    return Text(
        en=f"{truck.en} weighed {_kg(abs(off_kg))} kg {more} than usual when empty, at {bridge.en} (ticket {ticket})",
        zh=f"{truck.zh}皮重较常用值{more_zh}{_kg(abs(off_kg))}公斤，过磅地点{bridge.zh}（磅单{ticket}）",
    )


def tare_off(tare_kg: float, usual_kg: float, half_kg: float) -> Text:
    return Text(
        en=f"Its tare was {_kg(tare_kg)} kg; by its earlier tares it weighs {_kg(usual_kg)} kg ± {_kg(half_kg)} kg",
        zh=f"本次皮重{_kg(tare_kg)}公斤；按历史皮重为{_kg(usual_kg)}公斤±{_kg(half_kg)}公斤",
    )


def bridge_shifted(shift_kg: float) -> Text:
    by = _kg(shift_kg, signed=True)
    return Text(
        en=f"The bridge shifted by {by} kg that day, for other trucks too; that explains it",
        zh=f"当日该衡器对其他车辆同样偏移{by}公斤，可解释该皮重",
    )


def shift_title(bridge: Text, shift_kg: float) -> Text:
    more, more_zh = ("more", "偏重") if shift_kg > 0 else ("less", "偏轻")
    return Text(
        en=f"{bridge.en}: empty trucks weigh {_kg(abs(shift_kg))} kg {more} than before",
        zh=f"{bridge.zh}：空车普遍{more_zh}{_kg(abs(shift_kg))}公斤",
    )


def shift(trucks: int, shift_kg: float, error_kg: float) -> Text:
    by = _kg(shift_kg, signed=True)
    return Text(
        en=f"The last tares of {trucks} trucks that day lie {by} kg ± {_kg(error_kg)} kg (standard error) from what"
        " each weighed before. Check the bridge with test weights.",
        zh=f"{trucks}辆车当日最近一次皮重：较各车历史皮重{by}公斤±{_kg(error_kg)}公斤（标准误差）。"
        "请用标准砝码检定衡器。",
    )


def no_shift(trucks: int, shift_kg: float) -> Text:
    by = _kg(shift_kg, signed=True)
    return Text(
        en=f"With all tares of the day, of {trucks} trucks, the median is {by} kg: no shift that can be told",
        zh=f"计入当日全部皮重，{trucks}辆车的中位数为{by}公斤：不足以判定偏移",
    )


def unsettled_title(bridge: Text, plate: str, ticket: str) -> Text:
    truck = plate or ticket
    return Text(en=f"{bridge.en}: {truck} was never weighed at rest", zh=f"{bridge.zh}：{truck}称重始终未稳定")


def unsettled(frames: int, lowest_kg: float, highest_kg: float) -> Text:
    return Text(
        en=f"{frames} weights of a moving scale, from {_kg(lowest_kg)} kg to {_kg(highest_kg)} kg, and none at rest",
        zh=f"秤台未稳定时有{frames}条重量，{_kg(lowest_kg)}公斤至{_kg(highest_kg)}公斤，无稳定重量",
    )


def none_at_rest(settle_s: int) -> Text:
    return Text(
        en=f"No weight at rest followed within {settle_s} s, by plate or by ticket",
        zh=f"此后{settle_s}秒内按车牌与磅单号均无稳定重量",
    )


def manual_title(bridge: Text, manual: int, tickets: int) -> Text:
    return Text(
        en=f"{bridge.en}: {manual} of {tickets} tickets were typed by hand",
        zh=f"{bridge.zh}：{manual}张磅单为人工录入，共{tickets}张",
    )


def manual_share(share_pct: float, limit_pct: float) -> Text:
    return Text(
        en=f"That is {share_pct:.1f} % of its last tickets; up to {limit_pct:g} % is repair and testing",
        zh=f"占最近磅单的{share_pct:.1f}%；不超过{limit_pct:g}%属检修与测试",
    )


def tag_title(bridge: Text, plate: str, tagged: str) -> Text:
    return Text(
        en=f"{bridge.en}: plate {plate} with the RFID tag of {tagged}",
        zh=f"{bridge.zh}：{plate}的电子标签属{tagged}",
    )


def tag_of_another(ticket: str, plate: str, tag: str, tagged: str) -> Text:
    return Text(
        en=f"Ticket {ticket} names plate {plate} and tag {tag}, which is registered for {tagged}: the tag was moved,"
        " the plate is false, or the reader took the tag of a truck nearby. Compare with the camera.",
        zh=f"磅单{ticket}车牌为{plate}，电子标签{tag}登记于{tagged}：标签被移用、车牌不实，或读写器误读邻近车辆标签。"
        "请核对抓拍图像。",
    )
