"""Titles, findings and ruled-out sentences of `silent_device`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration
from rules.detectors.silent_device.parameters import SilentDeviceParameters

ALL_UPLOADED: Final = Text(
    en="Everything measured in the meantime has been uploaded: only the connection was gone",
    zh="期间数据已全部补传，仅为通信中断",
)
"""The reason to retract."""


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


def never_heard_title(device: Text) -> Text:
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


def ruled_out(limits: SilentDeviceParameters) -> tuple[Text, ...]:
    return (
        Text(en="The device did not say that it shuts down", zh="设备未报告正常关机"),
        Text(
            en=f"No wider outage: not more than {limits.outage_share_pct:g} % of the devices, or fewer than"
            f" {limits.outage_devices}, are overdue at once",
            zh=f"非大范围离线：同时逾期的设备不超过{limits.outage_share_pct:g}%或少于{limits.outage_devices}台",
        ),
    )


def outage_title(overdue: int, awaited: int) -> Text:
    return Text(
        en=f"{overdue} of {awaited} devices are silent at once: check network and platform",
        zh=f"{awaited}台设备中有{overdue}台同时离线，请检查网络和平台",
    )


def outage_share(share_pct: float) -> Text:
    return Text(
        en=f"{share_pct:.0f} % of the devices heard before are overdue",
        zh=f"曾在线设备中{share_pct:.0f}%逾期未上报",
    )
