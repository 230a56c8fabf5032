"""Stopped loaded 重车违停. Positions of trucks enter; verdicts about loaded trucks that stand outside every site leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.stopped_loaded.judgement import StoppedLoaded
from rules.detectors.stopped_loaded.parameters import StoppedLoadedParameters

RULE = RuleEntry(
    StoppedLoaded.name,
    title=Text(en="Stopped loaded", zh="重车违停"),
    colour="#9C20F9",  # violet
    parameters=StoppedLoadedParameters,
    judgement=StoppedLoaded,
)
