"""Illegal dumping 非法倾倒. Positions and weighbridge tickets of a truck enter; verdicts about its stops leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.illegal_dumping.judgement import IllegalDumping
from rules.detectors.illegal_dumping.parameters import IllegalDumpingParameters

RULE = RuleEntry(
    IllegalDumping.name,
    title=Text(en="Illegal dumping", zh="非法倾倒"),
    colour="#D55E00",  # vermillion
    parameters=IllegalDumpingParameters,
    judgement=IllegalDumping,
)
