"""Mixed haulage 混合运输. Positions and tickets of a truck enter; verdicts about streams it carries together leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.mixed_haulage.judgement import MixedHaulage
from rules.detectors.mixed_haulage.parameters import MixedHaulageParameters

RULE = RuleEntry(
    MixedHaulage.name,
    title=Text(en="Mixed haulage", zh="混合运输"),
    colour="#FC9084",  # salmon
    parameters=MixedHaulageParameters,
    judgement=MixedHaulage,
)
