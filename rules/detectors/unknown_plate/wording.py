"""Titles, findings and ruled-out sentences of `unknown_plate`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text

RULED_OUT: Final = (
    Text(
        en="Not another spelling: width, case, spaces, dots and hyphens were ignored",
        zh="非写法差异：比对时已忽略全半角、大小写、空格、间隔点与连字符",
    ),
)


def title(plate: str, bridge: Text) -> Text:
    return Text(
        en=f"{bridge.en}: ticket for plate {plate}, which no registered vehicle has",
        zh=f"{bridge.zh}：磅单车牌{plate}无对应登记车辆",
    )


def finding(plate: str, ticket: str) -> Text:
    return Text(
        en=f"Ticket {ticket} names plate {plate}. No vehicle with it was registered at that time, so the ticket belongs"
        " to no truck: register the vehicle, or correct the plate. Further tickets of this day for it raise no alert.",
        zh=f"磅单{ticket}的车牌为{plate}，当时无该车牌的登记车辆，磅单无法归属车辆：请登记车辆或更正车牌。"
        "当日该车牌的其他磅单不再提示。",
    )
