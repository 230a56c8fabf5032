"""Thresholds of rule `manifest_overdue`."""

from rules.contract.rule import Parameters


class ManifestOverdueParameters(Parameters):
    """The plan is that of the manifest. No standard sets these defaults: each has its reason."""

    grace_s: int = 2_700
    """So long after its planned arrival a load may still come, in any case: a queue at the gate takes half an hour.

    计划到达时间之后无论如何容许这么久：在门口排队需半小时。"""
    grace_pct: int = 50
    """Or so many percent of the planned time: on a long way more can go wrong.

    或计划用时的这一百分比：路途越长，意外越多。"""

    def overdue_at(self, depart_at: int, arrive_by: int) -> int:
        """When a load is overdue that is to depart and to arrive then; all in ms."""
        planned_ms = max(arrive_by - depart_at, 0)
        return arrive_by + max(self.grace_s * 1000, planned_ms * self.grace_pct // 100)
