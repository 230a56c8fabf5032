"""Weighbridge integrity 过磅异常. Tickets and positions of trucks enter; findings on weighings leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.weighbridge_integrity.judgement import WeighbridgeIntegrity
from rules.detectors.weighbridge_integrity.parameters import WeighbridgeIntegrityParameters

RULE = RuleEntry(
    WeighbridgeIntegrity.name,
    title=Text(en="Weighbridge integrity", zh="过磅异常"),
    colour="#D00090",  # ruby
    parameters=WeighbridgeIntegrityParameters,
    judgement=WeighbridgeIntegrity,
)
