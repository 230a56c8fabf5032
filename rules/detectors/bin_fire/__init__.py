"""Bin fire 火警. Temperature and smoke of a recycling point's compartments enter; verdicts about fires leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.bin_fire.judgement import BinFire
from rules.detectors.bin_fire.parameters import BinFireParameters
from rules.detectors.entry import RuleEntry

RULE = RuleEntry(
    BinFire.name,
    title=Text(en="Bin fire", zh="火警"),
    colour="#F920F9",  # magenta
    parameters=BinFireParameters,
    judgement=BinFire,
)
