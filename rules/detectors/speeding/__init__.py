"""Speeding 超速. Positions of a truck with its speed enter; verdicts about drives above the limit leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.speeding.judgement import Speeding
from rules.detectors.speeding.parameters import SpeedingParameters

RULE = RuleEntry(
    Speeding.name,
    title=Text(en="Speeding", zh="超速"),
    colour="#3FF9DA",  # turquoise
    parameters=SpeedingParameters,
    judgement=Speeding,
)
