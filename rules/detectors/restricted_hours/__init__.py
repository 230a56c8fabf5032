"""Restricted hours 超时段. Positions of a truck enter; verdicts about hauls outside the hours of its permits leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.restricted_hours.judgement import RestrictedHours
from rules.detectors.restricted_hours.parameters import RestrictedHoursParameters

RULE = RuleEntry(
    RestrictedHours.name,
    title=Text(en="Restricted hours", zh="超时段"),
    colour="#332288",  # indigo
    parameters=RestrictedHoursParameters,
    judgement=RestrictedHours,
)
