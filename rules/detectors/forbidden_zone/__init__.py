"""Forbidden zone 闯入禁行区. Positions of a truck enter; verdicts about its time in a forbidden zone leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.forbidden_zone.judgement import ForbiddenZone
from rules.detectors.forbidden_zone.parameters import ForbiddenZoneParameters

RULE = RuleEntry(
    ForbiddenZone.name,
    title=Text(en="Forbidden zone", zh="闯入禁行区"),
    colour="#8C3800",  # brown, a shade of vermillion
    parameters=ForbiddenZoneParameters,
    judgement=ForbiddenZone,
)
