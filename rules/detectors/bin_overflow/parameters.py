"""Thresholds of rule `bin_overflow`."""

from typing import Final

from rules.contract.rule import Parameters

_LEAST_PCT: Final = 1.0


class BinOverflowParameters(Parameters):
    """Levels are in percent of a compartment's height. No standard sets these defaults: each has its reason."""

    warn_pct: float = 80.0
    """Nearly full: a fifth is left, so that a collection can still come in time.

    将满：还剩五分之一，清运尚来得及。"""
    full_pct: float = 90.0
    """Full: the sensor sees the top of a heap, and bags no longer fall in. `overflow_at_pct` of a device (devices.yaml)
    goes before it, and moves `warn_pct` and `leave_pct` by as much.

    已满：传感器看到的是堆顶，袋子已落不下去。设备自己的 `overflow_at_pct`（devices.yaml）优先，并
    使 `warn_pct` 和 `leave_pct` 随之移动同样幅度。"""
    readings: int = 3
    """This many of the last `of_readings` at a level prove it: two high readings among low ones are noise.

    最近 `of_readings` 次读数中有这么多次达到该液位才算证实：低读数之间的两次高读数是噪声。"""
    of_readings: int = 5
    """Three of five at a level is the same as a median of five at it.

    五次中有三次达到某液位，等同于五次的中位数达到该液位。"""
    lasting_s: int = 900
    """Or at a level without a break for so long: devices that report every quarter of an hour need no third reading.

    或在该液位不间断地持续这么久：每一刻钟上报一次的设备不需要第三次读数。"""
    seldom_s: int = 14_400
    """Of a device with an interval from this on one reading is published, as a suspicion, and one low reading ends it:
    the next comes hours later.

    上报间隔达到此值的设备，一次读数即作为疑似发布，一次低读数即结束：下一次读数要几小时以后。"""
    leave_pct: float = 70.0
    """Below this the incident ends: 10 points under `warn_pct`, so that it does not flap.

    低于此值事件结束：比 `warn_pct` 低10个百分点，避免反复告警。"""
    leave_readings: int = 2
    """Readings in a row below `leave_pct`: one alone may be a slip of the sensor.

    连续这么多次读数低于 `leave_pct`：单次可能是传感器误差。"""
    emptied_points: float = 30.0
    """A fall by at least this many percentage points, borne out by a second reading, is an emptying.

    下降至少这么多个百分点，并由第二次读数印证，即为清运。"""
    blocked_points: float = 40.0
    """A leap by at least this many percentage points without a deposit is a covered sensor, not a full compartment.

    没有投放而跃升至少这么多个百分点，是传感器被遮挡，不是箱满。"""
    believed_points: float = 10.0
    """A level that rises by so much after such a leap comes from a sensor that measures: a cover holds still.

    这样跃升之后又上升这么多，说明传感器在正常测量：遮挡物是不动的。"""
    blocked_deposits: int = 20
    """After so many deposits a leap is believed: from a fifth full, bags of 4 % each have filled the compartment.

    经过这么多次投放后，跃升可信：从五分之一满起，每袋占4 %，已足以装满。"""
    blocked_s: int = 7_200
    """After so long a leap is reported as doubtful, with or without deposits: somebody has to look in any case.

    这么久之后，无论有无投放，都把跃升作为存疑上报：总得有人去看。"""
    rejoin_s: int = 21_600
    """A level that rises again within 6 h, without an emptying in between, continues the overflow: it hovers.

    6 h内未经清运又升高的液位，属于同一次满溢：液位在门限上下浮动。"""
    gap_intervals: int = 2
    """A gap longer than this many report intervals hides deposits, so a leap after it proves no covered sensor.

    超过这么多个上报间隔的缺口会掩盖投放，其后的跃升不能证明传感器被遮挡。"""

    def full_at(self, full_pct: float) -> "BinOverflowParameters":
        """Those of a bin that is full at another level, by reason of its form or of where its sensor sits: nearly full
        and no longer full lie as far below it as here, but above nought.
        """
        lower_by = self.full_pct - full_pct
        levels = {
            "warn_pct": max(self.warn_pct - lower_by, _LEAST_PCT),
            "leave_pct": max(self.leave_pct - lower_by, _LEAST_PCT),
        }
        return self.model_copy(update={"full_pct": full_pct, **levels})
