"""Thresholds of rule `sensor_fault`."""

from pydantic import Field

from rules.contract.rule import Parameters


class SensorFaultParameters(Parameters):
    """No standard sets these defaults: each has its reason.

    More than 6 edges of a switch in 60 s, and a bed that is up through 5 min at 60 km/h or 20 min at 30 km/h, belong to
    tracking (`rules.tracking.switches`): there the switch loses its vote in all rules.
    """

    driving_edges: int = Field(6, ge=2)
    """More than so many edges while driving, within `driving_within_s`: a terminal that reports each 10 s shows few of
    those of a switch that chatters.

    在 `driving_within_s` 内行驶中跳变超过这么多次：每10 s上报一次的终端只能显示抖动开关的少数跳变。"""
    driving_within_s: int = Field(1_800, gt=0)
    """Edges while driving count for so long: a haul or two.

    行驶中的跳变在这么久内有效：一两趟运输。"""
    driving_kmh: float = Field(30.0, gt=0)
    """From this speed on nobody moves bed or cover: at both reports around an edge,

    达到此车速无人会操作车厢或篷布：跳变前后两次上报都须达到。"""
    driving_gap_s: int = Field(30, gt=0)
    """which are no more than this apart, so that the truck cannot have stopped between them.

    两次上报相隔不超过此值，车辆在其间不可能停过。"""
    stuck_loads: int = Field(6, ge=3)
    """So many loads were emptied in a row, by tickets or stays at sites, and the sensor never moved. A report each
    minute may miss the bed of a quick tip, but not of six.

    按磅单或场所停留连续卸空这么多载，传感器却从未动作。每分钟上报可能漏掉一次快速卸料，但不会漏掉六次。"""
    stuck_readings: int = Field(20, ge=2)
    """The sensor reported so often from one emptying to the next.

    从一次卸空到下一次，传感器至少上报这么多次。"""
    stuck_kg: float = Field(500.0, gt=0)
    """On-board weights of a load that differ by less are one weight (as in `rules.tracking.load`).

    同一载的车载重量相差小于此值视为同一重量（与 `rules.tracking.load` 一致）。"""
    drift_kg: float = Field(1_500.0, gt=0)
    """On-board weight of an emptied truck: a tenth of the load of a four-axle tipper, from where on its scale shows a
    part load. Spoil that sticks to the bed weighs less.

    卸空车辆的车载重量：四轴自卸车载重的十分之一，由此起其秤会显示部分载重。粘在车厢上的渣土轻于此值。"""
    drift_loads: int = Field(4, ge=2)
    """After so many emptyings in a row.

    连续这么多次卸空之后。"""
    most_kg: float = Field(80_000.0, gt=0)
    """No truck carries more: overloaded six-axle tippers reached 100 t gross.

    没有车辆载得更多：超载的六轴自卸车毛重曾达100 t。"""
    most_s: int = Field(60, ge=0)
    """For so long,

    须持续这么久。"""
    most_readings: int = Field(3, ge=1)
    """and in so many readings in a row.

    且连续这么多次读数。"""
    same_fault_s: int = Field(43_200, ge=0)
    """A finding that returns within so long is the same fault, and its alert is open again: a contact bounces, and a
    plug is loose, until somebody mends it, which nobody does during a shift.

    这么久之内再次出现的是同一故障，其告警重新打开：触点抖动、插头松动会持续到有人修好，而一个班次内没人会修。"""
    healthy_s: int = Field(600, ge=0)
    """A finding closes when the sensor was healthy for so long, as switches get their vote back.

    传感器正常这么久后该项发现关闭，与开关恢复采信的时间一致。"""
