"""Uncovered load 未密闭. Positions of a truck with its cover switch enter; verdicts about uncovered drives leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.uncovered_load.judgement import UncoveredLoad
from rules.detectors.uncovered_load.parameters import UncoveredLoadParameters

RULE = RuleEntry(
    UncoveredLoad.name,
    title=Text(en="Uncovered load", zh="未密闭"),
    colour="#F0E442",  # yellow
    parameters=UncoveredLoadParameters,
    judgement=UncoveredLoad,
)
