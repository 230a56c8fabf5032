"""Titles, findings and ruled-out sentences of `silent_device`, in English and Chinese."""

from typing import Final

from devices.city.labels import Label, labels_of_areas
from devices.city.model import City, DeviceRole
from rules.alerts.model import Text
from rules.contract.wording import duration
from rules.detectors.silent_device.parameters import SilentDeviceParameters

ALL_UPLOADED: Final = Text(
    en="Everything measured in the meantime has been uploaded: only the connection was gone",
    zh="期间数据已全部补传，仅为通信中断",
)
"""A reason to retract."""
WAS_NOT_LOADED: Final = Text(
    en="It had shut down, and readings that came late show that it was not loaded",
    zh="设备此前已正常关机，补传数据表明当时未载货",
)
"""Another one."""


def title(device: Text, silent_ms: int, *, loaded: bool) -> Text:
    load_en, load_zh = (", loaded,", "载货，") if loaded else ("", "")
    return Text(
        en=f"{device.en}{load_en} has not been heard for {duration(silent_ms)}",
        zh=f"{device.zh}{load_zh}已离线{duration(silent_ms, zh=True)}",
    )


def no_reading(device_id: str, silent_ms: int, interval_s: int) -> Text:
    return Text(
        en=f"No reading of device {device_id} for {duration(silent_ms)}; it reports every {interval_s} s at the latest",
        zh=f"设备{device_id}已{duration(silent_ms, zh=True)}无数据，其上报间隔不超过{interval_s}秒",
    )


def awaited_title(device: Text, waited_ms: int, *, was_heard: bool) -> Text:
    """`was_heard`: before it is awaited, while the rule was off."""
    if was_heard:
        return title(device, waited_ms, loaded=False)
    return Text(en=f"{device.en} has never been heard", zh=f"{device.zh}登记后从未上报")


def never_heard(device_id: str, waited_ms: int, interval_s: int) -> Text:
    return Text(
        en=f"Device {device_id} is registered, and nothing of it was accepted for {duration(waited_ms)}; it reports"
        f" every {interval_s} s at the latest",
        zh=f"设备{device_id}已登记，{duration(waited_ms, zh=True)}内无有效数据，其上报间隔不超过{interval_s}秒",
    )


def all_refused(messages: int) -> Text:
    return Text(
        en=f"It sends: {messages} messages since then were refused; the dead letters say why",
        zh=f"设备有上报，但其后{messages}条消息均被拒收，原因见死信",
    )


NOT_SHUT_DOWN: Final = Text(en="The device did not say that it shuts down", zh="设备未报告正常关机")


def no_outage(limits: SilentDeviceParameters) -> Text:
    within_ms, least = limits.outage_within_s * 1000, limits.outage_devices
    share, area_share = f"{limits.outage_share_pct:g}", f"{limits.outage_area_share_pct:g}"
    return Text(
        en=f"No outage that it belongs to: outside the areas that have one, not more than {share} % of all devices and"
        f" {area_share} % of those of its kind, district, carrier or site, or fewer than {least}, fell silent within"
        f" {duration(within_ms)} of it",
        zh=f"不属于群体离线：在无群体离线的范围内，前后{duration(within_ms, zh=True)}内离线的设备不超过全部的{share}%，"
        f"且不超过同类、同区域、同企业或同场地的{area_share}%，或少于{least}台",
    )


def amid_outage(silent: int, of: int) -> Text:
    return Text(
        en=f"It fell silent in an outage of {silent} of {of} devices; a loaded truck is reported all the same",
        zh=f"离线时正发生群体离线（{of}台中{silent}台）；载货车辆仍单独告警",
    )


OUTLASTED: Final = Text(
    en="It fell silent in an outage that is over or no longer stands for it",
    zh="该设备在群体离线期间离线，该群体离线已结束或不再代表该设备",
)

_KINDS: Final = {
    DeviceRole.TRUCK: Text(en="trucks", zh="车载终端"),
    DeviceRole.WEIGHBRIDGE: Text(en="weighbridges", zh="地磅终端"),
    DeviceRole.RECYCLING_POINT: Text(en="recycling points", zh="回收点终端"),
    DeviceRole.STATION_LINE: Text(en="station lines", zh="产线终端"),
}


def devices_of(area: str, city: City) -> Text:
    """Name the devices of an area (`areas`)."""
    kind, _, name = area.partition(":")
    match kind:
        case "role":
            return _KINDS[DeviceRole(name)]
        case "district":
            district = labels_of_areas(city.districts).get(name)
            if district is None:
                return Text(en=f"devices of district {name}", zh=f"{name}区域的设备")
            return Text(en=f"devices in {district.en}", zh=f"{district.zh}的设备")
        case "carrier":  # the company of the vehicle, or else the fleet
            carrier = labels_of_areas(city.fleets).get(name, Label(name, name))
            return Text(en=f"devices of carrier {carrier.en}", zh=f"运输企业{carrier.zh}的设备")
        case "site":
            site = city.sites.get(name)
            return Text(en=f"devices at {site.name if site else name}", zh=f"{site.name_zh if site else name}的设备")
    return Text(en="devices", zh="设备")


def outage_title(silent: int, of: int, area: str, city: City) -> Text:
    whose = devices_of(area, city)
    return Text(
        en=f"{silent} of {of} {whose.en} are silent at once: check network and platform",
        zh=f"{whose.zh}共{of}台，有{silent}台同时离线，请检查网络和平台",
    )


def outage_over_title(most: int, of: int, silent: int, area: str, city: City) -> Text:
    whose = devices_of(area, city)
    return Text(
        en=f"{most} of {of} {whose.en} were silent at once; still silent: {silent}",
        zh=f"{whose.zh}共{of}台，曾有{most}台同时离线，现仍有{silent}台离线",
    )


def outage_share(share_pct: float) -> Text:
    return Text(
        en=f"{share_pct:.0f} % of these devices, of those in service, fell silent together and are not heard",
        zh=f"在用设备中{share_pct:.0f}%同时离线，仍未恢复",
    )


STILL_SILENT: Final = Text(
    en="Devices that stay silent have alerts of their own from now on", zh="仍离线的设备此后单独告警"
)
