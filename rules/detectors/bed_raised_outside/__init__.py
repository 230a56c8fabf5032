"""Bed raised outside 场外举升. Positions of a truck with its lift switch enter; verdicts about raised beds leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.bed_raised_outside.judgement import BedRaisedOutside
from rules.detectors.bed_raised_outside.parameters import BedRaisedOutsideParameters
from rules.detectors.entry import RuleEntry

RULE = RuleEntry(
    BedRaisedOutside.name,
    title=Text(en="Bed raised outside", zh="场外举升"),
    colour="#20DA20",  # lime
    parameters=BedRaisedOutsideParameters,
    judgement=BedRaisedOutside,
)
