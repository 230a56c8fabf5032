"""Cannot be judged 无法研判. Readings of every device enter; verdicts on what is missing to judge it leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.cannot_be_judged.judgement import CannotBeJudged
from rules.detectors.cannot_be_judged.parameters import CannotBeJudgedParameters
from rules.detectors.entry import RuleEntry

RULE = RuleEntry(
    CannotBeJudged.name,
    title=Text(en="Cannot be judged", zh="无法研判"),
    colour="#56B4E9",  # sky blue
    parameters=CannotBeJudgedParameters,
    judgement=CannotBeJudged,
)
