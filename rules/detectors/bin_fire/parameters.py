"""Thresholds of rule `bin_fire`."""

from rules.contract.rule import Parameters


class BinFireParameters(Parameters):
    """Temperatures are in degrees Celsius. No standard sets these defaults: each has its reason."""

    fire_c: float = 70.0
    """No sun heats a closed bin so far; a smouldering fire is above it.

    日晒不会使密闭箱体达到此温度；阴燃会超过。"""
    fire_readings: int = 2
    """So many readings in a row at it: a probe that starts, or whose wire is loose, gives one. The second comes within
    30 s from a terminal that reports such values at once.

    连续这么多次读数达到该温度：探头启动或接线松动只会出现一次。此类读数立即上报的终端，第二次在30 s内到达。"""
    warm_c: float = 45.0
    """Warmer than a shaded bin on a summer day: from here on the rise counts.

    高于夏季背阴箱体的温度：由此起才计算升温速率。"""
    rise_c_per_min: float = 5.0
    """So fast heats no sun and no composting: those take hours.

    日晒和堆肥不会升温这么快：它们需要数小时。"""
    rise_s: int = 120
    """For so long,

    升温须持续这么久。"""
    rise_readings: int = 3
    """in so many readings, each of them risen so fast: one wrong value proves no rise.

    须有这么多次读数，且每次都达到该升温速率：单个错误值不能证明升温。"""
    smoke_readings: int = 2
    """So many readings in a row with smoke are a fire; the first one is published as a suspicion, at once.

    连续这么多次读数有烟即为火警；第一次立即作为疑似发布。"""
    calm_c: float = 40.0
    """Below this, and without smoke, a compartment is calm.

    低于此温度且无烟，该分类箱视为平稳。"""
    calm_s: int = 600
    """All that burned must be calm for so long: embers flare up again.

    所有起火的分类箱须平稳这么久：余烬会复燃。"""
