"""Manifest overdue 联单未闭环. What a truck is seen to do enters; verdicts about loads that have not arrived leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.manifest_overdue.judgement import ManifestOverdue
from rules.detectors.manifest_overdue.parameters import ManifestOverdueParameters

RULE = RuleEntry(
    ManifestOverdue.name,
    title=Text(en="Manifest overdue", zh="联单未闭环"),
    colour="#7030B0",  # purple
    parameters=ManifestOverdueParameters,
    judgement=ManifestOverdue,
    overdue_at=lambda parameters, depart_at, arrive_by: parameters.overdue_at(depart_at, arrive_by),
)
