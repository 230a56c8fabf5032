"""Mass shortfall 联单重量不符. Tickets of a truck at its source and at its destination enter; findings on trips leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.mass_shortfall.judgement import MassShortfall
from rules.detectors.mass_shortfall.parameters import MassShortfallParameters

RULE = RuleEntry(
    MassShortfall.name,
    title=Text(en="Mass shortfall", zh="联单重量不符"),
    colour="#C4C4A0",  # sand
    parameters=MassShortfallParameters,
    judgement=MassShortfall,
    load_budget=lambda parameters, stream: parameters.load_budget(stream),
)
