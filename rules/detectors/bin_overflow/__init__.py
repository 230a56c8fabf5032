"""Bin overflow 满溢. Fill readings of recycling points enter; verdicts about each compartment leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.bin_overflow.judgement import BinOverflow
from rules.detectors.bin_overflow.parameters import BinOverflowParameters
from rules.detectors.entry import RuleEntry

RULE = RuleEntry(
    BinOverflow.name,
    title=Text(en="Bin overflow", zh="满溢"),
    colour="#E69F00",  # orange
    parameters=BinOverflowParameters,
    judgement=BinOverflow,
)
