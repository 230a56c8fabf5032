"""Outside permitted area 越许可区域收集. Positions of a truck enter; verdicts about where it collected leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.outside_permitted_area.judgement import OutsidePermittedArea
from rules.detectors.outside_permitted_area.parameters import OutsidePermittedAreaParameters

RULE = RuleEntry(
    OutsidePermittedArea.name,
    title=Text(en="Outside permitted area", zh="越许可区域收集"),
    colour="#90A824",  # olive
    parameters=OutsidePermittedAreaParameters,
    judgement=OutsidePermittedArea,
)
