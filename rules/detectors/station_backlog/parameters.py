"""Thresholds of rule `station_backlog`."""

from rules.contract.rule import Parameters


class StationBacklogParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    full_pct: float = 90.0
    """A hopper so full takes no further truck.

    料仓这么满就不能再接车。"""
    full_s: int = 600
    """Full for so long: one truck fills it for minutes, and the line works that off.

    满仓持续这么久：一辆车会使其满数分钟，产线随后消化。"""
    stopped_s: int = 300
    """Stopped for so long while trucks queue: shorter stops clear a jam on the belt.

    有车排队而停机这么久：更短是在清理皮带卡堵。"""
    queue_trucks: int = 1
    """So many trucks are a queue.

    这么多辆车即为排队。"""
    long_queue_trucks: int = 5
    """So many trucks stand on the road: P2.

    这么多辆车会排到道路上：P2。"""
    readings: int = 3
    """In so many readings in a row: one wrong value proves nothing.

    连续这么多次读数：单个错误值不能说明问题。"""
    gap_s: int = 600
    """After longer without a reading nothing is known of the time between: it begins anew.

    更久没有读数时，其间情况未知：重新计起。"""
    clear_pct: float = 70.0
    """Below this the hopper takes trucks again.

    低于此值料仓又可接车。"""
    clear_readings: int = 2
    """In so many readings in a row, with the line running or nobody waiting, it is over.

    连续这么多次读数，且产线运行或无车等候，事件结束。"""
