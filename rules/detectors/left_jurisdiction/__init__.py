"""Left jurisdiction 越界. Positions of a truck enter; verdicts about its time outside the city's jurisdiction leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.left_jurisdiction.judgement import LeftJurisdiction
from rules.detectors.left_jurisdiction.parameters import LeftJurisdictionParameters

RULE = RuleEntry(
    LeftJurisdiction.name,
    title=Text(en="Left jurisdiction", zh="越界"),
    colour="#004D40",  # dark green
    parameters=LeftJurisdictionParameters,
    judgement=LeftJurisdiction,
)
