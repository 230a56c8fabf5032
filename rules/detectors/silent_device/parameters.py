"""Thresholds of rule `silent_device`."""

import math
from typing import ClassVar

from pydantic import PositiveInt

from rules.contract.rule import Parameters


class SilentDeviceParameters(Parameters):
    """Times are seconds since a device was heard. No standard sets these defaults: each has its reason."""

    city_wide: ClassVar[frozenset[str]] = frozenset(
        {
            "outage_share_pct",
            "outage_area_share_pct",
            "outage_devices",
            "outage_within_s",
            "outage_over_share_pct",
            "outage_until_s",
            "outage_deaf_share_pct",
        }
    )

    loaded_warn_s: int = 180
    """First alert (P3) about a loaded truck: longer than a tunnel or a terminal's restart.

    重车首次告警（P3）：比隧道或终端重启更久。"""
    loaded_alert_s: int = 600
    """Second alert (P2): a load can be tipped in less than ten minutes.

    第二次告警（P2）：不到十分钟就可以倒掉一车。"""
    loaded_urgent_s: int = 1_200
    """Third alert (P1): in twenty minutes it can be tipped anywhere in the city.

    第三次告警（P1）：二十分钟内可倒在城市任何地方。"""
    loaded_again_s: PositiveInt = 1_800
    """After the third alert one more this often.

    第三次之后按此间隔再次告警。"""
    loaded_until_s: int = 43_200
    """But none later than this: after one shift nobody knows whether the load is still on.

    但不晚于此时：一个班次之后无人知道货物是否还在车上。"""
    intervals: float = 3.5
    """Intervals without a report of a device that carries no load: two may be lost on the air, and the third some
    seconds late.

    不载货设备未上报的间隔数：两次可能丢失，第三次可能晚几秒。"""
    at_least_s: int = 180
    """Devices that report every few seconds still have this long: a tunnel, a restart.

    每隔几秒上报的设备也至少给这么久：隧道、重启。"""
    overdue_intervals: int = 2
    """Missed reports that make a device overdue, one before the first alert. Overdue devices count for an outage.

    漏报这么多次即为逾期，比首次告警早一次。逾期设备计入大面积离线。"""
    overdue_at_least_s: int = 60
    """Devices that report every few seconds are overdue after this long: a lost connection takes as long to restore.

    每隔几秒上报的设备在这么久之后才逾期：断开的连接恢复需要这么久。"""
    never_heard_s: int = 86_400
    """A registered device that never sent anything is reported after this long: it must be mounted first, and a bridge
    may have a day without trucks. One whose messages are all refused is silent as any other is.

    从未发送过任何数据的登记设备在这么久之后上报：须先安装，衡器也可能一天没有车辆。报文全部被拒绝的设备与其他离线设
    备一样处理。"""
    outage_share_pct: float = 20.0
    """More than this share of the devices silent at once is an outage of network or platform: so many devices do not
    break together.

    同时离线的设备超过此比例，是网络或平台故障：这么多设备不会一起损坏。"""
    outage_area_share_pct: float = 50.0
    """Likewise of one kind, district, carrier or site: those are few devices, of which some rest at the same time.

    同一类型、行政区、企业或场所的比例：设备较少，其中一些会同时停用。"""
    outage_devices: int = 5
    """Fewer are never an outage, however small the city.

    无论城市多小，少于此数不算大面积离线。"""
    outage_within_s: int = 300
    """At once means so long before or after the outage began: a network that fails takes minutes until all notice.

    “同时”指故障开始前后这么久之内：网络中断后，数分钟内才会全部显现。"""
    outage_over_share_pct: float = 10.0
    """An outage is over when so few are still silent: half of what began it, so that it does not flap.

    仍离线的降到此比例，大面积离线结束：为开始值的一半，避免反复告警。"""
    outage_until_s: int = 3_600
    """Or after this long: then each device that is still silent has an alert of its own. By then somebody knows of the
    outage, and what was lost for good must not hide behind it.

    或在这么久之后：此后仍离线的设备各自告警。届时已有人知道故障，真正丢失的不应被它掩盖。"""
    outage_again_s: PositiveInt = 900
    """A silent device is looked at again this often until no outage can stand for it.

    每隔这么久复查离线设备，直到不可能再由大面积离线解释。"""
    outage_deaf_share_pct: float = 90.0
    """If so many of all trucks are silent at once, the platform hears none: the first alert about a loaded truck
    (`loaded_warn_s`) is left to the outage, and the second is its own.

    全部车辆中这么大比例同时离线，说明平台收不到任何数据：重车的首次告警（`loaded_warn_s`）归入大面积离线，第二次各自
    发出。"""

    def silent_after_s(self, interval_s: int) -> int:
        """Seconds after which a device that reports every `interval_s`, and carries no load, is silent."""
        return max(math.ceil(self.intervals * interval_s), self.at_least_s)
