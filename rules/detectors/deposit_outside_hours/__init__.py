"""Deposit outside hours 超时投放. Fill readings enter; verdicts about deposits outside the hours of a point leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.deposit_outside_hours.judgement import DepositOutsideHours
from rules.detectors.deposit_outside_hours.parameters import DepositOutsideHoursParameters
from rules.detectors.entry import RuleEntry

RULE = RuleEntry(
    DepositOutsideHours.name,
    title=Text(en="Deposit outside hours", zh="超时投放"),
    colour="#846084",  # mauve
    parameters=DepositOutsideHoursParameters,
    judgement=DepositOutsideHours,
)
