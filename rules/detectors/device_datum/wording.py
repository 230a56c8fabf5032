"""Titles, findings and ruled-out sentences of `device_datum`, in English and Chinese."""

from typing import Final

from devices.geo.geometry import Datum
from rules.alerts.model import Text
from rules.contract.wording import length

_NAMES: Final = {Datum.WGS84: "WGS-84", Datum.GCJ02: "GCJ-02"}

RULED_OUT: Final = (
    Text(
        en="Not a truck beside its route: its track did not begin on the route",
        zh="非车辆偏离线路：其轨迹自始即不在线路上",
    ),
)


def title(truck: Text, sent: Datum) -> Text:
    name = _NAMES[sent]
    return Text(
        en=f"{truck.en}: its terminal sends {name} positions, not the registered datum",
        zh=f"{truck.zh}：终端上报坐标为{name}，与登记坐标系不符",
    )


def findings(registered: Datum, sent: Datum, fixes: int, driven_m: float) -> tuple[Text, ...]:
    registered_name, sent_name = _NAMES[registered], _NAMES[sent]
    return (
        Text(
            en=f"{fixes} fixes over {length(driven_m)} lie on its routes and sites if they are read as {sent_name},"
            f" and beside all of them as {registered_name}",
            zh=f"按{sent_name}解读时，{fixes}个定位点（{length(driven_m, zh=True)}）位于其线路和场地上；"
            f"按{registered_name}解读时均不在",
        ),
        Text(
            en="Its positions are not judged until the terminal or the registry is corrected: set"
            f" `datum: {sent}` for the device, or let the terminal send {registered_name}",
            zh=f"在终端或登记信息更正前，其定位不参与研判：请将该设备登记为 `datum: {sent}`，"
            f"或将终端改为上报{registered_name}坐标",
        ),
    )
