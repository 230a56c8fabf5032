"""Thresholds of rule `cannot_be_judged`."""

from rules.contract.rule import Parameters


class CannotBeJudgedParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    no_fix_s: int = 600
    """Positions without a usable fix for this long: longer than any tunnel or covered yard on a haul.

    这么久没有可用定位：比运输途中任何隧道或有顶棚的场院都长。"""
    no_satellites_s: int = 600
    """Every position names 0 satellites for this long: the receiver does not fill the field, or its antenna is off.

    这么久以来每次定位都报0颗卫星：接收机不填该字段，或天线断开。"""
    no_route_s: int = 300
    """A loaded truck drives for this long without an approved route: longer than manoeuvring in a yard.

    重车在无核准线路的情况下行驶这么久：比在场院内调车更久。"""
    interval_factor: float = 2.0
    """Intervals above so many registered ones: what happens between two readings is not seen.

    上报间隔超过登记间隔的这么多倍：两次读数之间发生的事看不到。"""
    interval_readings: int = 10
    """That many such intervals in a row: fewer are lost messages.

    连续出现这么多次这样的间隔：更少则只是丢失的报文。"""
    longest_interval_s: int = 600
    """An interval of a truck up to this is one, also where it is more than `silent_intervals`: ten silences in a row,
    with no two fixes nearer to each other, are the habit of a terminal.

    车辆的间隔不超过此值即算上报间隔，即使超过 `silent_intervals`：连续十次静默，而任何两次定位都没有更近，是该终端的
    习惯。"""
    no_speed_m: float = 500.0
    """A truck moves this far while each reading says 0 km/h: no drift of a receiver is as long.

    每次读数都报0 km/h，而车辆移动了这么远：接收机漂移不会这么大。"""
    frozen_s: int = 180
    """The same place for this long while the truck drives (as in rule families for GNSS anomalies).

    车辆行驶时位置在这么久内完全不变（与定位异常类规则一致）。"""
    frozen_kmh: float = 10.0
    """From this speed on a truck cannot stay at one place.

    达到此车速，车辆不可能停留在同一位置。"""
    status_only_s: int = 600
    """Statuses and no measurement for this long, as `no_fix_s`: the receiver or sensor is dead or cut off.

    这么久只有状态而无测量值，与 `no_fix_s` 相同：接收机或传感器失效或被切断。"""
    statuses: int = 2
    """That many such statuses: heartbeats are seldom.

    这样的状态至少有这么多次：心跳报文并不频繁。"""
    readings: int = 5
    """Each other finding takes at least so many readings in a row.

    其余各项发现至少要连续这么多次读数。"""
    clear_readings: int = 3
    """A finding ends with so many good readings in a row.

    连续这么多次正常读数后，该项发现结束。"""
    silent_intervals: int = 3
    """A longer interval is a silence (`silent_device`), and no interval.

    更长的间隔是离线（`silent_device`），不再算上报间隔。"""
    silent_at_least_s: int = 180
    """As above, for devices that report every few seconds.

    同上，用于每隔几秒上报的设备。"""
