"""Unknown plate 未登记车牌. Tickets enter; findings leave, one a day for each plate that no vehicle has.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.unknown_plate.judgement import UnknownPlate
from rules.detectors.unknown_plate.parameters import UnknownPlateParameters

RULE = RuleEntry(
    UnknownPlate.name,
    title=Text(en="Unknown plate", zh="未登记车牌"),
    colour="#009E73",  # bluish green
    parameters=UnknownPlateParameters,
    judgement=UnknownPlate,
)
